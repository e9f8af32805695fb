"""Things that stand in a scene, on a canvas of 100 units: trees, buildings and the six props."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from engine.storybook.vocabulary import NO_PROP
from tools.storybook.renderer.colours import mix
from tools.storybook.renderer.sketch import Colour, Path, Sketch, ellipse, limb, polygon, smooth

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


BEHIND = frozenset({"fence", "tree"})
"""Props drawn before the animals; the others stand in front of them."""


def sketch_prop(prop: str, x: float) -> Sketch:
    """A prop whose middle is at x; an empty sketch for "none"."""
    sketch = Sketch(ink=(66, 46, 40), own=False)
    if prop != NO_PROP:
        _DRAW[prop](sketch, x)
    return sketch


def _fence(sketch: Sketch, x: float) -> None:
    wood: Colour = (252, 250, 246)
    shade, ink = mix(wood, (120, 110, 130), 0.35), (112, 100, 108)
    for y in (26.0, 36.0):
        rail = polygon((-3, y), (-3, y + 4), (103, y + 4), (103, y))
        sketch.add(rail, fill=wood, shade=shade, ink=ink, line=1.0)
    for k in range(11):
        px = k * 10.0 + (x % 10.0) - 5.0
        picket = polygon((px - 3, 20), (px - 3, 43), (px, 47), (px + 3, 43), (px + 3, 20))
        sketch.add(picket, fill=wood, ink=ink, line=1.0)
        sketch.mark(
            polygon((px + 1, 20.6), (px + 1, 43), (px + 2.4, 42), (px + 2.4, 20.6)), fill=shade
        )


def _hay(sketch: Sketch, x: float) -> None:
    straw, ink = (240, 200, 92), (140, 100, 36)
    shade = (206, 154, 58)
    stack = smooth(
        [
            (x - 15, 2),
            (x - 14, 9),
            (x - 8, 19),
            (x, 23),
            (x + 8, 19),
            (x + 14, 9),
            (x + 15, 2),
            (x, 0.5),
        ]
    )
    sketch.add(stack, fill=straw, shade=shade, soft=True, ink=ink, line=1.1)
    for dx, dy, lean in (
        (-9, 5, 2),
        (-4, 12, -2),
        (3, 6, 3),
        (6, 14, -3),
        (-1, 18, 2),
        (10, 7, -2),
        (-7, 10, 3),
        (1, 3, -3),
    ):
        sketch.stroke([(x + dx, dy), (x + dx + lean, dy + 3.6)], 0.9, shade, n=1)
        sketch.stroke([(x + dx + 2, dy), (x + dx + 2 - lean, dy + 3)], 0.8, (255, 232, 150), n=1)


def _pond(sketch: Sketch, x: float) -> None:
    sketch.add(ellipse(x, 6.4, 26, 6.6), fill=(206, 186, 132), ink=(120, 104, 70), line=0.9)
    sketch.add(
        ellipse(x, 6.2, 23.5, 5.2),
        fill=(74, 168, 226),
        shade=(44, 128, 196),
        ink=(36, 96, 158),
        line=0.8,
    )
    for dx, y, w in ((-10, 7.6, 5), (4, 5.2, 6), (11, 8, 4)):
        sketch.stroke(
            [(x + dx - w, y), (x + dx, y + 0.5), (x + dx + w, y)], 0.8, (196, 232, 250), n=3
        )
    for side, h in ((-24.0, 11), (-21.5, 14), (24.0, 12)):
        sketch.add(
            limb([(x + side, 4), (x + side, 4 + h)], [1.3, 1.0]), fill=(70, 150, 66), line=0.5
        )
        sketch.add(ellipse(x + side, 4 + h, 1.3, 2.6), fill=(130, 82, 44), line=0.6)


def _tree(sketch: Sketch, x: float) -> None:
    leafy_tree(sketch, x, 22, 70)


def _basket(sketch: Sketch, x: float) -> None:
    weave, ink = (202, 144, 78), (98, 62, 32)
    handle = limb([(x - 9, 10), (x - 7, 19), (x, 23), (x + 7, 19), (x + 9, 10)], [2.4] * 5)
    sketch.add(handle, fill=weave, ink=ink, line=0.9)
    for dx, dy, tone in (
        (-5.5, 12.6, (216, 52, 48)),
        (5, 12.8, (240, 190, 60)),
        (0, 14.2, (120, 186, 70)),
    ):
        sketch.add(
            ellipse(x + dx, dy, 4.3, 4.1), fill=tone, shade=mix(tone, (60, 20, 30), 0.3), line=0.8
        )
    side = polygon((x - 11, 12), (x - 8.6, 1), (x + 8.6, 1), (x + 11, 12))
    sketch.add(side, fill=weave, shade=(158, 104, 52), ink=ink, line=1.1)
    for y in (4.2, 7.4):
        sketch.stroke([(x - 9.4, y), (x + 9.4, y)], 0.8, (140, 90, 44), n=1)
    for dx in (-6, -2, 2, 6):
        sketch.stroke([(x + dx * 0.9, 1.8), (x + dx * 1.1, 10)], 0.8, (140, 90, 44), n=1)
    rim = limb([(x - 11.6, 11.4), (x, 10.6), (x + 11.6, 11.4)], [2.8, 2.8, 2.8])
    sketch.add(rim, fill=(222, 168, 100), ink=ink, line=0.9)


def _ball(sketch: Sketch, x: float) -> None:
    r, y = 10.5, 12.0
    sketch.add(ellipse(x, y, r, r, n=36), fill=(252, 250, 248), line=1.1)
    tones: list[Colour] = [(222, 56, 58), (54, 122, 216), (250, 204, 62)]
    for k, tone in enumerate(tones):
        t = np.radians(np.linspace(120.0 * k + 20, 120.0 * k + 80, 10))
        rim = np.stack([x + 0.93 * r * np.cos(t), y + 0.93 * r * np.sin(t)], axis=1)
        sketch.mark(np.concatenate([np.array([[x - 1.6, y + 1.8]]), rim]), fill=tone)
    sketch.add(ellipse(x - 1.6, y + 1.8, 1.9, 1.9), fill=(252, 250, 248), line=0.7)
    sketch.mark(ellipse(x - 4.5, y + 5.6, 2.6, 1.5, 35), fill=(255, 255, 255))


_DRAW: dict[str, Callable[[Sketch, float], None]] = {
    "fence": _fence,
    "hay": _hay,
    "pond": _pond,
    "tree": _tree,
    "basket": _basket,
    "ball": _ball,
}
