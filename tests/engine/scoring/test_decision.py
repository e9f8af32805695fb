"""Tests of the decision: where a query is placed beside background texts."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from engine.results import FloatArray
from engine.scoring.decision import (
    APART,
    ENOUGH,
    EVEN,
    SURE,
    Placement,
    Surroundings,
    Zero,
    fit_absent,
)
from engine.scoring.evidence import BEST, TAIL, Evidence, Floats, Tally, evidence_of

TEXTS = 200


def made(pictures: int, present: float = 0.15, seed: int = 0, texts: int = TEXTS) -> FloatArray:
    """Logits of texts that hit nothing, but for a part of them that hit some pictures."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(texts, pictures)) + random.normal(scale=0.5, size=(texts, 1))
    hit = round(present * texts)
    logits[:hit, : max(1, pictures // 20)] += 3.5
    return logits.astype(np.float32)


def near_of(texts: int, seed: int = 1) -> Surroundings:
    """Texts of which none is like another."""
    near = np.random.default_rng(seed).normal(0.7, 0.02, texts)
    return Surroundings(near=near, weights=np.zeros((texts, 0)))


def alike(texts: int = 1, near: float = 0.7) -> Surroundings:
    return Surroundings(near=np.full(texts, near), weights=np.zeros((texts, 0)))


def zero_of(logits: FloatArray, near: Surroundings | None = None) -> Zero:
    pictures = logits.shape[1]
    near = near_of(len(logits)) if near is None else near
    zero = Zero.measure(near, evidence_of(logits), pictures=pictures, sampled=pictures)
    assert zero is not None
    return zero


def odds_of(zero: Zero, logits: FloatArray, near: float = 0.7) -> Floats:
    return zero.library_odds(alike(len(logits), near), evidence_of(logits))


@pytest.mark.parametrize("pictures", [1, 5, 20, 500])
def test_what_hits_is_retrieved_and_what_does_not_is_generated_at_any_size(pictures: int) -> None:
    zero = zero_of(made(pictures), alike(TEXTS))
    lacking = odds_of(zero, made(pictures, present=0.0, seed=2))
    hitting = odds_of(zero, made(pictures, present=1.0, seed=3))
    assert (hitting >= 0).mean() > 0.85
    # EVEN lies a little above the middle of absent texts: six in ten of a normal stay below it.
    assert (lacking < 0).mean() > 0.55
    assert np.median(hitting) - np.median(lacking) > APART


def test_rates_do_not_drift_from_100_to_10_000_pictures() -> None:
    passing = []
    for pictures in (100, 1_000, 10_000):
        zero = zero_of(made(pictures, present=0.05))
        passing.append((odds_of(zero, made(pictures, present=0.0, seed=2)) >= 0).mean())
    assert np.ptp(passing) < 0.15


def test_no_picture_and_too_few_texts_have_no_zero() -> None:
    logits = made(10)
    few = Evidence(best=np.zeros(ENOUGH - 1), chance=np.zeros(ENOUGH - 1))
    assert Zero.measure(near_of(ENOUGH - 1), few, pictures=10, sampled=10) is None
    assert Zero.measure(near_of(TEXTS), evidence_of(logits), pictures=0, sampled=0) is None


def test_copies_of_one_picture_decide_as_that_picture_does() -> None:
    one = made(1)
    many = np.repeat(one, 50, axis=1)
    query = made(1, present=0.5, seed=4)
    alone = odds_of(zero_of(one), query)
    copied = odds_of(zero_of(many), np.repeat(query, 50, axis=1))
    assert np.allclose(alone, copied, atol=1e-4)


def test_each_picture_twice_changes_few_decisions() -> None:
    logits, queries = made(300), made(300, present=0.5, seed=5)
    once = odds_of(zero_of(logits), queries) >= 0
    twice = odds_of(zero_of(np.tile(logits, 2)), np.tile(queries, 2)) >= 0
    assert (once != twice).mean() < 0.1


def test_background_texts_that_are_all_alike_say_nothing() -> None:
    logits = np.ones((TEXTS, 30), np.float32)
    zero = zero_of(logits, alike(TEXTS))
    odds = odds_of(zero, np.ones((1, 30), np.float32))
    assert np.isfinite(odds).all()
    assert odds[0] < 0
    placement = zero.placement(alike(), np.arange(30, dtype=np.float32))
    assert placement.slope > 0


def test_what_stands_out_from_a_background_that_is_all_alike_is_there() -> None:
    zero = zero_of(np.full((TEXTS, 30), -4.678834, np.float32))
    query = np.full((1, 30), -4.678834, np.float32)
    assert odds_of(zero, query * np.float32(1 + 1e-7))[0] < 0
    query[0, 7] = 95
    assert odds_of(zero, query)[0] > 0


def test_queries_out_of_the_background_are_decided_as_others() -> None:
    logits = made(400, present=0.3)
    odds = odds_of(zero_of(logits), logits)
    hit = np.arange(TEXTS) < 60
    assert (odds[hit] >= 0).mean() > 0.85
    assert (odds[~hit] < 0).mean() > 0.55


@pytest.mark.parametrize("present", [0.0, 0.2, 0.4, 0.5, 0.6])
def test_the_zero_stays_where_many_background_texts_are_present(present: float) -> None:
    zero = zero_of(made(400, present=present))
    assert (odds_of(zero, made(400, present=1.0, seed=6)) >= 0).mean() > 0.9
    assert (odds_of(zero, made(400, present=0.0, seed=7)) < 0).mean() > 0.5
    if present < 0.4:  # more than that, the prior holds down
        assert zero.share == pytest.approx(present, abs=0.15)


def test_where_most_background_texts_are_present_too_much_is_generated_but_not_all() -> None:
    zero = zero_of(made(400, present=0.8))
    assert (odds_of(zero, made(400, present=1.0, seed=6)) >= 0).mean() > 0.5
    assert (odds_of(zero, made(400, present=0.0, seed=7)) < 0).mean() > 0.95


def test_a_mixture_is_taken_apart() -> None:
    random = np.random.default_rng(0)
    absent, present = random.normal(2.0, 0.5, 1400), random.normal(2.0 + APART * 0.5, 0.5, 600)
    found = fit_absent(np.concatenate([absent, present]), np.zeros(len(absent) + len(present)))
    assert found.centre == pytest.approx(2.0, abs=0.3)
    assert found.spread == pytest.approx(0.5, abs=0.15)
    assert found.share == pytest.approx(0.3, abs=0.15)
    assert found.present[:1400].mean() < 0.2 < 0.5 < found.present[1400:].mean()


def test_the_best_picture_passes_exactly_when_the_query_does() -> None:
    zero = zero_of(made(100))
    for logits in made(100, present=0.5, seed=8):
        placement = zero.placement(alike(), logits)
        placed = placement(logits)
        odds = min(odds_of(zero, logits[None])[0], SURE)
        assert placed.max() == np.float32(odds)
        assert (placed.max() >= 0) == (np.float32(odds) >= 0)


@pytest.mark.parametrize("pair_floor", [None, 0.0])
def test_the_order_of_pictures_stays_and_ties_stay_ties(pair_floor: float | None) -> None:
    zero = zero_of(made(200))
    logits = np.round(made(200, seed=9)[0], 1)
    placed = zero.placement(alike(), logits, pair_floor)(logits)
    assert (np.diff(placed[np.argsort(logits, kind="stable")]) >= 0).all()
    assert len(np.unique(placed)) == len(np.unique(logits))


def test_nothing_passes_below_the_floor_of_pairs() -> None:
    zero = zero_of(made(100) - 50)
    logits = made(100, seed=10)[0] - np.float32(10)
    assert zero.placement(alike(), logits).odds > 0
    assert zero.placement(alike(), logits, pair_floor=0.0).odds == pytest.approx(
        APART * logits.max()
    )


def test_the_floor_of_pairs_raises_nothing() -> None:
    zero = zero_of(made(100))
    logits = made(100, present=0.0, seed=11)[3] - np.float32(2)
    unknown = zero.placement(alike(), logits)
    assert unknown.odds < 0
    assert zero.placement(alike(), logits, pair_floor=-100.0).odds == unknown.odds


def test_several_good_pictures_count_for_more_than_one() -> None:
    zero = zero_of(made(200))
    one, several = made(200, present=0.0, seed=12)[:2]
    one[0] = several[:5] = 3.2
    odds = odds_of(zero, np.stack([one, several]))
    assert odds[1] > odds[0] + 0.5


def test_a_text_that_scores_high_everywhere_has_no_better_odds_for_it() -> None:
    zero = zero_of(made(200))
    logits = made(200, present=0.0, seed=13)[:1]
    even, peaked = logits + np.float32(0.5), logits.copy()
    peaked[0, np.argsort(-logits[0])[:BEST]] += np.float32(0.5)
    assert odds_of(zero, peaked)[0] > odds_of(zero, even)[0]


def test_a_rare_text_needs_more() -> None:
    zero = zero_of(made(200))
    logits = made(200, present=1.0, seed=14)[:1]
    assert odds_of(zero, logits, near=0.66)[0] < odds_of(zero, logits, near=0.7)[0]
    # Beyond its limit, being far says no more.
    assert odds_of(zero, logits, near=0.5)[0] == odds_of(zero, logits, near=0.1)[0]


def test_batches_and_the_whole_give_the_same_evidence() -> None:
    logits = made(500)
    tally = Tally.empty(TEXTS)
    for start in range(0, 500, 70):
        tally = tally.joined(logits[:, start : start + 70])
    whole, found = evidence_of(logits), tally.evidence(500)
    assert tally.seen == 500
    assert np.allclose(found.best, whole.best, atol=1e-6)
    assert np.allclose(found.chance, whole.chance, atol=1e-6)


@pytest.mark.parametrize("pictures", [1, 3, TAIL - 1, TAIL, TAIL + 1])
def test_a_tally_of_few_pictures_gives_their_evidence(pictures: int) -> None:
    logits = made(pictures)
    found = Tally.empty(TEXTS).joined(logits).evidence(pictures)
    assert np.allclose(found.best, evidence_of(logits).best, atol=1e-6)


def test_a_sample_foretells_the_evidence_of_the_whole() -> None:
    random = np.random.default_rng(0)
    logits = random.gumbel(size=(TEXTS, 20_000)).astype(np.float32)
    whole = evidence_of(logits).best
    sample = Tally.empty(TEXTS).joined(logits[:, :1_000])
    grown = np.median(whole - evidence_of(logits[:, :1_000]).best)
    assert grown > 2
    assert np.median(whole - sample.evidence(20_000).best) == pytest.approx(0, abs=0.25 * grown)


def test_a_zero_survives_its_json_to_the_last_digit() -> None:
    zero = zero_of(made(50))
    assert Zero.from_json(zero.as_json()) == zero
    assert json.loads(zero.as_json())["texts"] == TEXTS
    with pytest.raises((ValueError, TypeError, KeyError)):
        Zero.from_json('{"best": 1}')


def test_the_band_of_chance_lies_around_even_odds() -> None:
    zero = zero_of(made(300, present=0.2))
    middle, high = zero.by_chance
    assert -3 * APART < middle < 0 < high
    assert middle == pytest.approx(-APART * EVEN, abs=1.0)


def test_even_odds_are_the_same_for_any_scale_of_a_scorer() -> None:
    logits, queries = made(100), made(100, present=0.5, seed=15)
    plain = odds_of(zero_of(logits), queries)
    moved = odds_of(zero_of(40 * logits - 300), 40 * queries - 300)
    assert np.allclose(plain, moved, atol=1e-2)


def test_a_picture_outside_the_library_is_placed_beside_it() -> None:
    placement = Placement(odds=1.0, slope=2.0, top=3.0)
    assert placement(np.array([3.0, 2.5, 4.0], np.float32)).tolist() == [1.0, 0.0, 3.0]


def test_nearness_leaves_out_what_equals_the_text() -> None:
    background = np.eye(3, dtype=np.float32)
    assert Surroundings.of(background, background).near.tolist() == [0.0, 0.0, 0.0]
    between = np.ones((1, 3), np.float32) / np.float32(math.sqrt(3))
    assert Surroundings.of(background, between).near[0] == pytest.approx(1 / math.sqrt(3))


def kinds(of_each: int, dim: int = 16, seed: int = 4) -> FloatArray:
    """Texts of two kinds, around directions of their own, as unit vectors."""
    random = np.random.default_rng(seed)
    vectors = 0.2 * random.normal(size=(2 * of_each, dim))
    vectors[:, 0] += 3
    vectors[:of_each, 1] += 1
    vectors[of_each:, 2] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def test_texts_weigh_in_for_those_of_their_kind_and_not_for_themselves() -> None:
    texts = kinds(20)
    found = Surroundings.of(texts, texts)
    assert found.weights.sum(axis=1) == pytest.approx(1.0)
    assert not found.weights.diagonal().any()
    assert found.weights[:20, :20].sum(axis=1).min() > 0.6
    assert found.weights[20:, 20:].sum(axis=1).min() > 0.6
    # The same at any scale of the cosines: encoders differ in it.
    closer = texts + np.float32(3) * texts.mean(axis=0)
    closer /= np.linalg.norm(closer, axis=1, keepdims=True)
    assert Surroundings.of(closer, closer).weights == pytest.approx(found.weights, abs=0.05)


def test_a_text_among_things_that_are_there_needs_less_evidence_of_its_own() -> None:
    texts = kinds(TEXTS // 2)
    logits = made(200, present=0.0)
    logits[: TEXTS // 2 : 2, :10] += 3.5
    zero = zero_of(logits, Surroundings.of(texts, texts))
    query = made(200, present=0.0, seed=6, texts=1)
    query[:, :10] += 2.0
    among, apart = kinds(1, seed=7)
    there, lacking = (
        zero.placement(Surroundings.of(texts, each[None]), query[0]).odds for each in (among, apart)
    )
    assert there > lacking + 1
    # However few there are, a text that hits clearly itself is there.
    around = Surroundings.of(texts, kinds(100, seed=9)[100:])
    hitting = zero.odds(around, made(200, present=1.0, seed=8, texts=100))
    lacking_all = zero.odds(around, made(200, present=0.0, seed=8, texts=100))
    assert (hitting >= 0).mean() > 0.9
    assert np.median(lacking_all) < -1


def test_texts_that_are_likelier_beforehand_are_taken_for_present_ones_sooner() -> None:
    random = np.random.default_rng(10)
    values = np.concatenate([random.normal(0, 1, 1600), random.normal(APART, 1, 400)])
    knowing = np.concatenate([np.full(1600, -1.0), np.full(400, 1.0)])
    blind, told = (fit_absent(values, prior) for prior in (np.zeros(2000), knowing))
    assert told.centre == pytest.approx(0, abs=0.25)
    assert told.spread == pytest.approx(1, abs=0.1)
    assert told.share == pytest.approx(0.2, abs=0.06)
    assert told.present[1600:].mean() > blind.present[1600:].mean() + 0.1
    assert told.present[:1600].mean() < blind.present[:1600].mean()


def test_a_text_with_nothing_to_lie_among_is_decided_by_its_evidence() -> None:
    one = np.full((1, 4), 0.5, np.float32)
    assert Surroundings.of(one, one).weights.tolist() == [[0.0]]
    assert Surroundings.of(np.repeat(one, 30, axis=0), one).near.tolist() == [0.0]
    assert Surroundings.unknown(2).kind(np.ones(5)).tolist() == [0.0, 0.0]


def test_a_zero_says_how_much_it_rests_on() -> None:
    zero = zero_of(made(40))
    assert (zero.texts, zero.pictures, zero.sampled) == (TEXTS, 40, 40)
    assert replace(zero, sampled=20) != zero


def test_a_tally_survives_its_values_to_the_last_digit() -> None:
    tally = Tally.empty(TEXTS).joined(made(200))
    back = Tally.from_values(json.loads(json.dumps(tally.as_values())))
    assert np.array_equal(back.top, tally.top)
    assert np.array_equal(back.total, tally.total)
    assert back.seen == 200
    with pytest.raises((ValueError, TypeError, KeyError)):
        Tally.from_values({"top": "x"})


def test_a_picture_that_says_nothing_of_a_text_counts_as_the_mean_of_the_others() -> None:
    logits = made(100)
    silent = logits.copy()
    silent[:, 7] = -np.inf
    found = Tally.empty(TEXTS).joined(silent).evidence(100)
    others = evidence_of(np.delete(logits, 7, axis=1))
    assert np.allclose(found.chance, others.chance)
    assert np.allclose(found.best, np.sort(np.delete(logits, 7, axis=1))[:, -5:].mean(axis=1))


def test_where_no_picture_says_anything_there_is_no_zero() -> None:
    nothing = Tally.empty(TEXTS).joined(np.full((TEXTS, 1), -np.inf, np.float32))
    assert Zero.measure(near_of(TEXTS), nothing.evidence(1), pictures=1, sampled=1) is None


def test_a_zero_that_stands_in_decides_by_its_own_scorer_and_keeps_the_order_of_the_other() -> None:
    own, queries = made(100), made(100, present=0.5, seed=15)
    zero = zero_of(own)
    for row, other in enumerate(3 * made(100, seed=16) - 50):
        mine, theirs = (
            zero.placement(alike(), queries[row]),
            zero.stand_in(alike(), queries[row], other),
        )
        assert theirs.odds == mine.odds
        placed = theirs(other)
        assert placed.max() == pytest.approx(mine.odds, abs=1e-4)
        assert np.argmax(placed) == np.argmax(other)
        assert placed.std() == pytest.approx(mine(queries[row]).std(), rel=1e-3)
        floored = zero.stand_in(alike(), queries[row], other, pair_floor=float(other.max()) + 1)
        assert floored.odds <= -APART
    flat = zero.stand_in(alike(), queries[0], np.zeros(100, np.float32))
    assert np.isfinite(flat(np.zeros(100, np.float32))).all()
