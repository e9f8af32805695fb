"""Draws a picture with half cells: two pixels, one above the other, in each character."""

from itertools import groupby

from PIL import Image
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

VEIL_COLUMNS = 4
"""Cells that share one colour while a dialog lies over the picture."""


def half_cells(image: Image.Image, columns: int, rows: int) -> list[Strip]:
    """`rows` strips, each `columns` cells wide, of an RGB picture."""
    small = image.resize((columns, rows * 2), Image.Resampling.BOX, reducing_gap=2.0)
    pixels = small.tobytes()
    width = columns * 3
    lines = [pixels[start : start + width] for start in range(0, len(pixels), width)]
    return [_strip(upper, lower) for upper, lower in zip(lines[::2], lines[1::2], strict=True)]


def veil(image: Image.Image, columns: int, rows: int) -> list[Strip]:
    """The same space in coarse colours, cheap to tint; what a picture is behind a dialog."""
    blocks = -(-columns // VEIL_COLUMNS)
    pixels = image.resize((blocks, rows), Image.Resampling.BOX, reducing_gap=2.0).tobytes()
    widths = [min(VEIL_COLUMNS, columns - block * VEIL_COLUMNS) for block in range(blocks)]
    strips = []
    for row in range(rows):
        line = pixels[row * blocks * 3 : (row + 1) * blocks * 3]
        segments = [
            Segment(" " * width, Style(bgcolor=_color(line, block * 3)))
            for block, width in enumerate(widths)
        ]
        strips.append(Strip(segments, columns))
    return strips


def _strip(upper: bytes, lower: bytes) -> Strip:
    pairs = [
        upper[start : start + 3] + lower[start : start + 3] for start in range(0, len(upper), 3)
    ]
    segments = [
        Segment("▀" * len(list(run)), Style(color=_color(pair, 0), bgcolor=_color(pair, 3)))
        for pair, run in groupby(pairs)
    ]
    return Strip(segments, len(pairs))


def _color(pixels: bytes, start: int) -> Color:
    return Color.from_triplet(ColorTriplet(*pixels[start : start + 3]))
