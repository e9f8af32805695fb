"""What labels do to log odds."""

import numpy as np
import pytest

from engine.scoring.calibration import LEAST_SCALE, calibrated, fit_calibration

NOBODY = np.zeros(0, np.bool_)


def test_without_labels_nothing_changes() -> None:
    assert fit_calibration(np.zeros(0, np.float32), NOBODY) == (1.0, 0.0)


def test_one_label_that_contradicts_a_sure_score_moves_even_odds_by_little() -> None:
    for odds in (3.0, 6.0, 30.0):
        scale, shift = fit_calibration(np.array([odds], np.float32), np.array([False]))
        moved = calibrated(np.array([1.0, odds], np.float32), scale, shift)
        assert -0.3 < moved[0] < 1.0
        assert moved[1] > 0


def test_many_labels_bring_log_odds_to_where_they_say() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(0, 2, 4000)
    fits = random.random(4000) < 1 / (1 + np.exp(-truth))
    shown = (truth / 0.6 + 1).astype(np.float32)
    scale, shift = fit_calibration(shown, fits)
    assert scale == pytest.approx(0.6, rel=0.15)
    assert shift == pytest.approx(-0.6, abs=0.15)


def test_labels_that_say_the_opposite_never_turn_the_order_around() -> None:
    odds = np.linspace(-5, 5, 400).astype(np.float32)
    scale, shift = fit_calibration(odds, odds < 0)
    assert scale == LEAST_SCALE
    assert np.all(np.diff(calibrated(odds, scale, shift)) > 0)


def test_labels_that_agree_pull_a_score_up_and_others_down() -> None:
    odds = np.full(20, -1.0, np.float32)
    up = calibrated(odds, *fit_calibration(odds, np.ones(20, np.bool_)))[0]
    down = calibrated(odds, *fit_calibration(odds, np.zeros(20, np.bool_)))[0]
    assert down < -1 < 0 < up
