"""Sixel graphics, one self-contained sequence for each row of cells.

Rows that stand alone survive partial repaints and things lying over them. They share one palette,
since a terminal may take touching rows for one picture with one set of colour registers; encoders
at hand choose a palette for every picture they are given. https://vt100.net/docs/vt3xx-gp/chapter14.html
"""

import re
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BAND = 6
"""Pixel rows that one line of sixels holds."""
_EMPTY = ord("?")
_RUNS = [
    re.compile(rb"\?{4,}|\x%02x{4,}" % (_EMPTY + (1 << height) - 1)) for height in range(BAND + 1)
]
"""Runs of nothing and of whole columns, by the band's height; others are too rare to look for."""


def sixel_rows(image: Image.Image, rows: int, colors: int = 256) -> Iterator[str]:
    """Sequences that each draw one of `rows` rows of cells and step past it to the right.

    The picture's height must be a multiple of `rows`; `colors` is the number of registers used.
    """
    indexed = image.quantize(colors, Image.Quantize.FASTOCTREE)
    palette = indexed.getpalette() or []
    percent = [round(value * 100 / 255) for value in palette]
    pixels = np.asarray(indexed)
    height = image.height // rows
    for top in range(0, image.height, height):
        row = pixels[top : top + height]
        yield _sequence(row, percent)


def _sequence(row: NDArray[np.uint8], percent: list[int]) -> str:
    height, width = row.shape
    used = np.unique(row).tolist()
    registers = "".join(
        "#{};2;{};{};{}".format(index, *percent[index * 3 : index * 3 + 3]) for index in used
    )
    bands = [_band(row[top : top + BAND]) for top in range(0, height, BAND)]
    body = b"-".join(bands).decode("ascii")
    return f'\x1bP0;1;0q"1;1;{width};{height}{registers}{body}\x1b\\'


def _band(pixels: NDArray[np.uint8]) -> bytes:
    """Up to six rows of palette indices: a line of sixels per colour, written over each other."""
    colors, inverse = np.unique(pixels, return_inverse=True)
    width = pixels.shape[1]
    bits = np.zeros((len(colors), width), np.uint8)
    columns = np.arange(width)
    for number, line in enumerate(inverse.reshape(pixels.shape)):
        bits[line, columns] |= 1 << number
    first = (bits != 0).argmax(axis=1).tolist()
    last = (width - (bits != 0)[:, ::-1].argmax(axis=1)).tolist()
    lines = (bits + _EMPTY).tobytes()
    shorten = partial(_RUNS[len(pixels)].sub, _count)
    return b"$".join(
        b"#%d%s%s" % (color, _gap(start), shorten(lines[line * width + start : line * width + end]))
        for line, (color, start, end) in enumerate(zip(colors.tolist(), first, last, strict=True))
    )


def _gap(columns: int) -> bytes:
    return b"!%d?" % columns if columns else b""


def _count(run: re.Match[bytes]) -> bytes:
    return b"!%d%c" % (len(run[0]), run[0][0])
