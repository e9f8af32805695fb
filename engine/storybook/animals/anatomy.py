"""Features that several animals share: eyes, noses, food, sleepers' letters, a runner's dust."""

import numpy as np

from engine.storybook.geometry import Point, ellipse, limb, moved, polygon, smooth
from engine.storybook.palette import GRASS, WHITE, Fur, mix
from engine.storybook.sketch import Colour, Part, Sketch

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


def hoof(x: float, width: float, fill: Colour, sketch: Sketch, y: float = 0.0) -> None:
    """A hoof under a leg whose foot is at (x, y)."""
    w = width * 0.62
    sketch.add(
        polygon((x - w, y), (x - w * 0.8, y + 5.5), (x + w * 0.8, y + 5.5), (x + w, y)),
        fill=fill,
        line=1.3,
    )


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
