"""Draws a picture with half cells: two pixels, one above the other, in each character."""

from functools import lru_cache
from itertools import groupby

from PIL import Image
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

VEIL_BLOCKS = 3
"""Colours across a picture while a dialog lies over it; Textual tints them one by one."""

_COARSER = [min(255, (value + 2) & ~3) for value in range(256)] * 3
"""Six bits a channel: nobody sees the difference, and the cells share colours."""


def half_cells(image: Image.Image, columns: int, rows: int) -> list[Strip]:
    """`rows` strips, each `columns` cells wide, of an RGB picture."""
    small = image.resize((columns, rows * 2), Image.Resampling.BOX, reducing_gap=2.0)
    pixels = small.point(_COARSER).tobytes()
    width = columns * 3
    lines = [pixels[start : start + width] for start in range(0, len(pixels), width)]
    return [_strip(upper, lower) for upper, lower in zip(lines[::2], lines[1::2], strict=True)]


def veil(image: Image.Image, columns: int, rows: int) -> list[Strip]:
    """The same space in coarse colours, cheap to tint; what a picture is behind a dialog."""
    blocks = min(VEIL_BLOCKS, columns)
    pixels = image.resize((blocks, rows), Image.Resampling.BOX, reducing_gap=2.0).tobytes()
    edges = [columns * block // blocks for block in range(blocks + 1)]
    colors = [_color(pixels[at : at + 3]) for at in range(0, len(pixels), 3)]
    return [
        Strip(
            [
                Segment(" " * (right - left), Style(bgcolor=color))
                for left, right, color in zip(
                    edges, edges[1:], colors[row * blocks :], strict=False
                )
            ],
            columns,
        )
        for row in range(rows)
    ]


def _strip(upper: bytes, lower: bytes) -> Strip:
    pairs = [(upper[at : at + 3], lower[at : at + 3]) for at in range(0, len(upper), 3)]
    segments = [
        Segment("▀" * len(list(run)), Style(color=_color(above), bgcolor=_color(below)))
        for (above, below), run in groupby(pairs)
    ]
    return Strip(segments, len(pairs))


@lru_cache(maxsize=1 << 16)
def _color(pixel: bytes) -> Color:
    return Color.from_triplet(ColorTriplet(*pixel))
