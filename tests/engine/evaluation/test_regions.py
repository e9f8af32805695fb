"""Boxes, outlines and masks hold the points that lie in them; COCO's runs are read."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.evaluation.regions import (
    Region,
    RegionBox,
    RegionMask,
    RegionOutline,
    unpacked_counts,
)

Floats = NDArray[np.float64]

FRAME = np.zeros((20, 30), np.bool_)
FRAME[3:15, 4:20] = True
FRAME[5:9, 8:12] = False
FRAME_PACKED = "c2<8000000FL44LL44LL44LL44600000000000000U6"
"""As pycocotools 2.0 packs it."""


def pixels(rows: int, columns: int) -> tuple[Floats, Floats]:
    """The middles of all pixels, row by row."""
    down, across = np.mgrid[:rows, :columns]
    return (across.ravel() + 0.5) / columns, (down.ravel() + 0.5) / rows


@pytest.mark.parametrize("seed", range(20))
def test_a_mask_kept_as_runs_holds_the_pixels_it_was_made_of(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = random.random((1 + seed, 7)) < random.random()
    assert (RegionMask.of(mask).holds(*pixels(*mask.shape)) == mask.ravel()).all()


def test_a_mask_ends_with_its_picture() -> None:
    whole = RegionMask.of(np.ones((2, 2), np.bool_))
    outside = np.array([-0.01, 1.0, 0.5, 0.5, 0.999])
    down = np.array([0.5, 0.5, -0.01, 1.0, 0.999])
    assert whole.holds(outside, down).tolist() == [False, False, False, False, True]


def test_packed_runs_are_those_of_pycocotools() -> None:
    mask = RegionMask.of_counts(unpacked_counts(FRAME_PACKED), 20, 30)
    assert (mask.holds(*pixels(20, 30)) == FRAME.ravel()).all()
    two = [55, 20, 30, 20, 30, 20, 29, 26, 24, 26, 24, 26, 24, 26, 24, 26, 170]
    assert unpacked_counts("g1d0n0000O6K0000000b4") == two, "shorter and longer ones again"


@pytest.mark.parametrize("text", ["é", "oooooooo0", "P", "/"])
def test_runs_packed_otherwise_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="runs"):
        unpacked_counts(text)


@pytest.mark.parametrize(
    ("counts", "size"), [([3, 2], (2, 2)), ([6, -2], (2, 2)), ([], (2, 2)), ([0], (0, 5))]
)
def test_runs_fill_their_mask_exactly(counts: list[int], size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="mask"):
        RegionMask.of_counts(counts, *size)


def test_an_outline_holds_what_is_inside_and_not_what_it_goes_round() -> None:
    """A U: its hollow is outside, though left and right of it are inside."""
    corners = [(0.1, 0.1), (0.3, 0.1), (0.3, 0.7), (0.7, 0.7), (0.7, 0.1), (0.9, 0.1), (0.9, 0.9),
               (0.1, 0.9)]  # fmt: skip
    shape = RegionOutline(corners=np.array(corners))
    across, down = np.array([0.2, 0.5, 0.8, 0.5, 0.05, 0.5]), np.array([0.5, 0.5, 0.5, 0.8, 0.5, 1])
    assert shape.holds(across, down).tolist() == [True, False, True, True, False, False]
    back = RegionOutline(corners=np.array(corners[::-1]))
    assert back.holds(across, down).tolist() == shape.holds(across, down).tolist()


def test_any_area_of_a_region_will_do() -> None:
    both = Region(
        picture=0,
        text="a dog",
        kind="dog",
        areas=(
            RegionBox(left=0, top=0, right=0.2, bottom=0.2),
            RegionMask.of(np.array([[False, False], [False, True]])),
        ),
    )
    points = np.array([0.1, 0.3, 0.75])
    assert both.holds(points, points).tolist() == [True, False, True]
