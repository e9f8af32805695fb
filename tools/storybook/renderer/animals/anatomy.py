"""What animals have in common: eyes, hooves and food, and the body of those on four legs."""

from dataclasses import dataclass

import numpy as np

from tools.storybook.renderer.colours import GRASS, WHITE, Fur, mix
from tools.storybook.renderer.sketch import (
    Colour,
    Part,
    Path,
    Point,
    Sketch,
    ellipse,
    limb,
    moved,
    polygon,
    smooth,
    turn,
)

DARK: Colour = (30, 24, 34)


def eye(sketch: Sketch, x: float, y: float, r: float, iris: Colour | None = None) -> None:
    """An open eye with a highlight, looking ahead."""
    sketch.add(ellipse(x, y, r, r * 1.12), fill=WHITE, line=1.1)
    if iris is not None:
        sketch.mark(ellipse(x + 0.08 * r, y, r * 0.86, r * 0.96), fill=iris)
    sketch.mark(ellipse(x + 0.2 * r, y - 0.04 * r, r * 0.62, r * 0.76), fill=DARK)
    sketch.mark(ellipse(x + 0.42 * r, y + 0.38 * r, r * 0.26, r * 0.28), fill=WHITE)


def closed_eye(sketch: Sketch, x: float, y: float, r: float) -> None:
    """A sleeping eye: an arc that hangs, with lashes' weight at its ends."""
    sketch.stroke([(x - r, y + 0.15 * r), (x, y - 0.5 * r), (x + r, y + 0.15 * r)], 1.7)


def look(
    sketch: Sketch, asleep: bool, x: float, y: float, r: float, iris: Colour | None = None
) -> None:
    """An eye, open or closed."""
    if asleep:
        closed_eye(sketch, x, y, r)
    else:
        eye(sketch, x, y, r, iris)


def grass(sketch: Sketch, x: float, size: float = 1.0) -> None:
    """A tuft of grass to eat, in front of everything drawn so far."""
    sketch.own = False
    dark = mix(GRASS, (20, 60, 40), 0.35)
    for lean, height, tone in (
        (-9.0, 12.0, dark),
        (9.0, 11.0, dark),
        (-4.5, 17.0, GRASS),
        (5.0, 16.0, GRASS),
        (0.0, 14.0, mix(GRASS, (190, 230, 90), 0.4)),
    ):
        base = x + lean * 0.55 * size
        tip = (x + lean * 1.45 * size, height * size)
        blade = smooth(
            [(base - 2.0 * size, 0.0), (base + 0.2 * lean, 0.55 * height * size), tip], closed=False
        )
        back = smooth(
            [tip, (base + 2.2 + 0.2 * lean, 0.5 * height * size), (base + 2.2, 0.0)], closed=False
        )
        sketch.add(np.concatenate([blade, back]), fill=tone, ink=mix(dark, DARK, 0.4), line=0.9)
    sketch.own = True


def bowl(sketch: Sketch, x: float, fill: Colour, food: Colour) -> None:
    """A food bowl on the ground."""
    sketch.own = False
    ink = mix(fill, DARK, 0.7)
    sketch.add(ellipse(x, 9.5, 11.5, 4.2), fill=food, ink=ink, line=1.3)
    sketch.add(
        smooth([(x - 12, 9), (x - 9, 1.2), (x, 0.0), (x + 9, 1.2), (x + 12, 9), (x, 6.2)]),
        fill=fill,
        shade=mix(fill, DARK, 0.3),
        ink=ink,
        line=1.4,
    )
    sketch.mark(ellipse(x - 4, 4.6, 2.4, 1.2, 10), fill=mix(fill, WHITE, 0.55))
    sketch.own = True


def letters(sketch: Sketch, x: float, y: float, size: float = 1.0) -> None:
    """ "Zzz" rising from a sleeper's head at (x, y)."""
    for dx, dy, s in ((0.0, 0.0, 8.0), (5.0, 10.0, 10.0), (11.0, 22.0, 13.0)):
        s *= size
        letter = polygon(
            (0, s),
            (0, 0.74 * s),
            (0.52 * s, 0.74 * s),
            (0, 0.2 * s),
            (0, 0),
            (s, 0),
            (s, 0.26 * s),
            (0.46 * s, 0.26 * s),
            (s, 0.8 * s),
            (s, s),
        )
        at = moved(letter, x + dx * size, y + dy * size)
        sketch.parts.append(
            Part(paths=(at,), fill=WHITE, outline=(58, 70, 132), line=1.9, body=False, text=True)
        )


def dust(sketch: Sketch, x: float, height: float) -> None:
    """Speed lines and a puff of dust behind a runner whose rear end is at x."""
    sketch.own = False
    pale: Colour = (250, 250, 252)
    for y, near, far in ((0.82, 3.0, 15.0), (0.6, 5.0, 19.0), (0.38, 3.0, 14.0)):
        sketch.mark(limb([(x - near, height * y), (x - far, height * y)], [2.8, 1.2]), fill=pale)
    sketch.mark(
        ellipse(x - 2, 3.6, 5.4, 3.6),
        ellipse(x - 10, 3.2, 5.2, 3.2),
        ellipse(x - 7, 7.4, 4.6, 3.8),
        fill=pale,
    )
    sketch.own = True


def join(sketch: Sketch, a: Point, b: Point, width: float, coat: Fur) -> None:
    """Rub out the border between two forms of one coat, from inside a to inside b."""
    sketch.mark(limb([a, b], [width, width]), fill=coat.base)


def stripes(sketch: Sketch, spots: list[tuple[float, float, float]], coat: Fur) -> None:
    """Wedges that hang from the back at (x, y), `length` long."""
    for x, y, length in spots:
        sketch.mark(
            polygon((x - 2.2, y), (x + 2.2, y), (x + 0.4, y - length), (x - 0.4, y - length)),
            fill=coat.far,
        )


LEAN = 7.0
"""How far a runner's body is turned up, in degrees."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """Proportions: length between hip and shoulder, thickness of the trunk, height of its axis."""

    length: float
    thick: float
    height: float
    leg: float
    """Width of a leg at its top; it tapers to `ankle`."""
    ankle: float
    belly: float = 0.0
    """How far the belly hangs below an even trunk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stance:
    """Where the pose leaves the parts that each animal draws itself."""

    neck: Point
    """Where neck or head joins the trunk."""
    tail: Point
    """Where the tail begins."""
    rear: float
    """x of the hindmost point, for dust."""
    feet: tuple[Point, ...]
    """Feet on the near side, back then front."""
    centre: Point


def trunk(build: Build, height: float) -> Path:
    """The outline of the trunk with its axis at `height`."""
    half, t = build.length / 2, build.thick
    return smooth(
        [
            (-half - 0.30 * t, height + 0.02 * t),
            (-half - 0.12 * t, height + 0.40 * t),
            (-half * 0.4, height + 0.49 * t),
            (half * 0.4, height + 0.47 * t),
            (half + 0.10 * t, height + 0.44 * t),
            (half + 0.34 * t, height + 0.10 * t),
            (half + 0.12 * t, height - 0.42 * t),
            (0.0, height - 0.47 * t - build.belly),
            (-half - 0.02 * t, height - 0.43 * t),
        ]
    )


def legs(build: Build, action: str) -> tuple[list[list[Point]], list[list[Point]]]:
    """Centre lines of the far and the near legs (back, front), from hip to foot."""
    h, half, a = build.height, build.length / 2, build.ankle / 2
    back, front = -half + 0.02 * build.thick, half - 0.02 * build.thick
    if action == "running":
        reach = 0.62 * h
        near = [
            [(back, h - 2), (back - 0.26 * reach, 0.56 * h), (back - 0.95 * reach, 0.30 * h)],
            [(front, h), (front + 0.50 * reach, 0.62 * h), (front + 0.98 * reach, 0.44 * h)],
        ]
        far = [
            [(back + 4, h - 2), (back + 0.02 * reach, 0.5 * h), (back - 0.55 * reach, 0.13 * h)],
            [
                (front - 3, h - 1),
                (front + 0.32 * reach, 0.50 * h),
                (front + 0.52 * reach, 0.18 * h),
            ],
        ]
        return far, near
    shift = 0.62 * build.leg + 3
    near = [[(x, h - 2), (x - 0.6, 0.5 * h), (x, a)] for x in (back, front)]
    far = [[(x, h - 2), (x, 0.5 * h), (x, a + 1.8)] for x in (back + shift, front - shift)]
    return far, near


def draw_trunk(sketch: Sketch, build: Build, coat: Fur, action: str, *, foot: Colour) -> Stance:
    """Draw far legs, then trunk and near legs as one form; the sketch holds the tail already."""
    if action == "sleeping":
        return _draw_lying(sketch, build, coat, foot=foot)
    far, near = legs(build, action)
    widths = [build.leg * 1.25, build.leg, build.ankle]
    for line in far:
        sketch.add(limb(line, widths), fill=coat.far)
        _draw_foot(sketch, line, build.ankle, foot, dim=coat.far)
    body = trunk(build, build.height)
    neck = (build.length / 2 + 0.12 * build.thick, build.height + 0.30 * build.thick)
    tail = (-build.length / 2 - 0.24 * build.thick, build.height + 0.26 * build.thick)
    if action == "running":
        pivot = (0.0, build.height)
        body = turn(body, LEAN, pivot)
        neck = _turned(neck, pivot)
        tail = _turned(tail, pivot)
    near_paths = [limb(line, widths) for line in near]
    sketch.add(*near_paths, body, fill=coat.base, shade=coat.shade, soft=True)
    for line in near:
        _draw_foot(sketch, line, build.ankle, foot, dim=None)
    return Stance(
        neck=neck,
        tail=tail,
        rear=min(path[:, 0].min() for path in [*near_paths, body]),
        feet=tuple(line[-1] for line in near),
        centre=(0.0, build.height),
    )


def _draw_foot(
    sketch: Sketch, line: list[Point], ankle: float, foot: Colour, dim: Colour | None
) -> None:
    x, y = line[-1]
    lean = 22.0 if line[-1][0] < line[0][0] - 8 else (-16.0 if line[-1][0] > line[0][0] + 8 else 0)
    shape = ellipse(x + 0.18 * ankle, y + 0.06 * ankle, ankle * 0.74, ankle * 0.52, -lean)
    fill = foot if dim is None else _blend(foot, dim)
    sketch.add(shape, fill=fill, line=1.3)


def _blend(a: Colour, b: Colour) -> Colour:
    return ((a[0] + b[0]) // 2, (a[1] + b[1]) // 2, (a[2] + b[2]) // 2)


def _turned(point: Point, pivot: Point) -> Point:
    x, y = turn(np.array([point], dtype=np.float64), LEAN, pivot)[0]
    return float(x), float(y)


def _draw_lying(sketch: Sketch, build: Build, coat: Fur, *, foot: Colour) -> Stance:
    half, t = build.length / 2, build.thick
    height = 0.46 * t
    low = build.ankle * 0.5
    for x in (half + 0.42 * t, half + 0.30 * t):
        sketch.add(
            limb([(half - 0.2 * t, low + 1), (x, low)], [build.ankle * 1.1, build.ankle]),
            fill=coat.far if x > half + 0.4 * t else coat.base,
        )
        sketch.add(ellipse(x + 1.5, low, build.ankle * 0.7, build.ankle * 0.5), fill=foot, line=1.3)
    body = smooth(
        [
            (-half - 0.38 * t, height - 0.30 * t),
            (-half - 0.30 * t, height + 0.26 * t),
            (-half * 0.3, height + 0.46 * t),
            (half * 0.5, height + 0.42 * t),
            (half + 0.26 * t, height + 0.20 * t),
            (half + 0.26 * t, height - 0.34 * t),
            (0.0, height - 0.46 * t),
        ]
    )
    sketch.add(body, fill=coat.base, shade=coat.shade, soft=True)
    haunch = ellipse(-half + 0.16 * t, height - 0.06 * t, 0.44 * t, 0.38 * t, 12)
    sketch.add(haunch, fill=coat.base, shade=coat.shade)
    sketch.add(
        limb([(-half + 0.1 * t, low), (-half + 0.62 * t, low)], [build.ankle, build.ankle]),
        fill=coat.base,
    )
    sketch.add(
        ellipse(-half + 0.66 * t, low, build.ankle * 0.7, build.ankle * 0.5), fill=foot, line=1.3
    )
    return Stance(
        neck=(half + 0.14 * t, height + 0.16 * t),
        tail=(-half - 0.34 * t, height * 0.5),
        rear=-half - 0.4 * t,
        feet=(),
        centre=(0.0, height),
    )
