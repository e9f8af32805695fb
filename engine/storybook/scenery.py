"""Trees and other things that stand in more than one place, on a canvas of 100 units."""

from itertools import pairwise

from engine.storybook.geometry import Path, ellipse, limb, polygon, smooth
from engine.storybook.palette import mix
from engine.storybook.sketch import Colour, Sketch

SNOW: Colour = (246, 250, 255)
BARK: Colour = (120, 82, 52)


def pine(sketch: Sketch, x: float, y: float, height: float, tone: Colour, *, snowy: bool) -> None:
    """A fir of three tiers with its foot at (x, y)."""
    w = height * 0.30
    ink = mix(tone, (16, 30, 40), 0.55)
    trunk = polygon(
        (x - w * 0.16, y),
        (x - w * 0.16, y + height * 0.2),
        (x + w * 0.16, y + height * 0.2),
        (x + w * 0.16, y),
    )
    sketch.add(trunk, fill=BARK, ink=(70, 46, 32), line=0.7)
    tiers: list[Path] = []
    for low, high, wide in ((0.12, 0.52, 1.0), (0.34, 0.74, 0.8), (0.56, 1.0, 0.58)):
        tiers.append(
            smooth(
                [
                    (x, y + high * height),
                    (x + 0.5 * wide * w, y + (low + 0.12) * height),
                    (x + wide * w, y + low * height),
                    (x, y + (low - 0.03) * height),
                    (x - wide * w, y + low * height),
                    (x - 0.5 * wide * w, y + (low + 0.12) * height),
                ],
                n=3,
            )
        )
    for tier in tiers:
        sketch.add(tier, fill=tone, shade=mix(tone, (10, 40, 50), 0.35), ink=ink, line=0.7)
    if snowy:
        for high, wide in ((0.52, 0.62), (0.74, 0.5), (1.0, 0.42)):
            top = y + high * height
            cap = smooth(
                [
                    (x, top),
                    (x + 0.5 * wide * w, top - 0.16 * height),
                    (x + 0.1 * w, top - 0.13 * height),
                    (x - 0.2 * w, top - 0.17 * height),
                    (x - 0.5 * wide * w, top - 0.15 * height),
                ],
                n=3,
            )
            sketch.mark(cap, fill=SNOW)


def palm(sketch: Sketch, x: float, y: float, height: float, lean: float) -> None:
    """A palm with its foot at (x, y), leaning to one side."""
    top = (x + lean, y + height)
    trunk = limb([(x, y), (x + lean * 0.3, y + height * 0.5), top], [5.4, 4.0, 3.2])
    sketch.add(trunk, fill=(166, 120, 72), shade=(124, 84, 50), ink=(86, 56, 34), line=0.8)
    for share in (0.2, 0.4, 0.6, 0.8):
        cx, cy = x + lean * share * share, y + height * share
        sketch.stroke([(cx - 2, cy - 0.4), (cx, cy - 1.2), (cx + 2, cy)], 0.6, (124, 84, 50))
    for dx, dy in ((-17, -8), (17, -7), (-13, 5), (13, 6), (-6, -14), (7, -14), (0, 9)):
        tip = (top[0] + dx, top[1] + dy)
        bend = (top[0] + dx * 0.5, top[1] + dy * 0.5 + 4.2)
        under = (top[0] + dx * 0.5 - (2 if dx < 0 else -2) * 0.4, top[1] + dy * 0.5 + 0.4)
        frond = smooth([top, bend, tip, under], n=4)
        sketch.add(frond, fill=(66, 160, 82), shade=(38, 118, 66), ink=(24, 84, 54), line=0.7)
    for side in (-1.8, 1.8):
        sketch.add(ellipse(top[0] + side, top[1] - 1.4, 2.1, 2.1), fill=(122, 78, 44), line=0.7)


def leafy_tree(sketch: Sketch, x: float, y: float, height: float) -> None:
    """A round-crowned tree with its foot at (x, y)."""
    r = height * 0.27
    trunk = smooth(
        [
            (x - 5, y),
            (x - 2.8, y + height * 0.3),
            (x - 3.4, y + height * 0.6),
            (x + 3.4, y + height * 0.6),
            (x + 2.8, y + height * 0.3),
            (x + 5, y),
        ],
        n=3,
    )
    sketch.add(trunk, fill=BARK, shade=(86, 56, 40), ink=(60, 38, 28), line=0.9)
    cy = y + height - r * 1.1
    crown = [
        ellipse(x, cy, r * 1.05, r),
        ellipse(x - r * 0.8, cy - r * 0.25, r * 0.7, r * 0.66),
        ellipse(x + r * 0.8, cy - r * 0.25, r * 0.7, r * 0.66),
        ellipse(x, cy + r * 0.4, r * 0.72, r * 0.7),
    ]
    sketch.add(
        *crown, fill=(118, 196, 84), shade=(66, 150, 66), soft=True, ink=(40, 96, 48), line=1.0
    )
    for dx, dy in ((-0.5, 0.3), (0.15, 0.55), (-0.1, -0.1), (0.55, 0.05)):
        sketch.mark(ellipse(x + dx * r, cy + dy * r, r * 0.24, r * 0.13, 20), fill=(158, 220, 112))


def barn(sketch: Sketch, x: float, y: float, size: float) -> None:
    """A red barn with white trim, `size` wide, its foot at (x, y)."""
    h, w = size * 0.8, size / 2
    ink: Colour = (92, 26, 30)
    wall = polygon(
        (x - w, y),
        (x - w, y + h * 0.55),
        (x - w * 0.62, y + h * 0.85),
        (x, y + h),
        (x + w * 0.62, y + h * 0.85),
        (x + w, y + h * 0.55),
        (x + w, y),
    )
    sketch.add(wall, fill=(204, 62, 52), shade=(150, 40, 44), soft=True, ink=ink, line=1.0)
    roof = [
        (x - w * 1.08, y + h * 0.52),
        (x - w * 0.62, y + h * 0.87),
        (x, y + h * 1.02),
        (x + w * 0.62, y + h * 0.87),
        (x + w * 1.08, y + h * 0.52),
    ]
    for a, b in pairwise(roof):
        sketch.add(limb([a, b], [2.4, 2.4], n=1), fill=(238, 232, 226), ink=(110, 70, 70), line=0.6)
    white: Colour = (245, 238, 230)
    d = w * 0.42
    sketch.add(
        polygon((x - d, y), (x - d, y + h * 0.42), (x + d, y + h * 0.42), (x + d, y)),
        fill=(170, 44, 44),
        ink=white,
        line=1.4,
    )
    for a, b in (((x - d, y), (x + d, y + h * 0.42)), ((x + d, y), (x - d, y + h * 0.42))):
        sketch.mark(limb([a, b], [1.2, 1.2], n=1), fill=white)
    sketch.add(ellipse(x, y + h * 0.68, w * 0.16, w * 0.16), fill=(84, 40, 44), ink=white, line=1.2)


def silo(sketch: Sketch, x: float, y: float, height: float) -> None:
    """A grey silo with a dome."""
    w = height * 0.16
    sketch.add(
        ellipse(x, y + height * 0.86, w, w), fill=(120, 142, 168), ink=(74, 84, 104), line=0.8
    )
    sketch.add(
        polygon((x - w, y), (x - w, y + height * 0.86), (x + w, y + height * 0.86), (x + w, y)),
        fill=(194, 202, 214),
        shade=(146, 156, 174),
        ink=(74, 84, 104),
        line=0.8,
    )
    for share in (0.25, 0.5, 0.75):
        sketch.stroke(
            [(x - w, y + height * share), (x + w, y + height * share)], 0.6, (146, 156, 174)
        )
