"""Sixel rows, read back by a small decoder."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from t2itui.graphics.encoding import sixel_rows

Pixels = NDArray[np.int16]


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with gradients, flat parts and noise."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    pixels[: height // 2, : width // 2, 2] = random.integers(0, 255, (height // 2, width // 2))
    return Image.fromarray(pixels)


def decode(sequence: str) -> Pixels:
    """Red, green and blue in percent of each pixel; -1 where nothing was drawn."""
    header = re.match(r'\x1bP0;[01];0q"1;1;(\d+);(\d+)(.*)\x1b\\$', sequence, re.DOTALL)
    assert header
    width, height = int(header[1]), int(header[2])
    drawn = np.full((-(-height // 6) * 6, width, 3), -1, np.int16)
    palette: dict[int, tuple[int, ...]] = {}
    x, y, color = 0, 0, 0
    token = re.compile(r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|(\$)|(-)")
    for match in token.finditer(header[3]):
        if match[1]:
            palette[int(match[1])] = tuple(map(int, match.group(2, 3, 4)))
        elif match[5]:
            color = int(match[5])
        elif match[9]:
            x = 0
        elif match[10]:
            x, y = 0, y + 6
        else:
            count, sixel = int(match[6] or 1), ord(match[7] or match[8]) - 63
            assert count > 0
            for bit in range(6):
                if sixel >> bit & 1:
                    drawn[y + bit, x : x + count] = palette[color]
            x += count
            assert x <= width
    return drawn


@pytest.mark.parametrize(
    ("columns", "rows", "cell"), [(5, 3, (8, 15)), (7, 2, (9, 18)), (1, 1, (7, 5))]
)
def test_every_pixel_is_drawn_in_its_colour_and_none_beyond_the_row(
    columns: int, rows: int, cell: tuple[int, int]
) -> None:
    image = noise(columns * cell[0], rows * cell[1])
    expected = np.asarray(image.quantize(64, Image.Quantize.FASTOCTREE).convert("RGB"))
    sequences = list(sixel_rows(image, rows, 64))
    assert len(sequences) == rows
    for row, sequence in enumerate(sequences):
        drawn = decode(sequence)
        wanted = expected[row * cell[1] : (row + 1) * cell[1]].astype(float) * 100 / 255
        assert np.abs(drawn[: cell[1]] - wanted).max() <= 0.5
        assert (drawn[cell[1] :] == -1).all()


def test_rows_that_touch_agree_on_what_a_register_means() -> None:
    definitions: dict[str, str] = {}
    for sequence in sixel_rows(noise(64, 60), 4, 32):
        for register, color in re.findall(r"#(\d+);(2;\d+;\d+;\d+)", sequence):
            assert definitions.setdefault(register, color) == color
    assert 1 < len(definitions) <= 32


def test_flat_rows_are_short() -> None:
    image = Image.new("RGB", (800, 20), "navy")
    assert max(map(len, sixel_rows(image, 1))) < 100
