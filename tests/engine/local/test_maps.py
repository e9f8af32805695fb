"""Evidence and strength of words at patches, beside what background words reach."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.local.maps import word_evidence
from engine.results import FloatArray

DIM, PATCHES = 64, 36


def unit(vectors: NDArray[np.floating]) -> FloatArray:
    found: FloatArray = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(
        np.float32
    )
    return found


@pytest.fixture
def world() -> tuple[FloatArray, FloatArray]:
    """Patches and background words that have nothing to do with each other, but a hub."""
    rng = np.random.default_rng(1)
    hub = rng.standard_normal(DIM)
    patches = unit((rng.standard_normal((PATCHES, DIM)) + 2 * hub).astype(np.float32))
    background = unit((rng.standard_normal((200, DIM)) + 2 * hub).astype(np.float32))
    return patches, background


def test_a_word_that_is_there_is_found_at_its_patch(world: tuple[FloatArray, FloatArray]) -> None:
    patches, background = world
    word = unit(background[7] + 2 * (patches[11] - patches.mean(0)))
    found = word_evidence(patches, word[None], background)
    assert int(found.evidence[0].argmax()) == 11
    assert found.strengths[0].max() > 0.9
    assert found.strengths[0, 11] == found.strengths[0].max()
    assert np.argsort(found.evidence[0]).tolist() == np.argsort(found.strengths[0]).tolist()


def test_one_absent_word_in_twenty_is_taken_for_present(
    world: tuple[FloatArray, FloatArray],
) -> None:
    patches, background = world
    others = unit(background[:150] + np.random.default_rng(2).standard_normal((150, DIM)) / 8)
    found = word_evidence(patches, others.astype(np.float32), background[150:])
    share = float((found.strengths.max(axis=1) >= 0.5).mean())
    assert 0.0 <= share <= 0.15


def test_words_of_the_background_that_are_there_do_not_raise_the_level(
    world: tuple[FloatArray, FloatArray],
) -> None:
    patches, background = world
    word = unit(background[7] + 2 * (patches[11] - patches.mean(0)))
    alone = word_evidence(patches, word[None], background).strengths.max()
    present = unit(background[:20] + 3 * (patches[:20] - patches.mean(0)))
    mixed = np.concatenate([background[20:], present])
    assert word_evidence(patches, word[None], mixed).strengths.max() > 0.5
    assert alone > 0.5


def test_a_word_is_no_argument_against_itself(world: tuple[FloatArray, FloatArray]) -> None:
    patches, background = world
    word = unit(background[7] + 2 * (patches[11] - patches.mean(0)))
    with_itself = np.concatenate([background, word[None]])
    found, alone = (
        word_evidence(patches, word[None], each).strengths.max()
        for each in (with_itself, background)
    )
    assert found == pytest.approx(float(alone), abs=0.05)


def test_too_few_background_words_are_refused(world: tuple[FloatArray, FloatArray]) -> None:
    patches, background = world
    with pytest.raises(ValueError, match="3 background words"):
        word_evidence(patches, background[:1], background[:3])
