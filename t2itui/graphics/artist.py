"""Turns the bytes of a picture into what a terminal is sent; runs beside the event loop."""

from PIL import Image
from rich.console import Console
from textual.strip import Strip

from t2itui.graphics.art import Art, Recipe, encoded_strip
from t2itui.graphics.capability import Graphics
from t2itui.graphics.halfcell import half_cells, veil
from t2itui.graphics.kitty import KittyImage
from t2itui.graphics.loading import Box, decode, flatten
from t2itui.graphics.sixel import sixel_rows

DIMMED = 0.6
"""How far a dimmed picture goes towards the background."""
SIXEL_COLORS = 128
"""A third fewer bytes than with 256 colours, and hardly a visible difference."""


def draw(data: bytes, recipe: Recipe, graphics: Graphics, console: Console) -> Art:
    """Decode, scale and encode, so that showing it costs the event loop next to nothing.

    Raises:
        UnreadablePictureError: the bytes cannot be drawn.
    """
    place = Box(
        columns=recipe.columns,
        rows=recipe.rows,
        cell_width=graphics.cell_width,
        cell_height=graphics.cell_height,
    )
    decoded = decode(data, place)
    box = place.fit(*decoded.size)
    dim = DIMMED if recipe.dim else 0.0
    image = flatten(decoded, recipe.background, dim=dim, grey=recipe.grey)
    strips, upload, remove = _encode(image, box, graphics, console)
    return Art(
        columns=box.columns,
        rows=box.rows,
        strips=strips,
        veil=veil(image, box.columns, box.rows),
        translucent=recipe.dim or decoded.mode == "RGBA",
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
