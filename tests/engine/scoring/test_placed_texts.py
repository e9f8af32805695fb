"""Many texts placed at once are placed as a search places each of them."""

from dataclasses import replace

import numpy as np
import pytest

from engine.scoring.calibration import probability
from engine.scoring.match import MatchContext, match_logits, placed, with_zeros
from engine.scoring.placed_texts import place_on_picture, place_texts
from engine.states import ScorerKind
from tests.engine.scoring.test_match import library
from tests.engine.search.libraries import noise


def searched(context: MatchContext, text: int, texts: np.ndarray) -> np.ndarray:
    """The match of every picture in a search for a text."""
    vector = texts[text]
    logits = match_logits(context, vector, vector @ context.matrix.columns, "")
    return probability(placed(context, ScorerKind.MATCH, vector, logits))


@pytest.mark.parametrize("is_dear", [False, True])
def test_the_match_of_a_text_and_a_picture_is_that_of_a_search(*, is_dear: bool) -> None:
    context = with_zeros(library(300, is_dear=is_dear), [ScorerKind.MATCH])
    texts = np.concatenate([noise(5, 16, seed=7), context.matrix.vectors(np.array([17]))])
    steps: list[int] = []
    found = place_texts(
        context, ScorerKind.MATCH, texts, np.arange(300), step=lambda: steps.append(1)
    )
    pictures = np.array([0, 17, 299])
    match = found.match(pictures)
    assert match.shape == (6, 3)
    assert steps
    for text in range(6):
        np.testing.assert_allclose(match[text], searched(context, text, texts)[pictures], atol=2e-4)
    assert match[5, 1] > match[5, 0]


def test_a_library_without_a_zero_leaves_the_match_of_pairs() -> None:
    context = library(50)
    texts = noise(3, 16, seed=7)
    found = place_texts(context, ScorerKind.MATCH, texts, np.arange(50))
    assert found.placements == ()
    logits = match_logits(context, texts[1], texts[1] @ context.matrix.columns, "")
    np.testing.assert_allclose(found.match(np.array([4]))[1], probability(logits[[4]]), atol=1e-4)


def test_on_one_picture_passes_what_stands_out_of_what_the_background_reaches_there() -> None:
    context = library(300)
    picture = noise(1, 16, seed=9)[0]
    near = noise(1, 16, seed=10)[0] + 2 * picture
    near /= np.linalg.norm(near)
    texts = np.concatenate([near[None], noise(2000, 16, seed=11)])
    found = place_on_picture(context, ScorerKind.MATCH, texts, picture)
    match = found.match(np.array([0]))[:, 0]
    assert match[0] > 0.9
    assert np.mean(match[1:] < 0.5) > 0.5
    assert found.context.matrix.count == 1
    only = replace(context, backgrounds={})
    assert place_on_picture(only, ScorerKind.MATCH, texts, picture).placements == ()
