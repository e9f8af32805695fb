"""Platt scaling of logits, of many pairs and of a person's few labels."""

import numpy as np
import pytest

from engine.scoring.calibration import LEAST_SCALE, calibrated, fit_calibration, fit_platt

NOBODY = np.zeros(0, np.bool_)


def test_without_labels_nothing_changes() -> None:
    assert fit_calibration(np.zeros(0, np.float32), NOBODY) == (1.0, 0.0)


def test_one_label_that_contradicts_a_sure_score_moves_even_odds_by_little() -> None:
    for logits in (3.0, 6.0, 30.0):
        scale, bias = fit_calibration(np.array([logits], np.float32), np.array([False]))
        moved = calibrated(np.array([1.0, logits], np.float32), scale, bias)
        assert -0.3 < moved[0] < 1.0
        assert moved[1] > 0


def test_many_labels_bring_logits_to_where_they_say() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(0, 2, 4000)
    fits = random.random(4000) < 1 / (1 + np.exp(-truth))
    shown = (truth / 0.6 + 1).astype(np.float32)
    scale, bias = fit_calibration(shown, fits)
    assert scale == pytest.approx(0.6, rel=0.15)
    assert bias == pytest.approx(-0.6, abs=0.15)


def test_labels_that_say_the_opposite_never_turn_the_order_around() -> None:
    logits = np.linspace(-5, 5, 400).astype(np.float32)
    scale, bias = fit_calibration(logits, logits < 0)
    assert scale == LEAST_SCALE
    assert np.all(np.diff(calibrated(logits, scale, bias)) > 0)


def test_labels_that_agree_pull_a_score_up_and_others_down() -> None:
    logits = np.full(20, -1.0, np.float32)
    up = calibrated(logits, *fit_calibration(logits, np.ones(20, np.bool_)))[0]
    down = calibrated(logits, *fit_calibration(logits, np.zeros(20, np.bool_)))[0]
    assert down < -1 < 0 < up


def test_platt_scaling_makes_logits_right() -> None:
    random = np.random.default_rng(0)
    truth = 2 * random.standard_normal(20_000) + 0.5
    fits = random.random(20_000) < 1 / (1 + np.exp(-truth))
    scale, bias = fit_platt((truth / 4 - 1).astype(np.float32), fits)
    assert scale == pytest.approx(4, rel=0.1)
    assert bias == pytest.approx(4, rel=0.15)


def test_platt_scaling_has_an_answer_where_all_is_told_apart_and_where_nothing_is() -> None:
    fits = np.arange(400) < 100
    apart = np.where(fits, 30.0, -30.0).astype(np.float32)
    scale, bias = fit_platt(apart, fits)
    shown = 1 / (1 + np.exp(-calibrated(apart, scale, bias).astype(np.float64)))
    assert shown[0] == pytest.approx(101 / 102, abs=1e-3)
    assert shown[-1] == pytest.approx(1 / 302, abs=1e-3)
    same = np.full(400, 0.3, np.float32)
    moved = calibrated(same, *fit_platt(same, fits))
    assert 1 / (1 + np.exp(-moved[0])) == pytest.approx(0.25, abs=0.01)


def test_platt_scaling_turns_an_order_around_that_is_wrong() -> None:
    logits = np.linspace(-5, 5, 400).astype(np.float32)
    assert fit_platt(logits, logits < 0)[0] < 0
