"""The matcher: it learns what cosine cannot tell, with honest probabilities, from true pairs."""

from random import Random

import numpy as np
import pytest
import torch

from engine.storybook.captions import full_claim, graded_claims
from engine.storybook.claims import is_true
from engine.storybook.gallery import routing_queries
from engine.workers.fitting import FitSettings
from tools.storybook.matcher import pairs
from tools.storybook.matcher.fit import (
    Floats,
    MatcherWeights,
    Pairs,
    calibrated,
    features,
    fit_matcher,
    pair_logits,
)
from tools.storybook.matcher.material import Material, mine
from tools.storybook.matcher.pairs import hard_pairs, make_pairs, target
from tools.storybook.matcher.report import every_pair, expected_error, probability, routing
from tools.storybook.sampling import sample_scene


def unit(rows: int, width: int, random: np.random.Generator) -> Floats:
    vectors = random.normal(size=(rows, width)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def agreeing_in_first(count: int, seed: int, shift: float = 0.0) -> Pairs:
    """Pairs that belong together when their first numbers have the same sign.

    `shift` moves all pictures in a second number, as those of real encoders lie to one side.
    """
    random = np.random.default_rng(seed)
    texts, pictures = unit(count, 8, random), unit(count, 8, random)
    pictures[:, 1] += shift
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    rows = np.arange(count)
    label = (texts[:, 0] * pictures[:, 0] > 0).astype(np.float32)
    return Pairs(texts=texts, pictures=pictures, text=rows, picture=rows, label=label)


def test_it_learns_what_cosine_cannot_tell_and_is_calibrated() -> None:
    torch.set_num_threads(1)
    train, held_out = agreeing_in_first(6000, 1), agreeing_in_first(2000, 2)
    fit = FitSettings(hidden=48, epochs=12, batch=256, learning_rate=1e-2, dropout=0.0)
    weights = calibrated(fit_matcher(train, fit), agreeing_in_first(2000, 3))
    match = probability(pair_logits(weights, held_out))
    cosine = np.einsum("nd,nd->n", held_out.texts, held_out.pictures)
    assert ((match > 0.5) == held_out.label).mean() > 0.93
    assert ((cosine > 0) == held_out.label).mean() < 0.75
    assert expected_error(match, held_out.label) < 0.03


def test_it_learns_from_vectors_that_all_lie_to_one_side() -> None:
    """The numbers of x are evened out for the fit, and the weights are for x as it is."""
    train, held_out = agreeing_in_first(3000, 1, shift=4.0), agreeing_in_first(1000, 2, shift=4.0)
    weights = fit_matcher(
        train, FitSettings(hidden=48, epochs=10, batch=256, learning_rate=1e-2, dropout=0.0)
    )
    assert ((pair_logits(weights, held_out) > 0) == held_out.label).mean() > 0.85


def test_features_are_in_the_order_of_the_formula() -> None:
    t, i = torch.tensor([[0.6, 0.8]]), torch.tensor([[1.0, 0.0]])
    expected = [0.6, 0.8, 1.0, 0.0, 0.4, 0.8, 0.6, 0.0]
    assert features(t, i)[0].tolist() == pytest.approx(expected)


def test_pairs_carry_the_truth_and_degraded_pictures_are_never_true() -> None:
    scenes = [sample_scene(seed) for seed in range(40)]
    degraded = [sample_scene(seed) for seed in range(100, 110)]
    made = make_pairs(scenes, degraded, Random(0), held_out=False)
    for caption, picture, label in made.pairs:
        if picture < len(scenes):
            assert label == is_true(made.captions[caption].claim, scenes[picture])
        else:
            assert not label
    labels = [label for _, _, label in made.pairs]
    assert 0.25 < np.mean(labels) < 0.5


def test_what_is_taught_of_a_pair_is_said_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = [sample_scene(seed) for seed in range(10)]
    made = make_pairs(scenes, [], Random(0), held_out=False)
    holds = made.table()[:, 2]
    assert ((made.targets() > 0.5) == holds).all()
    monkeypatch.setattr(pairs, "target", lambda claim, *, holds: 0.9 if holds else 0.2)
    material = Material(
        made=made,
        scenes=scenes,
        texts=unit(len(made.captions), 8, np.random.default_rng(0)),
        pictures=unit(len(scenes), 8, np.random.default_rng(1)),
    )
    taught = material.pairs(taught=True).label
    np.testing.assert_allclose(taught, np.where(holds, 0.9, 0.2), atol=1e-6)
    assert material.pairs().label.tolist() == holds.tolist()


def test_what_says_more_is_taught_a_higher_match_if_it_is_true() -> None:
    scene = sample_scene(5)
    taught = [target(claim, holds=True) for claim in graded_claims(scene)]
    assert taught == sorted(set(taught)) and taught[0] == pytest.approx(0.8)
    assert 0.98 < target(full_claim(scene), holds=True) < 1.0
    assert {target(claim, holds=False) for claim in graded_claims(scene)} == {0.0}


def test_descriptions_of_growing_detail_are_learned_from_and_not_measured_with() -> None:
    scenes = [sample_scene(seed) for seed in range(60)]
    ladders = {scene.seed: {repr(claim) for claim in graded_claims(scene)[3:]} for scene in scenes}

    def shown(*, held_out: bool) -> int:
        made = make_pairs(scenes, [], Random(0), held_out=held_out)
        return sum(
            repr(made.captions[caption].claim) in ladders[scenes[picture].seed]
            for caption, picture, holds in made.pairs
            if holds
        )

    assert shown(held_out=False) > 40 > 5 * shown(held_out=True)


def test_hard_pairs_are_the_best_scored_that_are_false() -> None:
    scenes = [sample_scene(seed) for seed in range(30)]
    made = make_pairs(scenes, [], Random(0), held_out=False)
    captions = made.captions[:50]
    scores = np.tile(np.linspace(1, 0, 30, dtype=np.float32), (50, 1))
    found = hard_pairs(captions, scenes, scores, keep=2)
    for number, caption in enumerate(captions):
        false = [k for k, scene in enumerate(scenes) if not is_true(caption.claim, scene)]
        assert {p for n, p, _ in found if n == number} == set(false[:2])


def test_a_caption_is_embedded_once_however_many_pictures_it_is_paired_with() -> None:
    made = make_pairs([sample_scene(seed) for seed in range(60)], [], Random(0), held_out=False)
    texts = [caption.text for caption in made.captions]
    assert len(texts) == len(set(texts)) < len(made.pairs)


def test_mining_adds_false_pairs_that_the_matcher_believes() -> None:
    """A matcher that is cosine alone believes the pictures nearest to a caption."""
    scenes = [sample_scene(seed) for seed in range(40)]
    made = make_pairs(scenes, [], Random(1), held_out=False)
    random = np.random.default_rng(5)
    material = Material(
        made=made,
        scenes=scenes,
        texts=unit(len(made.captions), 8, random),
        pictures=unit(len(scenes), 8, random),
    )
    ones = np.concatenate([np.zeros((1, 24)), np.ones((1, 8))], axis=1).astype(np.float32)
    cosine = MatcherWeights(
        w1=ones,
        b1=np.ones(1, dtype=np.float32),
        w2=np.ones((1, 1), dtype=np.float32),
        b2=np.zeros(1, dtype=np.float32),
    )
    before = len(made.pairs)
    mine(material, cosine, keep=1, seed=0)
    added = made.pairs[before:]
    assert len(added) == len(made.captions)
    table = material.texts @ material.pictures.T
    assert np.mean([table[caption, picture] for caption, picture, _ in added]) > 0.6
    for caption, picture, label in added:
        assert not label and not is_true(made.captions[caption].claim, scenes[picture])


def test_every_pair_agrees_with_pairs_taken_one_by_one() -> None:
    pairs = agreeing_in_first(6, 3)
    weights = fit_matcher(agreeing_in_first(300, 1), FitSettings(hidden=8, epochs=1, batch=64))
    table = every_pair(weights, pairs.texts, pairs.pictures)
    assert table.shape == (6, 6)
    assert np.diag(table) == pytest.approx(probability(pair_logits(weights, pairs)), abs=1e-6)


def test_routing_counts_queries_sent_the_right_way() -> None:
    queries = routing_queries([sample_scene(seed) for seed in range(300)])
    assert [
        sum(q.kind == kind for q in queries) for kind in ("satisfied", "absent", "foreign")
    ] == [
        150,
        100,
        50,
    ]
    perfect = np.array([[0.9 if query.answered else 0.1] for query in queries], dtype=np.float32)
    assert routing(queries, perfect).accuracy == 1.0
    always = routing(queries, np.ones((300, 1), dtype=np.float32))
    assert always.accuracy == 0.5 and always.by_kind["foreign"] == 0.0
    assert len(always.wrong) == 150
