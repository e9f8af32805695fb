"""The six props, on a canvas of 100 units; some stand behind the animals, some in front."""

from collections.abc import Callable

import numpy as np

from engine.storybook.geometry import ellipse, limb, polygon, smooth
from engine.storybook.palette import mix
from engine.storybook.scenery import leafy_tree
from engine.storybook.sketch import Colour, Sketch

BEHIND = frozenset({"fence", "tree"})
"""Props drawn before the animals; the others stand in front of them."""


def sketch_prop(prop: str, x: float) -> Sketch:
    """A prop whose middle is at x; an empty sketch for "none"."""
    sketch = Sketch(ink=(66, 46, 40), own=False)
    if prop != "none":
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
