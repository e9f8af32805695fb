"""Turns the bytes of a picture into what a terminal is sent; runs beside the event loop."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rich.console import Console
from textual.strip import Strip

from t2itui.graphics.capability import Graphics
from t2itui.graphics.halfcell import half_cells, veil
from t2itui.graphics.loading import RGB, Box, decode, flatten

DIMMED = 0.6
"""How far a dimmed picture goes towards the background."""

ARTIST = ThreadPoolExecutor(max_workers=1, thread_name_prefix="picture")
"""The one thread that decodes and draws; more would only fight for the interpreter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that a drawing depends on besides the picture's bytes."""

    columns: int
    rows: int
    background: RGB
    dim: bool
    grey: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Art:
    """A picture drawn for one place."""

    columns: int
    rows: int
    strips: list[Strip]
    veil: list[Strip]
    """What stands in its place while a dialog lies over it."""
    translucent: bool
    """The background shows through, so another background needs another drawing."""


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
    image = flatten(decoded, recipe.background, dim=DIMMED if recipe.dim else 0.0, grey=recipe.grey)
    strips = half_cells(image, box.columns, box.rows)
    for strip in strips:
        strip.render(console)
    return Art(
        columns=box.columns,
        rows=box.rows,
        strips=strips,
        veil=veil(image, box.columns, box.rows),
        translucent=recipe.dim or decoded.mode == "RGBA",
    )
