"""Draws a scene: pixels, and a mask of each animal.

The same scene at the same size gives the same bytes. Everything is drawn `supersample` times
larger and scaled down, which stands in for anti-aliasing.
"""

from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from engine.storybook.scenes import Animal, Scene
from tools.storybook.renderer.animals import sketch_animal
from tools.storybook.renderer.colours import lit_sketch, mix
from tools.storybook.renderer.places import GROUND, HORIZON, sketch_place, sketch_sky, sky_image
from tools.storybook.renderer.props import BEHIND, sketch_prop
from tools.storybook.renderer.sketch import Colour, Part, Path, Sketch, ellipse, normals, offset


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


def draw_sketch(
    image: Image.Image, sketch: Sketch, frame: Frame, rim: Colour | None = None
) -> None:
    """Draw the sketch; `rim` first draws a thin light edge around all of it."""
    draw = ImageDraw.Draw(image)
    if rim is not None:
        for part in sketch.parts:
            if part.outline is not None and not part.text:
                for path in part.paths:
                    _fill(draw, frame.pixels(offset(path, part.line / 2 + 0.8)), rim)
    for part in sketch.parts:
        _draw_part(image, draw, part, frame)


def draw_label(labels: Image.Image, sketch: Sketch, frame: Frame, label: int) -> None:
    """Draw where the sketch lies: `label` on the animal, 0 where food or effects cover it."""
    draw = ImageDraw.Draw(labels)
    for part in sketch.parts:
        for path in part.paths:
            grown = offset(path, part.line / 2) if part.outline else path
            draw.polygon(_points(frame.pixels(grown)), fill=label if part.body else 0)


def _draw_part(image: Image.Image, draw: ImageDraw.ImageDraw, part: Part, frame: Frame) -> None:
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


SIZES: dict[str, float] = {
    "elephant": 1.05, "horse": 1.05, "cow": 1.0, "dog": 0.96, "sheep": 0.98, "cat": 0.94,
    "chicken": 0.92, "squirrel": 0.94, "spider": 0.92, "butterfly": 0.88,
}  # fmt: skip
"""A hint of natural size; every animal stays large enough to be read at 64 pixels."""
_PROP = 3
"""In a map of labels, after those of the animals."""
RIM = (196, 206, 240)
"""Moonlight along an animal's edge, without which dark coats drown at night."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendering:
    """A picture (RGB, size x size) and one mask (L, 0 to 255) for each animal, in their order."""

    image: Image.Image
    masks: tuple[Image.Image, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Placed:
    sketch: Sketch
    x: float
    y: float
    scale: float
    """Canvas units per unit of the sketch."""
    mirrored: bool

    def frame(self, side: int) -> Frame:
        unit = side / 100.0
        return Frame(
            x=self.x * unit,
            y=side - self.y * unit,
            scale=self.scale * unit,
            mirrored=self.mirrored,
        )


def render(scene: Scene, size: int = 128, *, supersample: int = 4) -> Image.Image:
    """The picture of a scene, size x size pixels, RGB."""
    canvas = _draw_scene(scene, size * supersample, _layout(scene))
    return canvas.resize((size, size), Image.Resampling.BOX)


def render_backdrop(scene: Scene, size: int = 128, *, supersample: int = 4) -> Image.Image:
    """The picture of a scene that its animals have left, with all else where it was."""
    layout = replace(_layout(scene), shadows=Sketch(ink=(0, 0, 0)), animals=())
    canvas = _draw_scene(scene, size * supersample, layout)
    return canvas.resize((size, size), Image.Resampling.BOX)


def render_with_masks(scene: Scene, size: int = 128, *, supersample: int = 4) -> Rendering:
    """The picture and, for each animal, the share of each pixel that it covers."""
    side = size * supersample
    layout = _layout(scene)
    labels = _draw_labels(layout, side)
    return Rendering(
        image=_draw_scene(scene, side, layout).resize((size, size), Image.Resampling.BOX),
        masks=tuple(_mask(labels, k, size) for k in range(1, len(layout.animals) + 1)),
    )


def label_map(scene: Scene, size: int) -> NDArray[np.uint8]:
    """Which animal lies where, [size, size]: 0 none, 1 the first, 2 the second."""
    labels = _draw_labels(_layout(scene), 4 * size)
    return np.asarray(labels.resize((size, size), Image.Resampling.NEAREST), dtype=np.uint8)


def coverage(scene: Scene, size: int) -> NDArray[np.float32]:
    """How much of each cell is covered, [3, size, size]: by either animal, and by the prop."""
    side, layout = 4 * size, _layout(scene)
    labels = Image.new("L", (side, side), 0)
    _draw_prop(labels, layout.behind, side)
    for number, placed in enumerate(layout.animals, start=1):
        draw_label(labels, placed.sketch, placed.frame(side), number)
    _draw_prop(labels, layout.front, side)
    cells = np.asarray(labels).reshape(size, 4, size, 4)
    covered = [(cells == label).mean(axis=(1, 3)) for label in (1, 2, _PROP)]
    return np.stack(covered).astype(np.float32)


def _draw_prop(labels: Image.Image, sketch: Sketch, side: int) -> None:
    draw, frame = ImageDraw.Draw(labels), _canvas_frame(side)
    for part in sketch.parts:
        for path in part.paths:
            draw.polygon(_points(frame.pixels(path)), fill=_PROP)


def facings(scene: Scene) -> tuple[bool, ...]:
    """For each animal of a scene, in order, whether it is drawn the other way round."""
    return tuple(placed.mirrored for placed in _layout(scene).animals)


def _draw_labels(layout: "_Layout", side: int) -> Image.Image:
    labels = Image.new("L", (side, side), 0)
    for number, placed in enumerate(layout.animals, start=1):
        draw_label(labels, placed.sketch, placed.frame(side), number)
    draw_label(labels, layout.front, _canvas_frame(side), 0)
    return labels


def _mask(labels: Image.Image, label: int, size: int) -> Image.Image:
    full = labels.point([255 if value == label else 0 for value in range(256)])
    return full.resize((size, size), Image.Resampling.BOX)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    sky: Sketch
    place: Sketch
    behind: Sketch
    shadows: Sketch
    animals: tuple[_Placed, ...]
    front: Sketch


def _layout(scene: Scene) -> _Layout:
    rng = Random(f"layout:{scene.seed}")
    sky = sketch_sky(rng, scene.time, HORIZON[scene.place])
    place = lit_sketch(sketch_place(rng, scene.place), scene.time, scenery=True)
    prop_x = _prop_x(scene, rng)
    prop = lit_sketch(sketch_prop(scene.prop, prop_x), scene.time, scenery=True)
    if scene.prop not in BEHIND:
        prop = lit_sketch(sketch_prop(scene.prop, prop_x), scene.time, scenery=False)
    empty = Sketch(ink=(0, 0, 0), own=False)
    animals = tuple(_place_animal(animal, scene, rng) for animal in scene.animals)
    shadows = Sketch(ink=(0, 0, 0), own=False)
    tone = mix(GROUND[scene.place], (40, 44, 70), 0.34)
    for placed in animals:
        left, _, right, _ = placed.sketch.bounds()
        width = (right - left) * placed.scale
        shadows.mark(ellipse(placed.x, 14.2, width * 0.40, 2.6), fill=tone)
    return _Layout(
        sky=sky,
        place=place,
        behind=prop if scene.prop in BEHIND else empty,
        shadows=lit_sketch(shadows, scene.time, scenery=True),
        animals=animals,
        front=empty if scene.prop in BEHIND else prop,
    )


def _prop_x(scene: Scene, rng: Random) -> float:
    jitter = rng.uniform(-3.0, 3.0)
    if len(scene.animals) == 2:
        return 50.0 + jitter
    position = scene.animals[0].position
    if position == "middle":
        return rng.choice((16.0, 84.0)) + jitter
    return (84.0 if position == "left" else 16.0) + jitter


def _place_animal(animal: Animal, scene: Scene, rng: Random) -> _Placed:
    sketch = lit_sketch(
        sketch_animal(animal.animal, animal.colour, animal.action), scene.time, scenery=False
    )
    two = len(scene.animals) == 2
    left, bottom, right, top = sketch.bounds()
    wide, high = (50.0, 58.0) if two else (72.0, 68.0)
    scale = min(wide / (right - left), high / (top - bottom), 0.68 if two else 0.94)
    scale *= SIZES[animal.animal] * rng.uniform(0.93, 1.04)
    mirrored = rng.random() < 0.5
    middle = (left + right) / 2 * (-1 if mirrored else 1)
    at = {"left": 26.0, "right": 74.0} if two else {"left": 35.0, "middle": 50.0, "right": 65.0}
    x = at[animal.position] + rng.uniform(-2.0, 2.0)
    lift = 6.0 if animal.animal == "butterfly" and animal.action == "running" else 0.0
    y = 14.0 + rng.uniform(-1.5, 1.5) + lift - min(bottom, 0.0) * scale
    return _Placed(sketch=sketch, x=x - middle * scale, y=y, scale=scale, mirrored=mirrored)


def _canvas_frame(side: int) -> Frame:
    return Frame(x=0.0, y=float(side), scale=side / 100.0)


def _draw_scene(scene: Scene, side: int, layout: _Layout) -> Image.Image:
    image = sky_image(scene.time, side, HORIZON[scene.place])
    frame = _canvas_frame(side)
    for sketch in (layout.sky, layout.place, layout.behind, layout.shadows):
        draw_sketch(image, sketch, frame)
    for placed in layout.animals:
        rim = RIM if scene.time == "night" else None
        draw_sketch(image, placed.sketch, placed.frame(side), rim)
    draw_sketch(image, layout.front, frame)
    return image
