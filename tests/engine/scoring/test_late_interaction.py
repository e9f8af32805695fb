"""Late interaction against a plain triple loop, and what it ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.results import FloatArray
from engine.scoring.late_interaction import SMALL, maxsim, maxsim_of_terms, reranked
from engine.scoring.ranking import make_scores, order, rank_of
from engine.states import ScorerKind


def unit(*shape: int, seed: int = 0) -> FloatArray:
    vectors = np.random.default_rng(seed).standard_normal(shape)
    found: FloatArray = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(
        np.float32
    )
    return found


def by_loops(tokens: FloatArray, patches: FloatArray) -> list[float]:
    scores = []
    for picture in patches.astype(np.float64):
        of_tokens = [max(float(t @ p) for p in picture) for t in tokens.astype(np.float64)]
        of_patches = [max(float(t @ p) for t in tokens.astype(np.float64)) for p in picture]
        spoken = sorted(of_patches)[-2 * len(tokens) :]
        scores.append((sum(of_tokens) / len(of_tokens) + sum(spoken) / len(spoken)) / 2)
    return scores


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 9), st.integers(0, 1000))
def test_it_equals_three_loops(tokens: int, pictures: int, places: int, seed: int) -> None:
    words, patches = unit(tokens, 7, seed=seed), unit(pictures, places, 7, seed=seed + 1)
    found = maxsim(words, patches)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_loops(words, patches), atol=1e-6)


def test_patches_that_no_word_speaks_of_change_nothing() -> None:
    words, patches = unit(2, 7, seed=5), unit(1, 4, 7, seed=6)
    far = -words.mean(axis=0) / np.linalg.norm(words.mean(axis=0))
    more = np.concatenate([patches, np.tile(far, (1, 30, 1))], axis=1)
    np.testing.assert_allclose(maxsim(words, more), maxsim(words, patches), atol=1e-6)


def test_a_mix_is_the_weighted_mean_of_its_terms() -> None:
    patches = unit(5, 9, 7, seed=2)
    one, other = unit(3, 7, seed=3), unit(2, 7, seed=4)
    found = maxsim_of_terms([(1.0, one), (-0.5, other)], patches)
    expected = (maxsim(one, patches) - 0.5 * maxsim(other, patches)) / 1.5
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_small_library_is_compared_whole_and_a_large_one_in_part() -> None:
    assert [reranked(count, 200) for count in (3, SMALL, SMALL + 1, 10**6)] == [3, SMALL, 200, 200]
    assert [reranked(count, 1000) for count in (3, SMALL + 1, 10**6)] == [3, SMALL + 1, 1000]


@pytest.mark.parametrize("worst", [-1.0, 0.9])
def test_pictures_that_were_not_compared_come_below_in_the_order_of_cosines(worst: float) -> None:
    cosine = np.array([0.1, 0.9, 0.3, 0.8, -1.0], np.float32)
    late = np.array([-np.inf, worst, -np.inf, worst + 0.05, -np.inf], np.float32)
    scores = make_scores(np.arange(5), cosine, cosine, {ScorerKind.MAXSIM: late})
    assert order(scores, ScorerKind.MAXSIM).tolist() == [3, 1, 2, 0, 4]
    assert rank_of(scores, ScorerKind.MAXSIM, 2) == 3
