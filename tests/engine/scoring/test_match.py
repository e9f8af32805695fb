"""Which pictures are scored for a zero, and how many while somebody waits."""

import numpy as np
import pytest

from engine.scoring.embedding_matrix import EmbeddingMatrix
from engine.scoring.label_free import Background
from engine.scoring.match import (
    DEAR_SAMPLE,
    SHARE_OF_QUERY,
    MatchContext,
    at_once,
    background_logits,
    blocks,
    measure_zero,
    picture_seconds,
    sampled,
)
from engine.scoring.matcher import Matcher
from engine.scoring.perceptron import Perceptron
from engine.states import HeadKind, ScorerKind
from tests.engine.search.libraries import noise


def matcher(dim: int, hidden: int = 256) -> Matcher:
    """One of random weights."""
    random = np.random.default_rng(0)
    head = Perceptron(
        w1=random.standard_normal((hidden, 4 * dim)).astype(np.float32),
        b1=np.zeros(hidden, np.float32),
        w2=random.standard_normal((1, hidden)).astype(np.float32),
        b2=np.zeros(1, np.float32),
    )
    return Matcher(kind=HeadKind.MLP, head=head, encoder_id="", report="")


def library(count: int, dim: int = 16, *, is_dear: bool = False) -> MatchContext:
    """Made-up pictures and 40 background texts."""
    texts = noise(40, dim, seed=2)
    return MatchContext(
        matrix=EmbeddingMatrix.of(noise(count, dim, seed=1)),
        logit_scale=20.0,
        matcher=matcher(dim) if is_dear else None,
        backgrounds={"": Background(vectors=texts, random=texts, has_surroundings=True)},
    )


def test_all_of_few_pictures_are_scored() -> None:
    positions, halvings = sampled(np.arange(3, 53), 50)
    assert positions.tolist() == list(range(50))
    assert halvings == 0


def test_a_sample_is_the_same_every_time_and_spread_over_all() -> None:
    ids = np.arange(10, 30_010)
    positions, halvings = sampled(ids, 8_000)
    assert np.array_equal(positions, sampled(ids, 8_000)[0])
    assert 4_000 < len(positions) <= 8_000
    assert halvings == 2
    assert np.all(np.diff(positions) > 0)
    # As many in each tenth of the library, and as many even ids as odd ones.
    tenths = np.bincount(positions * 10 // len(ids), minlength=10)
    assert tenths.min() > 0.85 * tenths.mean()
    assert np.mean(ids[positions] % 2) == pytest.approx(0.5, abs=0.03)


def test_what_was_sampled_stays_so_while_pictures_are_added() -> None:
    ids = np.arange(1, 3_701)
    before, halvings = sampled(ids[:3_000], 1_000)
    after, same = sampled(ids, 1_000)
    assert halvings == same
    assert np.array_equal(after[after < 3_000], before)
    more, halved = sampled(np.arange(1, 20_001), 1_000)
    assert halved > halvings
    assert set(more[more < 3_000]) < set(before)


def test_a_dear_scorer_samples_and_the_label_free_one_scores_all() -> None:
    cheap, dear = library(300), library(300, is_dear=True)
    assert [len(part) for part in blocks(cheap, ScorerKind.MATCH, np.arange(300))] == [300]
    assert len(blocks(dear, ScorerKind.MATCH, np.arange(300))) > 5
    whole, part = (
        measure_zero(cheap, ScorerKind.MATCH),
        measure_zero(cheap, ScorerKind.MATCH, most=100),
    )
    assert whole is not None and part is not None
    assert whole.sampled == 300
    assert 50 <= part.sampled <= 100
    assert part.pictures == 300
    assert DEAR_SAMPLE <= 20_000


@pytest.mark.parametrize("is_dear", [False, True])
def test_a_query_takes_little_longer_for_what_is_scored_with_it(is_dear: bool) -> None:
    shares = []
    for count in (100, 1_000, 20_000):
        context = library(count, 64, is_dear=is_dear)
        many = at_once(context, ScorerKind.MATCH, count)
        assert (
            many * picture_seconds(context, ScorerKind.MATCH) < 0.01 * SHARE_OF_QUERY + count * 1e-4
        )
        shares.append(many)
    assert shares == sorted(shares)
    assert shares[0] > 0


def test_a_matcher_makes_fewer_pictures_affordable() -> None:
    cheap, dear = (
        at_once(library(8_000, 64, is_dear=d), ScorerKind.MATCH, 8_000) for d in (False, True)
    )
    assert dear * 20 < cheap


def test_a_picture_is_no_evidence_of_what_is_made_of_it() -> None:
    pictures = noise(50, seed=1)
    context = MatchContext(
        matrix=EmbeddingMatrix.of(pictures),
        logit_scale=20.0,
        backgrounds={
            "": Background(vectors=pictures[:40], random=pictures[:40], pictures=(pictures[:40],))
        },
    )
    logits = background_logits(context, ScorerKind.MATCH, "", np.arange(50))
    silent = np.argwhere(np.isneginf(logits))
    assert silent.tolist() == [[n, n] for n in range(40)]
    zero = measure_zero(context, ScorerKind.MATCH)
    assert zero is not None
    assert np.isfinite([zero.best.centre, zero.chance.centre, zero.centre]).all()
