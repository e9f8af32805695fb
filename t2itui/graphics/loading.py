"""Decodes a picture and fits it into a box of terminal cells."""

import io
import struct
from dataclasses import dataclass

from PIL import Image, ImageOps

from t2itui.graphics.art import RGB, UnreadablePictureError

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
