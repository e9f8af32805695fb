"""A butterfly: on a twig, in flight, at a flower, or asleep under a leaf."""

from tools.storybook.renderer.animals import anatomy
from tools.storybook.renderer.colours import CREAM, Fur, mix
from tools.storybook.renderer.sketch import Colour, Path, Sketch, ellipse, limb, moved, smooth, turn

BODY_TONE: Colour = (64, 48, 56)


def draw(sketch: Sketch, coat: Fur, action: str) -> None:
    """Draw the butterfly; y = 0 is the ground below it."""
    if action == "sleeping":
        _draw_sleeping(sketch, coat)
        return
    insect = Sketch(ink=sketch.ink)
    _draw_wings(insect, coat)
    _draw_body(insect)
    if action == "standing":
        _draw_twig(sketch)
    elif action == "running":
        insect.turn(-32.0, (0.0, 44.0))
        _draw_trail(sketch)
    else:
        insect.turn(-20.0, (0.0, 44.0))
        _draw_flower(sketch, 30, 26, (238, 92, 146))
        _draw_flower(sketch, -24, 12, (252, 212, 74))
    sketch.parts += insect.parts
    if action == "eating":
        _draw_petals(sketch, 30, 26, (238, 92, 146))


def _wing_pair() -> tuple[Path, Path]:
    upper = smooth([(3, 46), (10, 66), (28, 82), (44, 80), (46, 62), (34, 46), (14, 42)])
    lower = smooth([(3, 44), (18, 44), (34, 38), (36, 22), (24, 10), (12, 16), (4, 32)])
    return upper, lower


def _draw_wings(sketch: Sketch, coat: Fur) -> None:
    for side in (-1.0, 1.0):
        upper, lower = (path * (side, 1.0) for path in _wing_pair())
        sketch.add(lower, fill=coat.base, shade=coat.shade, line=2.2)
        sketch.add(upper, fill=coat.base, shade=coat.shade, line=2.2)
        spot = mix(CREAM, coat.light, 0.25) if coat.base[0] < 240 else coat.far
        sketch.mark(
            ellipse(side * 33, 69, 6.5, 6),
            ellipse(side * 21, 61, 3.6, 3.4),
            ellipse(side * 25, 25, 5, 4.6),
            ellipse(side * 38, 57, 2.6, 2.6),
            fill=spot,
        )


def _draw_body(sketch: Sketch) -> None:
    for side in (-1, 1):
        sketch.stroke([(side * 1.5, 62), (side * 5, 74), (side * 12, 80)], 1.6, BODY_TONE)
        sketch.mark(ellipse(side * 12.4, 80.4, 2.3, 2.3), fill=BODY_TONE)
    sketch.add(
        limb([(0, 18), (0, 36), (0, 54)], [4, 8.5, 7]), fill=BODY_TONE, shade=(34, 24, 32), line=1.2
    )
    sketch.add(ellipse(0, 59, 6.4, 6.2), fill=BODY_TONE, line=1.2)
    for side in (-1, 1):
        anatomy.eye(sketch, side * 2.8, 60, 2.3)


def _draw_twig(sketch: Sketch) -> None:
    sketch.own = False
    bark, ink = (128, 88, 52), (66, 42, 26)
    sketch.add(limb([(-46, 8), (-10, 13), (20, 11), (46, 15)], [7, 6, 5.5, 4]), fill=bark, ink=ink)
    for x, y, angle in ((-40, 15, 30), (38, 21, 150), (44, 8, 200)):
        leaf = turn(ellipse(x + 8, y, 10, 4.6), angle, (x, y))
        sketch.add(leaf, fill=(92, 178, 70), shade=(52, 128, 54), ink=(34, 78, 36), line=1.4)
    sketch.own = True


def _draw_trail(sketch: Sketch) -> None:
    sketch.own = False
    for x, y, r in ((-46, 24, 3.4), (-56, 17, 2.9), (-67, 13, 2.4), (-78, 12, 2.0)):
        sketch.mark(ellipse(x, y, r, r), fill=(252, 252, 255))
    sketch.own = True


def _draw_flower(sketch: Sketch, x: float, y: float, tone: Colour) -> None:
    sketch.own = False
    sketch.add(limb([(x - 3, 0), (x - 1, y / 2), (x, y)], [3, 3, 3]), fill=(70, 152, 62), line=1.2)
    leaf = turn(ellipse(x + 8, y * 0.35, 8, 3.4), 26, (x, y * 0.35))
    sketch.add(leaf, fill=(92, 178, 70), ink=(34, 78, 36), line=1.2)
    _draw_petals(sketch, x, y, tone)


def _draw_petals(sketch: Sketch, x: float, y: float, tone: Colour) -> None:
    sketch.own = False
    petals = [turn(ellipse(x, y + 9.5, 6.2, 7.4), 72.0 * k, (x, y)) for k in range(5)]
    sketch.add(
        *petals,
        fill=tone,
        shade=mix(tone, (120, 30, 80), 0.3),
        ink=mix(tone, anatomy.DARK, 0.6),
        line=1.4,
    )
    sketch.add(ellipse(x, y, 5.4, 5.4), fill=(255, 236, 130), ink=(150, 100, 30), line=1.2)
    sketch.own = True


def _draw_sleeping(sketch: Sketch, coat: Fur) -> None:
    sketch.own = False
    leaf = smooth([(-44, 74), (-22, 86), (12, 88), (46, 78), (18, 69), (-20, 68)])
    sketch.add(leaf, fill=(84, 172, 66), shade=(48, 124, 52), ink=(30, 74, 36))
    sketch.stroke([(-42, 75), (0, 78), (42, 78)], 1.4, (48, 124, 52))
    sketch.own = True
    back = smooth([(2, 58), (-10, 66), (-32, 54), (-34, 36), (-20, 30), (-4, 42)])
    sketch.add(moved(back, -3.0, -2.0), fill=coat.far, line=2.0)
    sketch.add(back, fill=coat.base, shade=coat.shade, line=2.2)
    lower = smooth([(0, 46), (-14, 42), (-28, 24), (-24, 8), (-10, 6), (0, 22), (4, 40)])
    sketch.add(lower, fill=coat.base, shade=coat.shade, line=2.2)
    spot = mix(CREAM, coat.light, 0.25) if coat.base[0] < 240 else coat.far
    sketch.mark(
        ellipse(-23, 47, 6, 5.4), ellipse(-16, 19, 5, 4.6), ellipse(-12, 53, 3, 3), fill=spot
    )
    sketch.add(limb([(4, 22), (5, 38), (4, 56)], [4, 8, 7]), fill=BODY_TONE, line=1.2)
    sketch.add(ellipse(4, 61, 6.2, 6), fill=BODY_TONE, line=1.2)
    sketch.stroke([(4, 60.4), (6.6, 58.8), (9, 60.6)], 1.4, CREAM)
    for x in (7, 10):
        sketch.stroke([(4, 64), (x, 70)], 1.5, BODY_TONE)
    anatomy.letters(sketch, 16, 34)
