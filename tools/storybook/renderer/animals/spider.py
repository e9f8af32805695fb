"""A spider: a round friendly body on eight legs; a web to eat in, a thread to sleep on."""

from math import cos, pi, sin

from tools.storybook.renderer.animals import anatomy
from tools.storybook.renderer.colours import WHITE, Fur, mix
from tools.storybook.renderer.sketch import Colour, Point, Sketch, ellipse, limb

SILK: Colour = (240, 244, 250)


def draw(sketch: Sketch, coat: Fur, action: str) -> None:
    """Draw the spider; y = 0 is the ground below it."""
    if action == "eating":
        _draw_web(sketch, 0, 46, 46)
    if action == "sleeping":
        sketch.own = False
        sketch.stroke([(0, 50), (0, 118)], 1.2, SILK)
        sketch.own = True
    heights = {"standing": 30.0, "running": 32.0, "eating": 46.0, "sleeping": 44.0}
    y = heights[action]
    _draw_legs(sketch, coat, y, action)
    if action == "running":
        anatomy.dust(sketch, -52, 48)
    sketch.add(ellipse(0, y + 10, 22, 20), fill=coat.base, shade=coat.shade)
    sketch.mark(ellipse(-8, y + 20, 6, 3.4, 24), fill=mix(coat.base, WHITE, 0.55))
    sketch.mark(ellipse(8, y + 19, 2.4, 2), ellipse(2, y + 24, 2, 1.6), fill=coat.far)
    _draw_face(sketch, coat, y - 4, asleep=action == "sleeping")
    if action == "eating":
        _draw_fly(sketch, 8, y - 22)
    if action == "sleeping":
        anatomy.letters(sketch, 22, y + 18)


def _draw_legs(sketch: Sketch, coat: Fur, y: float, action: str) -> None:
    for side in (-1, 1):
        for k in range(4):
            line = _leg(side, k, y, action)
            sketch.add(limb(line, [6.5, 5.2, 3.4]), fill=coat.far, line=1.3)


def _leg(side: int, k: int, y: float, action: str) -> list[Point]:
    start = (side * 14.0, y + 4 + 2 * k)
    if action == "eating":
        t = pi * (-0.36 + 0.24 * k)
        return [
            start,
            (side * 30 * cos(t), y + 34 * sin(t) + 5),
            (side * 42 * cos(t * 1.15), y + 46 * sin(t * 1.15)),
        ]
    if action == "sleeping":
        return [start, (side * (24 + 2 * k), y + 2 - 3 * k), (side * (9 + 5 * k), y - 17 + 3 * k)]
    if action == "running":
        swing = (10.0, -8.0, 12.0, -6.0)[k] * (1 if side > 0 else -1)
        lift = (0.0, 9.0, 0.0, 7.0)[k] if side > 0 else (8.0, 0.0, 8.0, 0.0)[k]
        return [
            start,
            (side * (29 + 7 * k), y + 13 + 7 * k),
            (side * (28 + 12 * k) + swing, 2 + lift),
        ]
    return [start, (side * (28 + 8 * k), y + 8 + 6 * k), (side * (27 + 13 * k), 2.0 + 1.5 * k)]


def _draw_face(sketch: Sketch, coat: Fur, y: float, *, asleep: bool) -> None:
    sketch.add(ellipse(0, y, 16, 13.5), fill=coat.base, shade=coat.shade)
    for side in (-1, 1):
        anatomy.look(sketch, asleep, side * 6, y + 3, 4.9)
        if not asleep:
            sketch.mark(ellipse(side * 12.4, y + 6.8, 1.8, 1.8), fill=WHITE)
            sketch.mark(ellipse(side * 12.4, y + 6.8, 0.9, 0.9), fill=anatomy.DARK)
        sketch.mark(ellipse(side * 9.5, y - 4, 2.8, 1.8), fill=mix(coat.base, (255, 120, 130), 0.5))
    sketch.stroke([(-5, y - 5.5), (0, y - 8), (5, y - 5.5)], 1.5)
    for side in (-1, 1):
        sketch.add(ellipse(side * 2.6, y - 8.8, 1.3, 2.2), fill=WHITE, line=0.8)


def _draw_web(sketch: Sketch, x: float, y: float, radius: float) -> None:
    sketch.own = False
    spokes = [2 * pi * k / 10 + 0.15 for k in range(10)]
    for t in spokes:
        sketch.stroke([(x, y), (x + radius * cos(t), y + radius * sin(t))], 1.1, SILK)
    for share in (0.35, 0.62, 0.9):
        ring = [(x + share * radius * cos(t), y + share * radius * sin(t)) for t in spokes]
        for a, b in zip(ring, [*ring[1:], ring[0]], strict=True):
            sag = (x + (a[0] + b[0] - 2 * x) * 0.45, y + (a[1] + b[1] - 2 * y) * 0.45)
            sketch.stroke([a, sag, b], 1.1, SILK, n=3)
    sketch.own = True


def _draw_fly(sketch: Sketch, x: float, y: float) -> None:
    sketch.own = False
    for side in (-1, 1):
        sketch.add(
            ellipse(x + side * 4.6, y + 4, 4.8, 2.8, side * 34), fill=(206, 230, 244), line=0.9
        )
    sketch.add(ellipse(x, y, 3.6, 4.6), fill=(60, 66, 78), line=0.9)
    sketch.own = True
