"""Puts sketches on a Pillow image: outlines, fills, shading, rim light, masks."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from engine.storybook.geometry import Path, normals, offset
from engine.storybook.sketch import Colour, Part, Sketch


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """Where a sketch lies on the canvas: origin in pixels, pixels per unit, mirrored or not."""

    x: float
    y: float
    scale: float
    mirrored: bool = False

    def pixels(self, path: Path, *, text: bool = False) -> Path:
        """Canvas coordinates (y down) of a path in units of the sketch (y up)."""
        if self.mirrored and text:
            path = path * (-1.0, 1.0) + (float(path[:, 0].min() + path[:, 0].max()), 0.0)
        factor = np.array([-self.scale if self.mirrored else self.scale, -self.scale])
        on_canvas: Path = path * factor + np.array([self.x, self.y])
        return on_canvas


def paint(image: Image.Image, sketch: Sketch, frame: Frame, rim: Colour | None = None) -> None:
    """Draw the sketch; `rim` first draws a thin light edge around all of it."""
    draw = ImageDraw.Draw(image)
    if rim is not None:
        for part in sketch.parts:
            if part.outline is not None and not part.text:
                for path in part.paths:
                    _fill(draw, frame.pixels(offset(path, part.line / 2 + 0.8)), rim)
    for part in sketch.parts:
        _paint_part(image, draw, part, frame)


def paint_label(labels: Image.Image, sketch: Sketch, frame: Frame, label: int) -> None:
    """Draw where the sketch lies: `label` on the animal, 0 where food or effects cover it."""
    draw = ImageDraw.Draw(labels)
    for part in sketch.parts:
        for path in part.paths:
            grown = offset(path, part.line / 2) if part.outline else path
            draw.polygon(_points(frame.pixels(grown)), fill=label if part.body else 0)


def _paint_part(image: Image.Image, draw: ImageDraw.ImageDraw, part: Part, frame: Frame) -> None:
    if part.outline is not None:
        grow = [part.line / 2 * normals(path) for path in part.paths]
        for path, edge in zip(part.paths, grow, strict=True):
            _fill(draw, frame.pixels(path + edge, text=part.text), part.outline)
        inner = [
            frame.pixels(path - edge, text=part.text)
            for path, edge in zip(part.paths, grow, strict=True)
        ]
    else:
        inner = [frame.pixels(path) for path in part.paths]
    for path in inner:
        _fill(draw, path, part.fill)
    if part.shade is not None:
        if part.soft:
            _shade_softly(image, inner, part.shade)
        else:
            for path in inner:
                _shade_crescent(image, path, part.shade, frame.scale)


def _shade_crescent(image: Image.Image, path: Path, shade: Colour, scale: float) -> None:
    left, top, width, height = _box([path])
    depth = min(0.24 * height, 0.24 * width, 5.0 * scale)
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    local = path - np.array([left, top])
    draw.polygon(_points(local), fill=255)
    draw.polygon(_points(local - np.array([0.35 * depth, depth])), fill=0)
    image.paste(shade, (left, top), mask)


def _shade_softly(image: Image.Image, paths: list[Path], shade: Colour) -> None:
    left, top, width, height = _box(paths)
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    for path in paths:
        draw.polygon(_points(path - np.array([left, top])), fill=255)
    ramp = Image.linear_gradient("L").resize((1, height)).resize((width, height))
    image.paste(shade, (left, top), ImageChops.multiply(mask, ramp))


def _box(paths: list[Path]) -> tuple[int, int, int, int]:
    points = np.concatenate(paths)
    left, top = np.floor(points.min(axis=0)).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int)
    return int(left), int(top), int(right - left) + 1, int(bottom - top) + 1


def _fill(draw: ImageDraw.ImageDraw, path: Path, fill: Colour) -> None:
    draw.polygon(_points(path), fill=fill)


def _points(path: Path) -> list[float]:
    flat: list[float] = path.ravel().tolist()
    return flat
