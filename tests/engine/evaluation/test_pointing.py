"""The pointing game on patches that are known."""

import numpy as np
import pytest

from engine.evaluation.data import Box, Region
from engine.evaluation.pointing import (
    MOST_PICTURES,
    PatchGrid,
    Pointed,
    point,
    pointing_figures,
    sampled_regions,
)
from engine.results import FloatArray

DIM, ROWS, COLUMNS = 64, 3, 4


def region(*boxes: Box, picture: int = 0, kind: str = "animals") -> Region:
    return Region(picture=picture, text="a dog", kind=kind, boxes=boxes)


def box(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(left=left, top=top, right=right, bottom=bottom)


def grid(hot: int, phrase: FloatArray, seen: tuple[float, ...] = (0, 0, 1, 1)) -> PatchGrid:
    """Random patches, of which one is the phrase."""
    patches = np.random.default_rng(0).standard_normal((ROWS * COLUMNS, DIM)).astype(np.float32)
    patches[hot] = phrase
    patches /= np.linalg.norm(patches, axis=1, keepdims=True)
    left, top, right, bottom = seen
    return PatchGrid(vectors=patches, rows=ROWS, columns=COLUMNS, seen=(left, top, right, bottom))


@pytest.fixture
def phrase() -> FloatArray:
    vector = np.random.default_rng(1).standard_normal(DIM).astype(np.float32)
    scaled: FloatArray = vector / np.linalg.norm(vector)
    return scaled


@pytest.fixture
def background() -> FloatArray:
    texts = np.random.default_rng(2).standard_normal((40, DIM)).astype(np.float32)
    scaled: FloatArray = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    return scaled


def test_a_phrase_is_hit_if_the_middle_of_its_hottest_patch_lies_in_a_box(
    phrase: FloatArray, background: FloatArray
) -> None:
    """Patch 6 is the third of the second row: its middle is at 0.625, 0.5."""
    regions = [
        region(box(0.6, 0.4, 0.7, 0.6)),
        region(box(0.0, 0.0, 0.62, 1.0)),
        region(box(0.0, 0.0, 0.1, 0.1), box(0.625, 0.5, 0.63, 0.51)),
        region(box(0.0, 0.0, 1.0, 1.0)),
    ]
    found = point(regions, grid(6, phrase), np.stack([phrase] * 4), background)
    assert [each.hit for each in found] == [1, 0, 1, 1]
    assert [each.centre for each in found] == [0, 1, 0, 1]
    assert [each.random for each in found] == [1 / 12, 6 / 12, 1 / 12, 1]


def test_what_the_encoder_does_not_see_has_no_patch(
    phrase: FloatArray, background: FloatArray
) -> None:
    """Of a wide picture the middle half is seen, so patch 0 has its middle at 0.3125."""
    some = grid(0, phrase, seen=(0.25, 0.0, 0.75, 1.0))
    left, edge = region(box(0.3, 0.0, 0.32, 1.0)), region(box(0.0, 0.0, 0.25, 1.0))
    found = point([left, edge], some, np.stack([phrase] * 2), background)
    assert [(each.hit, each.random) for each in found] == [(1, 3 / 12), (0, 0)]


def test_figures_are_means_over_phrases_with_the_middle_paired() -> None:
    regions = [region(picture=n // 2, kind="animals" if n % 2 else "people") for n in range(200)]
    pointed = [Pointed(hit=float(n % 4 != 0), centre=float(n % 4 == 1), random=0.1)
               for n in range(200)]  # fmt: skip
    found = pointing_figures(regions, pointed, resamples=200, seed=0)
    assert (found.phrases, found.pictures) == (200, 100)
    assert (found.hit.value, found.centre.value) == (0.75, 0.25)
    assert found.random.value == pytest.approx(0.1)
    assert found.over_centre.value == 0.5
    assert found.p < 0.01
    assert found.kinds == (("animals", 100, 1.0), ("people", 100, 0.5))


def test_of_very_many_pictures_some_are_looked_at() -> None:
    regions = [region(picture=n) for n in range(MOST_PICTURES + 50) for _ in range(2)]
    found = sampled_regions(regions, seed=3)
    assert len(found) == MOST_PICTURES
    assert {len(each) for each in found.values()} == {2}
    assert found == sampled_regions(regions, seed=3)
    assert list(sampled_regions(regions[:6], seed=3)) == [0, 1, 2]
