"""Word maps as figures: the picture once for each word, with the map over it and a scale."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.evaluation.plots import fonts, label, new_figure, save
from engine.results import FloatArray, WhereResult, WordMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

Pixels: TypeAlias = NDArray[np.uint8]

ACROSS = 3
"""Pictures side by side."""
SIDE = 240
"""Pixels at which a map is drawn."""
COLOURS = "plasma"
VEIL = 0.8
"""How much a strength of 1 hides of the picture."""


def draw_where(found: WhereResult, thumbnail: bytes, path: Path) -> None:
    """Draw the map of every word over a small version of the picture, encoded in `thumbnail`.

    Raises EngineError where matplotlib is missing, or the file cannot be written.
    """
    picture = np.asarray(Image.open(BytesIO(thumbnail)).convert("RGB"))
    across = min(ACROSS, len(found.words))
    down = math.ceil(len(found.words) / across)
    high = 3.0 * picture.shape[0] / picture.shape[1] + 0.5
    figure = new_figure((3.0 * across + 0.9, max(high, 2.0) * down + 0.4))
    grid = figure.subplots(down, across, squeeze=False)
    shown = None
    for axes, word in zip(grid.flat, found.words, strict=False):
        shown = _draw_word(axes, picture, word, found.seen)
    for axes in list(grid.flat)[len(found.words) :]:
        axes.set_axis_off()
    if shown is not None:
        scale = figure.colorbar(shown, ax=grid, shrink=0.8)
        scale.set_label("strength; below 0.5 chance alone may reach it", fontsize="small")
        scale.ax.axhline(0.5, color="white", linewidth=1.5)
    name = label(f"{found.text}  ({found.encoder})")
    figure.suptitle(name, fontsize="small", fontfamily=fonts())
    save(figure, path)


def _draw_word(
    axes: Axes, picture: Pixels, word: WordMap, seen: tuple[float, float, float, float]
) -> AxesImage:
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(0, width, height, 0))
    left, top, right, bottom = seen
    extent = (left * width, right * width, bottom * height, top * height)
    strengths = _enlarged(word.strengths)
    shown = axes.imshow(
        strengths, cmap=COLOURS, vmin=0, vmax=1, alpha=VEIL * strengths, extent=extent
    )
    if word.is_there:
        row, column = word.peak
        rows, columns = word.strengths.shape
        x = extent[0] + (column + 0.5) / columns * (extent[1] - extent[0])
        y = extent[3] + (row + 0.5) / rows * (extent[2] - extent[3])
        axes.plot(x, y, marker="+", markersize=12, markeredgewidth=2, color="white")
        verdict = f"{word.strength:.2f}"
    else:
        verdict = f"nowhere ({word.strength:.2f})"
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
    axes.set_title(label(f"{word.word}: {verdict}"), fontfamily=fonts())
    return shown


def _enlarged(strengths: FloatArray) -> FloatArray:
    """A map [rows, columns] as smooth as it is drawn, [SIDE, SIDE]."""
    smooth = Image.fromarray(strengths).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    drawn: FloatArray = np.clip(np.asarray(smooth, np.float32), 0, 1)
    return drawn
