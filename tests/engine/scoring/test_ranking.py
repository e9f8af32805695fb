"""Order, counts and route follow from the scores alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.results import HISTOGRAM_BINS, Chance, Scores
from engine.scoring import ranking
from engine.states import Route

FINITE = st.floats(-40, 40, width=32)
LOGITS = st.lists(st.one_of(FINITE, st.sampled_from([0.0, -0.0, 1.0, -1.0])), max_size=60)
THRESHOLDS = st.floats(0, 1)


def scores_of(logits: list[float], chance: Chance | None = None) -> Scores:
    logit = np.array(logits, np.float32)
    ids = np.arange(10, 10 + len(logits), dtype=np.int64)
    return ranking.make_scores(ids, np.tanh(logit / 4), logit, chance=chance)


def best_first(values: list[float]) -> list[int]:
    return sorted(range(len(values)), key=lambda index: (-values[index], index))


@given(LOGITS)
def test_order_is_by_score_and_then_by_picture_id(logits: list[float]) -> None:
    scores = scores_of(logits)
    assert ranking.order(scores, "match").tolist() == best_first(scores.match_logit.tolist())
    assert ranking.order(scores, "cosine").tolist() == best_first(scores.cosine.tolist())


@given(LOGITS, st.integers(0, 70))
def test_the_top_is_the_head_of_the_order(logits: list[float], k: int) -> None:
    scores = scores_of(logits)
    whole = ranking.order(scores, "match").tolist()
    assert ranking.top(scores, "match", k).tolist() == (whole[:k] if k else whole)


@given(LOGITS)
def test_a_rank_is_the_position_in_the_order(logits: list[float]) -> None:
    scores = scores_of(logits)
    for position, index in enumerate(ranking.order(scores, "match").tolist()):
        assert ranking.rank_of(scores, "match", index) == position + 1


@given(LOGITS, THRESHOLDS)
def test_the_histogram_counts_every_picture_once(logits: list[float], threshold: float) -> None:
    scores = scores_of(logits)
    counts = ranking.histogram(scores)
    assert len(counts) == HISTOGRAM_BINS
    assert sum(counts) == len(logits)
    expected, _ = np.histogram(scores.match, HISTOGRAM_BINS, (0, 1))
    assert list(counts) == expected.tolist()


@given(LOGITS, THRESHOLDS)
def test_passed_agrees_with_the_numbers_of_the_rows(logits: list[float], threshold: float) -> None:
    scores = scores_of(logits)
    expected = sum(float(match) >= threshold for match in scores.match)
    assert ranking.passed(scores, threshold) == expected
    assert ranking.route(scores, threshold).route == (
        Route.RETRIEVE if expected else Route.GENERATE
    )


def test_a_match_that_float32_rounds_below_the_threshold_does_not_pass() -> None:
    scores = scores_of([0.0])
    shown = np.array([0.7], np.float32)
    scores = Scores(
        picture_ids=scores.picture_ids, cosine=shown, match=shown, match_logit=scores.match_logit
    )
    assert float(shown[0]) < 0.7
    assert ranking.passed(scores, 0.7) == 0


def test_saturated_probabilities_still_rank_by_their_log_odds() -> None:
    scores = scores_of([30.0, 35.0, 32.0])
    assert set(scores.match.tolist()) == {1.0}
    assert ranking.order(scores, "match").tolist() == [1, 2, 0]


def test_a_score_that_is_not_a_number_ranks_last_and_never_passes() -> None:
    logit = np.array([np.nan, -np.inf, 3.0, np.inf], np.float32)
    cosine = np.array([np.nan, 0.1, np.inf, 0.3], np.float32)
    scores = ranking.make_scores(np.arange(4, dtype=np.int64), cosine, logit)
    assert ranking.order(scores, "match").tolist() == [3, 2, 0, 1]
    assert ranking.order(scores, "cosine").tolist() == [3, 1, 0, 2]
    assert ranking.passed(scores, 0.5) == 2
    assert sum(ranking.histogram(scores)) == 4


def test_a_raw_nan_sorts_behind_everything() -> None:
    values = np.array([np.nan, -np.inf, 1.0, -2.0], np.float32)
    assert ranking.top_indices(values, 2).tolist() == [2, 3]


def test_scores_cannot_be_changed_by_who_shows_them() -> None:
    with pytest.raises(ValueError, match="read-only"):
        scores_of([1.0]).match[0] = 0


def test_an_unknown_scorer_is_refused() -> None:
    with pytest.raises(ValueError, match="'bm25'"):
        ranking.order(scores_of([1.0]), "bm25")


def test_the_reason_names_counts_and_tells_close_numbers_apart() -> None:
    near = float(np.log(0.4996 / 0.5004))
    assert ranking.route(scores_of([near]), 0.5).reason == (
        "none of 1 picture has a match of 0.5000: the best is 0.4996"
    )
    assert ranking.route(scores_of([2.0, -2.0]), 0.5).reason == (
        "1 of 2 pictures has a match of 0.50 or more"
    )


def test_no_pictures_route_to_generation() -> None:
    routing = ranking.route(scores_of([]), 0.0)
    assert (routing.route, routing.best_match, routing.passed) == (Route.GENERATE, 0.0, 0)


@pytest.mark.parametrize(
    ("best", "words"),
    [
        (-1.1, "none of 2 pictures has a match of 0.50: the best is 0.25; by chance 0.30"),
        (
            -0.9,
            "none of 2 pictures has a match of 0.50: the best is 0.29; by chance 0.30; uncertain:"
            " the odds are near even",
        ),
        (
            0.9,
            "1 of 2 pictures has a match of 0.50 or more: the best 0.71; by chance 0.30; uncertain:"
            " the odds are near even",
        ),
        (1.1, "1 of 2 pictures has a match of 0.50 or more: the best 0.75; by chance 0.30"),
    ],
)
def test_a_query_of_nearly_even_odds_is_said_to_be_uncertain(best: float, words: str) -> None:
    decision = ranking.route(scores_of([best, -6], Chance(half=0.3, high=0.9)), 0.5)
    assert decision.reason == words
    assert decision.is_uncertain == ("uncertain" in words)


def test_uncertain_is_what_is_known_and_not_what_is_asked_for() -> None:
    chance = Chance(half=0.3, high=0.9)
    assert all(ranking.route(scores_of([0.2], chance), at).is_uncertain for at in (0.1, 0.5, 0.9))
    assert not any(ranking.route(scores_of([3.0], chance), at).is_uncertain for at in (0.1, 0.95))


def test_where_chance_was_not_measured_nothing_is_uncertain() -> None:
    assert not ranking.route(scores_of([0.2]), 0.5).is_uncertain
    assert not ranking.route(scores_of([], Chance(half=0.3, high=0.9)), 0.5).is_uncertain
