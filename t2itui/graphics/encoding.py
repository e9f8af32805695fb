"""From the bytes of a picture to what a terminal draws: half cells, Kitty graphics or Sixel.

Kitty pictures hang on Unicode placeholders, which a terminal moves with the text:
https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders

Sixel pictures are one self-contained sequence for each row of cells, by textual-image's encoder.
Rows that stand alone survive partial repaints and things lying over them, where textual-image's
own widget sends a whole picture again. They share one palette, since a terminal may take touching
rows for one picture with one set of colour registers; so the encoder is used from its second step
on, for which the package has no public door: its version is pinned.
https://vt100.net/docs/vt3xx-gp/chapter14.html
"""

import io
import struct
from base64 import standard_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count, groupby
from random import randrange

from PIL import Image, ImageOps
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual_image._sixel import _compact_palette_np, _iter_bands_np, _make_header

from t2itui.graphics.art import (
    RGB,
    Art,
    DrawingOptions,
    Overlay,
    UnreadablePictureError,
    encoded_strip,
)
from t2itui.graphics.detection import Graphics, GraphicsProtocol

MAX_PIXELS = 100_000_000
"""A picture that claims more is refused before it is decoded."""

BROKEN = (
    *(OSError, ValueError, TypeError, SyntaxError, EOFError, IndexError, struct.error, MemoryError),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)
"""What Pillow's decoders raise over bytes that are no whole picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle of cells and the pixels of one of them."""

    columns: int
    rows: int
    cell_width: int
    cell_height: int

    def fit(self, width: int, height: int) -> "Box":
        """The largest box inside this one in the proportions of `width` x `height` pixels."""
        scale = min(self.columns * self.cell_width / width, self.rows * self.cell_height / height)
        return Box(
            columns=min(self.columns, max(1, round(width * scale / self.cell_width))),
            rows=min(self.rows, max(1, round(height * scale / self.cell_height))),
            cell_width=self.cell_width,
            cell_height=self.cell_height,
        )

    @property
    def pixel_size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.columns * self.cell_width, self.rows * self.cell_height


def decode(data: bytes, box: Box) -> Image.Image:
    """Decode the first frame, upright, not much larger than `box` needs; mode RGB or RGBA.

    Raises:
        UnreadablePictureError: the bytes are broken, of no known format, or too large.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadablePictureError(f"{image.width} x {image.height} pixels are too many")
            image.draft("RGB", box.pixel_size)
            upright = ImageOps.exif_transpose(image)
            return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except BROKEN as error:
        raise UnreadablePictureError(str(error)) from error


def flatten(image: Image.Image, background: RGB, *, dim: float, grey: bool) -> Image.Image:
    """An RGB picture on `background`, blended towards it by `dim` (0 leaves it, 1 hides it)."""
    if image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, (*background, 255))
        image = Image.alpha_composite(ground, image).convert("RGB")
    if grey:
        image = image.convert("L").convert("RGB")
    if dim:
        image = Image.blend(image, Image.new("RGB", image.size, background), dim)
    return image


SHADE = 0.55
"""How far towards black a picture goes where an overlay has no strength; it turns grey there."""
GLOW = (255, 190, 40)
GLOWING = 0.2
"""How far it goes towards GLOW where the overlay has all of it."""


def lay_over(image: Image.Image, overlay: Overlay) -> Image.Image:
    """An RGB picture that is lit where the overlay is strong, and dark and grey elsewhere."""
    width, height = image.size
    left, top, right, bottom = overlay.seen
    x, y = round(left * width), round(top * height)
    size = max(1, round(right * width) - x), max(1, round(bottom * height) - y)
    strengths = bytes(round(255 * min(1.0, max(0.0, each))) for each in overlay.strengths)
    grid = Image.frombytes("L", (overlay.columns, overlay.rows), strengths)
    mask = Image.new("L", image.size)
    mask.paste(grid.resize(size, Image.Resampling.BICUBIC), (x, y))
    grey = image.convert("L").convert("RGB")
    dark = Image.blend(grey, Image.new("RGB", image.size), SHADE)
    lit = Image.blend(image, Image.new("RGB", image.size, GLOW), GLOWING)
    return Image.composite(lit, dark, mask)


DIMMED = 0.6
"""How far a dimmed picture goes towards the background."""
SIXEL_COLORS = 128
"""A third fewer bytes than with 256 colours, and hardly a visible difference."""


def draw(data: bytes, options: DrawingOptions, graphics: Graphics, console: Console) -> Art:
    """Decode, scale and encode, so that showing it costs the event loop next to nothing.

    Raises:
        UnreadablePictureError: the bytes cannot be drawn.
    """
    place = Box(
        columns=options.columns,
        rows=options.rows,
        cell_width=graphics.cell_width,
        cell_height=graphics.cell_height,
    )
    decoded = decode(data, place)
    box = place.fit(*decoded.size)
    dim = DIMMED if options.dim else 0.0
    image = flatten(decoded, options.background, dim=dim, grey=options.grey)
    if options.overlay is not None:
        if image.width > box.pixel_size[0]:
            image = image.resize(box.pixel_size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        image = lay_over(image, options.overlay)
        image = image.convert("L").convert("RGB") if options.grey else image
    strips, upload, remove = _encode(image, box, graphics, console)
    return Art(
        columns=box.columns,
        rows=box.rows,
        strips=strips,
        veil=veil(image, box.columns, box.rows),
        translucent=options.dim or decoded.mode == "RGBA",
        upload=upload,
        remove=remove,
    )


def _encode(
    image: Image.Image, box: Box, graphics: Graphics, console: Console
) -> tuple[list[Strip], str, str]:
    """The strips, and what goes to the terminal before and after them."""
    cells = half_cells(image, box.columns, box.rows)
    match graphics.protocol:
        case GraphicsProtocol.KITTY:
            kitty = KittyImage(columns=box.columns, rows=box.rows, tmux=graphics.tmux)
            strips = list(map(encoded_strip, cells, kitty.cells()))
            return strips, kitty.upload(image, box.pixel_size), kitty.remove()
        case GraphicsProtocol.SIXEL:
            scaled = image.resize(box.pixel_size, Image.Resampling.LANCZOS, reducing_gap=2.0)
            sixels = sixel_rows(scaled, box.rows, min(graphics.colors, SIXEL_COLORS))
            step = f"\x1b8\x1b[{box.columns}C"
            return list(map(encoded_strip, cells, (f"\x1b7{row}{step}" for row in sixels))), "", ""
        case _:
            for strip in cells:
                strip.render(console)
            return cells, "", ""


CHUNK = 4096
"""Base64 characters that one command may carry."""

_PLACEHOLDER = "\U0010eeee"
_MARK_RANGES = """
0305 030D-030E 0310 0312 033D-033F 0346 034A-034C 0350-0352 0357 035B 0363-036F 0483-0487 0592-0595
0597-0599 059C-05A1 05A8-05A9 05AB-05AC 05AF 05C4 0610-0617 0657-065B 065D-065E 06D6-06DC 06DF-06E2
06E4 06E7-06E8 06EB-06EC 0730 0732-0733 0735-0736 073A 073D 073F-0741 0743 0745 0747 0749-074A
07EB-07F1 07F3 0816-0819 081B-0823 0825-0827 0829-082C
"""
MARKS = "".join(
    chr(code)
    for first, _, last in (part.partition("-") for part in _MARK_RANGES.split())
    for code in range(int(first, 16), int(last or first, 16) + 1)
)
"""The combining characters that stand for 0, 1, 2 ... in a placeholder."""

_PALETTE = range(16, 256)
"""Colours that carry an id's low byte: no theme changes them, and every terminal passes them on."""
_numbers = count(randrange(len(_PALETTE) * len(MARKS)))


def _next_id() -> int:
    high, low = divmod(next(_numbers), len(_PALETTE))
    return (1 + high % (len(MARKS) - 1)) << 24 | _PALETTE[low]


@dataclass(frozen=True, slots=True, kw_only=True)
class KittyImage:
    """One picture in the terminal's memory, shown wherever its placeholders are printed."""

    columns: int
    rows: int
    tmux: bool = False
    """Wrap commands so that tmux passes them on."""
    id: int = field(default_factory=_next_id)

    def upload(self, image: Image.Image, size: tuple[int, int]) -> str:
        """Commands that send an RGB picture, at most `size` pixels large, and make it placeable."""
        if image.width > size[0]:
            image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=1)
        payload = standard_b64encode(file.getvalue()).decode("ascii")
        first = f"a=T,U=1,f=100,q=2,i={self.id},c={self.columns},r={self.rows},"
        commands = []
        for start in range(0, len(payload), CHUNK):
            more = int(start + CHUNK < len(payload))
            keys = f"{'' if start else first}m={more}"
            commands.append(self._command(keys, payload[start : start + CHUNK]))
        return "".join(commands)

    def remove(self) -> str:
        """The command that frees the picture and everything shown of it."""
        return self._command(f"a=d,d=I,q=2,i={self.id}")

    def cells(self) -> Iterator[str]:
        """A row of placeholders for each row of cells, with their colour."""
        high = MARKS[self.id >> 24]
        for row in MARKS[: self.rows]:
            cells = "".join(f"{_PLACEHOLDER}{row}{MARKS[x]}{high}" for x in range(self.columns))
            yield f"\x1b[0;38;5;{self.id & 0xFF}m{cells}\x1b[0m"

    def _command(self, keys: str, payload: str = "") -> str:
        command = f"\x1b_G{keys};{payload}\x1b\\" if payload else f"\x1b_G{keys}\x1b\\"
        if self.tmux:
            return f"\x1bPtmux;{command.replace(chr(27), chr(27) * 2)}\x1b\\"
        return command


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
