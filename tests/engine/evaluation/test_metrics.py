"""Every figure against a reference on the same scores: scikit-learn or scipy where the figure is
our own, and the definition, pair by pair, where it is theirs.
"""

import numpy as np
import pytest
from scipy import stats
from sklearn import calibration, metrics

from engine.evaluation.data import SwappedPair
from engine.evaluation.figures import calibration as calibration_of
from engine.evaluation.figures import folded, left_out, swap
from engine.evaluation.results import FoldFigures, recall_sums
from engine.results import FloatArray
from engine.scoring.metrics import (
    Floats,
    RightPairs,
    auc,
    brier,
    calibration_error,
    curve,
    decide,
    interpolated_precision,
    ndcg_at,
    precision_at,
    rank_queries,
    reliability,
    resampled_auc,
    right_ranks,
    transposed,
)
from engine.scoring.resampling import draw, means, median, paired_difference

QUERIES, CANDIDATES = 60, 200


def scores_of(seed: int = 0, *, levels: int = 0) -> FloatArray:
    """Random scores, of few distinct levels where ties are wanted."""
    random = np.random.default_rng(seed)
    if levels:
        return random.integers(0, levels, (QUERIES, CANDIDATES)).astype(np.float32)
    return random.standard_normal((QUERIES, CANDIDATES)).astype(np.float32)


def right_of(seed: int = 0) -> RightPairs:
    """Between 1 and 40 right candidates for each query but the last, which has none."""
    random = np.random.default_rng(seed)
    pairs = [
        (query, candidate)
        for query in range(QUERIES - 1)
        for candidate in random.permutation(CANDIDATES)[: random.integers(1, 41)]
    ]
    return RightPairs.of([q for q, _ in pairs], [int(c) for _, c in pairs])


def test_average_precision_and_reciprocal_rank_equal_scikit_learn() -> None:
    scores, right = scores_of(), right_of()
    mask = right.mask(QUERIES, CANDIDATES)
    ranked = rank_queries(scores, right)
    expected = [
        metrics.average_precision_score(mask[query], scores[query]) for query in ranked.query
    ]
    np.testing.assert_allclose(ranked.precision, expected, atol=1e-9, rtol=0)
    assert QUERIES - 1 not in ranked.query
    np.testing.assert_array_equal(ranked.rights, mask.sum(axis=1)[:-1])


@pytest.mark.parametrize("k", [1, 5, 10])
def test_the_gain_of_the_first_candidates_equals_scikit_learn(k: int) -> None:
    scores, right = scores_of(8), right_of(8)
    mask = right.mask(QUERIES, CANDIDATES)
    ranked = rank_queries(scores, right)
    expected = [
        metrics.ndcg_score(mask[query][None], scores[query][None], k=k) for query in ranked.query
    ]
    np.testing.assert_allclose(ndcg_at(ranked, k), expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize("levels", [0, 4])
def test_precision_at_k_counts_the_right_ones_among_the_first(k: int, levels: int) -> None:
    scores, right = scores_of(9, levels=levels), right_of(9)
    mask = right.mask(QUERIES, CANDIDATES)
    order = np.argsort(-scores, axis=1, kind="stable")[:-1, :k]
    expected = np.take_along_axis(mask[:-1], order, axis=1).mean(axis=1)
    np.testing.assert_allclose(precision_at(rank_queries(scores, right), k), expected, atol=1e-12)


def test_the_interpolated_curve_is_the_best_precision_from_each_recall_on() -> None:
    """Walked down the list once more, candidate by candidate; with tenths that divide evenly."""
    scores = scores_of(10)
    counts = [1, 2, 3, 7, 10, 20, 40]
    pairs = [(q, c) for q, count in enumerate(counts) for c in range(0, 5 * count, 5)]
    right = RightPairs.of([q for q, _ in pairs], [c for _, c in pairs])
    found = interpolated_precision(rank_queries(scores, right))
    mask = right.mask(QUERIES, CANDIDATES)
    for query, count in enumerate(counts):
        hits, walked = 0, []
        for place, candidate in enumerate(np.argsort(-scores[query], kind="stable"), 1):
            hits += int(mask[query, candidate])
            walked.append((10 * hits, hits / place))
        expected = [max(p for tenths, p in walked if tenths >= n * count) for n in range(11)]
        np.testing.assert_allclose(found[query], expected, atol=1e-12)
    assert interpolated_precision(rank_queries(scores, RightPairs.of([], []))).shape == (0, 11)


def test_folds_are_asked_apart_and_averaged() -> None:
    """Four pictures of each fold with two texts each; the last two pictures fill no fold."""
    scores = np.random.default_rng(12).standard_normal((20, 10)).astype(np.float32)
    right = RightPairs.of(list(range(20)), [text // 2 for text in range(20)])
    there, back = folded("cosine", scores, right, folds=2, pictures=4)
    firsts, backs = [], []
    for first in (0, 4):
        part = scores[2 * first : 2 * first + 8, first : first + 4]
        own = np.arange(8) // 2
        firsts.append([int((part[t] >= part[t, own[t]]).sum()) for t in range(8)])
        backs.append([min((part[:, p] >= part[t, p]).sum() for t in (2 * p, 2 * p + 1))
                      for p in range(4)])  # fmt: skip
    assert there.r1 == pytest.approx(np.mean([np.mean(np.array(some) <= 1) for some in firsts]))
    assert back.r1 == pytest.approx(np.mean([np.mean(np.array(some) <= 1) for some in backs]))
    assert there.median_rank == pytest.approx(np.mean([np.median(some) for some in firsts]))
    assert (there.queries, back.queries, there.r5, back.r10) == (8, 4, 1.0, 1.0)
    assert folded("cosine", scores, right, folds=3, pictures=4) == ()


def test_rsum_adds_the_recalls_of_both_directions_in_percent() -> None:
    some = [
        FoldFigures(
            scorer="cosine",
            direction=direction,
            folds=5,
            pictures=1000,
            queries=1000,
            r1=0.5,
            r5=0.75,
            r10=value,
            median_rank=1,
        )
        for direction, value in (("text_to_picture", 0.8), ("picture_to_text", 0.9))
    ]
    (total,) = recall_sums((), some)
    assert (total.scorer, total.folds) == ("cosine", 5)
    assert total.value == pytest.approx(50 + 75 + 80 + 50 + 75 + 90)
    assert recall_sums((), some[:1]) == ()


@pytest.mark.parametrize("k", [1, 5, 10])
def test_recall_at_k_of_single_answers_equals_top_k_accuracy(k: int) -> None:
    scores = scores_of(3)
    labels = np.random.default_rng(3).integers(0, CANDIDATES, QUERIES)
    ranked = rank_queries(scores, RightPairs.of(list(range(QUERIES)), labels.tolist()))
    expected = metrics.top_k_accuracy_score(labels, scores, k=k, labels=np.arange(CANDIDATES))
    assert np.mean(ranked.first <= k) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("levels", [0, 7])
def test_ranks_are_those_of_a_stable_sort_also_where_scores_are_equal(levels: int) -> None:
    scores, right = scores_of(1, levels=levels), right_of(1)
    order = np.argsort(-scores, axis=1, kind="stable")
    places = np.argsort(order, axis=1) + 1
    np.testing.assert_array_equal(right_ranks(scores, right), places[right.text, right.picture])


def test_the_other_direction_is_the_transposed_matrix() -> None:
    scores = scores_of()
    np.testing.assert_array_equal(transposed(scores), scores.T)
    flipped = right_of().flipped()
    np.testing.assert_array_equal(
        flipped.mask(CANDIDATES, QUERIES), right_of().mask(QUERIES, CANDIDATES).T
    )


def won(good: Floats, bad: Floats) -> float:
    """The share of pairs of scores in which the good one is higher, ties counting half."""
    return float(np.mean([(g > b) + 0.5 * (g == b) for g in good for b in bad]))


def test_the_area_is_the_share_of_pairs_in_which_the_good_score_is_higher() -> None:
    random = np.random.default_rng(5)
    good, bad = random.integers(0, 9, 300) / 3, random.integers(-3, 6, 200) / 3
    assert auc(good, bad) == pytest.approx(won(good, bad), abs=1e-9)
    assert auc(good[:0], bad) == auc(good, bad[:0]) == 0.5


def test_the_area_of_a_resample_is_that_of_the_pairs_drawn() -> None:
    random = np.random.default_rng(13)
    good, bad = random.integers(0, 9, 80) / 3, random.integers(-3, 6, 80) / 3
    draws = [random.integers(0, 80, count) for count in (80, 75, 1)]
    expected = [won(good[rows], bad[rows]) for rows in draws]
    np.testing.assert_allclose(resampled_auc(good, bad, draws), expected, atol=1e-9, rtol=0)


def test_the_routing_curve_counts_what_each_best_score_as_threshold_would_retrieve() -> None:
    random = np.random.default_rng(6)
    present = random.random(80) < 0.4
    best = np.round(random.random(80) + 0.5 * present, 2).astype(np.float64)
    points, most = curve(best, present)
    assert [point.threshold for point in points] == sorted(set(best.tolist()))
    for point in points:
        retrieved = [score >= point.threshold for score in best]
        pairs = list(zip(retrieved, present, strict=True))
        right = pairs.count((True, True))
        assert point.precision == pytest.approx(right / sum(retrieved), abs=1e-9)
        assert point.recall == pytest.approx(right / sum(present), abs=1e-9)
        assert point.accuracy == pytest.approx(
            np.mean([got == is_there for got, is_there in pairs])
        )
        assert decide(best, present, point.threshold) == point
    highest = max(point.accuracy for point in points)
    assert most == next(point for point in points if point.accuracy == highest)


def test_a_threshold_that_nothing_reaches_is_never_wrong_about_what_it_retrieves() -> None:
    nothing = decide(np.array([0.2, 0.4]), np.array([True, False]), 0.9)
    assert (nothing.precision, nothing.recall, nothing.accuracy) == (1.0, 0.0, 0.5)


@pytest.mark.parametrize(("present", "recall"), [([True, True], 1.0), ([False, False], 0.0)])
def test_a_curve_over_queries_of_one_kind_is_no_error(present: list[bool], recall: float) -> None:
    points, most = curve(np.array([0.2, 0.4]), np.array(present))
    assert (points[0].recall, points[0].accuracy) == (recall, recall)
    assert decide(np.array([0.2, 0.4]), np.array(present), most.threshold) == most
    assert curve(np.zeros(0), np.zeros(0, bool))[0] == ()


def test_calibration_equals_scikit_learn_and_the_brier_score_is_the_squared_error() -> None:
    random = np.random.default_rng(7)
    probability = random.random(4000)
    label = random.random(4000) < probability**2
    bins = reliability(probability, label)
    observed, predicted = calibration.calibration_curve(label, probability, n_bins=len(bins))
    np.testing.assert_allclose([bar.observed for bar in bins], observed, atol=1e-9)
    np.testing.assert_allclose([bar.predicted for bar in bins], predicted, atol=1e-9)
    counts = np.array([bar.count for bar in bins])
    expected = float(np.abs(observed - predicted) @ counts / counts.sum())
    assert calibration_error(bins) == pytest.approx(expected, abs=1e-9)
    squares = [(p - is_right) ** 2 for p, is_right in zip(probability, label, strict=True)]
    assert brier(probability, label) == pytest.approx(sum(squares) / 4000, abs=1e-9)


def test_an_interval_is_that_of_scipys_bootstrap() -> None:
    values = np.random.default_rng(8).exponential(size=400)
    draws = draw(np.arange(400), 4000)
    (mine,) = means([values], draws)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert mine.value == pytest.approx(values.mean(), abs=1e-9)
    assert mine.low == pytest.approx(theirs.low, abs=0.01)
    assert mine.high == pytest.approx(theirs.high, abs=0.01)


def test_queries_of_one_cluster_are_drawn_together() -> None:
    """Five copies of a query tell no more than one: the interval must not shrink."""
    values = np.random.default_rng(9).random(100)
    (alone,) = means([values], draw(np.arange(100)))
    (copied,) = means([np.repeat(values, 5)], draw(np.repeat(np.arange(100), 5)))
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.15)


@pytest.mark.parametrize("count", [300, 301])
def test_the_median_rank_is_that_of_numpy_and_inside_its_interval(count: int) -> None:
    ranks = np.random.default_rng(10).geometric(0.05, count)
    found = median(ranks, draw(np.arange(count)))
    assert found.value == np.median(ranks)
    assert found.low <= found.value <= found.high
    assert found.low < found.high


def test_the_paired_test_agrees_with_scipys_permutation_test() -> None:
    random = np.random.default_rng(11)
    one = random.random(60)
    other = one + random.normal(0.05, 0.2, 60)
    _, p = paired_difference(one, other, draw(np.arange(60), 4000))
    expected = stats.permutation_test(
        (one, other),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=4000,
        rng=np.random.default_rng(0),
    ).pvalue
    assert p == pytest.approx(expected, abs=0.03)


def test_equal_scorers_do_not_differ() -> None:
    values = np.random.default_rng(12).random(50)
    difference, p = paired_difference(values, values.copy(), draw(np.arange(50)))
    assert (difference.value, difference.low, difference.high, p) == (0, 0, 0, 1)


def test_a_text_is_asked_without_its_pictures_only_where_others_are_left() -> None:
    scores = np.array([[0.9, 0.2, 0.4], [0.5, 0.6, 0.7]], np.float32)
    right = RightPairs.of([0, 1, 1, 1], [0, 0, 1, 2])
    found = left_out(scores, right)
    np.testing.assert_allclose(found.best, [0.9, 0.7, 0.4])
    assert found.present.tolist() == [True, True, False]
    assert found.kinds == ("present", "present", "absent")


def test_wrong_pairs_are_never_right_ones() -> None:
    odds = np.where(np.eye(40, dtype=bool), 50, -50).astype(np.float32)
    found = calibration_of("match", odds, RightPairs.of(list(range(40)), list(range(40))), seed=1)
    assert found.pairs == 80
    assert found.error == pytest.approx(0, abs=1e-9)
    assert (found.bins[0].count, found.bins[-1].count) == (40, 40)


def test_swaps_are_told_apart_pair_by_pair_and_by_attribute() -> None:
    names = ("colour", "colour", "place")
    pairs = [
        SwappedPair(true=f"t{n}", false=f"f{n}", picture=n, attribute=name)
        for n, name in enumerate(names)
    ]
    found = swap("s", np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.0]), pairs, 50, 0)
    assert found.told_apart == pytest.approx((1 + 0 + 0.5) / 3)
    assert found.attributes == (("colour", 2, 0.5), ("place", 1, 0.5))
    assert found.auc.value == pytest.approx((3 + 0.5 + 2) / 9)
