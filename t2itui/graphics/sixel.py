"""Sixel graphics by textual-image's encoder, one self-contained sequence for each row of cells.

Rows that stand alone survive partial repaints and things lying over them, where textual-image's
own widget sends a whole picture again. They share one palette, since a terminal may take touching
rows for one picture with one set of colour registers; so the encoder is used from its second step
on, for which the package has no public door: its version is pinned.
https://vt100.net/docs/vt3xx-gp/chapter14.html
"""

from collections.abc import Iterator

from PIL import Image
from textual_image._sixel import _compact_palette_np, _iter_bands_np, _make_header


def sixel_rows(image: Image.Image, rows: int, colors: int = 256) -> Iterator[str]:
    """Sequences that each draw one of `rows` rows of cells and step past it to the right.

    The picture's height must be a multiple of `rows`; `colors` is the number of registers used.
    """
    indexed = image.quantize(colors, Image.Quantize.FASTOCTREE)
    pixels, defined = _compact_palette_np(indexed, indexed.tobytes())
    # xterm does not take the definition of a register for its choice.
    registers = tuple(b"%b#%d" % (each, number) for number, each in enumerate(defined))
    height = image.height // rows
    row_bytes = height * image.width
    for start in range(0, len(pixels), row_bytes):
        row = pixels[start : start + row_bytes]
        bands = b"".join(_iter_bands_np(row, image.width, height, registers))
        # A step to the next line of sixels after the last one would scroll a screen's last row.
        body = _make_header(image.width, height) + bands.removesuffix(b"-")
        yield body.decode("ascii") + "\x1b\\"
