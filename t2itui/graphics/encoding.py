"""Decodes a picture and fits it into a box of terminal cells."""

import io
import struct
from dataclasses import dataclass

from PIL import Image, ImageOps
from rich.console import Console
from textual.strip import Strip

from t2itui.graphics.art import RGB, Art, DrawingOptions, UnreadablePictureError, encoded_strip
from t2itui.graphics.capability import Graphics
from t2itui.graphics.halfcell import half_cells, veil
from t2itui.graphics.kitty import KittyImage
from t2itui.graphics.sixel import sixel_rows

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
        case "kitty":
            kitty = KittyImage(columns=box.columns, rows=box.rows, tmux=graphics.tmux)
            strips = list(map(encoded_strip, cells, kitty.cells()))
            return strips, kitty.upload(image, box.pixel_size), kitty.remove()
        case "sixel":
            scaled = image.resize(box.pixel_size, Image.Resampling.LANCZOS, reducing_gap=2.0)
            sixels = sixel_rows(scaled, box.rows, min(graphics.colors, SIXEL_COLORS))
            step = f"\x1b8\x1b[{box.columns}C"
            return list(map(encoded_strip, cells, (f"\x1b7{row}{step}" for row in sixels))), "", ""
        case _:
            for strip in cells:
                strip.render(console)
            return cells, "", ""
