"""A cat: pointed ears, whiskers, stripes, a curled tail, its face turned to the viewer."""

from tools.storybook.renderer.animals import anatomy
from tools.storybook.renderer.animals.anatomy import Build, draw_trunk
from tools.storybook.renderer.colours import PINK, WHITE, Fur
from tools.storybook.renderer.sketch import Colour, Point, Sketch, ellipse, limb, polygon

BUILD = Build(length=40, thick=21, height=28, leg=8, ankle=7)
IRIS: Colour = (126, 196, 84)


def draw(sketch: Sketch, coat: Fur, action: str) -> None:
    """Draw the cat, feet on y = 0, facing right."""
    tails: dict[str, list[Point]] = {
        "standing": [(-24, 32), (-37, 36), (-36, 52), (-44, 62)],
        "eating": [(-24, 32), (-37, 36), (-36, 52), (-44, 62)],
        "running": [(-24, 31), (-38, 38), (-48, 36), (-58, 44)],
        "sleeping": [(-24, 6), (-30, 2.6), (-12, 2.6), (4, 3.2)],
    }
    if action != "sleeping":
        sketch.add(limb(tails[action], [6.5, 6, 5.5, 4]), fill=coat.base, shade=coat.shade)
    stance = draw_trunk(sketch, BUILD, coat, action, foot=coat.light)
    if action == "running":
        anatomy.dust(sketch, stance.rear - 2, 40)
    top = stance.centre[1] + BUILD.thick * (0.40 if action != "sleeping" else 0.36)
    lift = {"running": 0.11}.get(action, 0.0)
    anatomy.stripes(sketch, [(x, top + lift * x, 8.5) for x in (-17, -8, 1, 10)], coat)
    if action == "sleeping":
        sketch.add(limb(tails[action], [6, 6, 6, 4]), fill=coat.base, shade=coat.shade)
    centres = {"standing": (29, 45), "running": (34, 48), "eating": (32, 21), "sleeping": (29, 15)}
    x, y = centres[action]
    if action == "eating":
        anatomy.bowl(sketch, x + 13, (214, 64, 70), (236, 170, 130))
    _draw_head(sketch, coat, x, y, asleep=action == "sleeping")
    if action == "sleeping":
        anatomy.letters(sketch, x + 9, y + 19)


def _draw_head(sketch: Sketch, coat: Fur, x: float, y: float, *, asleep: bool) -> None:
    for side in (-1, 1):
        ear = polygon((x + side * 15, y + 5), (x + side * 13.5, y + 22), (x + side * 2.5, y + 12))
        sketch.add(ear, fill=coat.base)
        inner = polygon(
            (x + side * 12.6, y + 8), (x + side * 12, y + 17), (x + side * 5.5, y + 11.5)
        )
        sketch.mark(inner, fill=PINK)
    sketch.add(ellipse(x, y, 17, 14.5), fill=coat.base, shade=coat.shade)
    for dx, length in ((-4.2, 6), (0, 8), (4.2, 6)):
        sketch.mark(
            polygon(
                (x + dx - 1.5, y + 13), (x + dx + 1.5, y + 13), (x + dx * 0.8, y + 13 - length)
            ),
            fill=coat.far,
        )
    sketch.mark(ellipse(x - 3.8, y - 6.2, 5, 4), ellipse(x + 3.8, y - 6.2, 5, 4), fill=coat.light)
    for side in (-1, 1):
        anatomy.look(sketch, asleep, x + side * 7.2, y + 1.8, 4.1, IRIS)
        for rise in (1.6, -1.2, -4.0):
            sketch.stroke(
                [(x + side * 7, y - 5.5 + rise * 0.3), (x + side * 21, y - 5 + rise)], 0.8, WHITE
            )
    sketch.mark(polygon((x - 2.4, y - 2.6), (x + 2.4, y - 2.6), (x, y - 5.4)), fill=(228, 96, 120))
    sketch.stroke([(x - 4.4, y - 8), (x - 2, y - 9), (x, y - 6)], 1.2)
    sketch.stroke([(x + 4.4, y - 8), (x + 2, y - 9), (x, y - 6)], 1.2)
