"""An elephant: a great trunk, ears like sails, tusks, pillars for legs."""

from itertools import pairwise

from engine.storybook.animals import anatomy
from engine.storybook.animals.quadruped import Build, draw_trunk
from engine.storybook.geometry import Point, ellipse, limb, smooth
from engine.storybook.palette import CREAM, PINK, Fur, mix
from engine.storybook.sketch import Sketch

BUILD = Build(length=46, thick=44, height=41, leg=17, ankle=15)


def draw(sketch: Sketch, coat: Fur, action: str) -> None:
    """Draw the elephant, feet on y = 0, facing right."""
    tails: dict[str, list[Point]] = {
        "standing": [(-34, 48), (-43, 40), (-43, 26)],
        "eating": [(-34, 48), (-43, 40), (-43, 26)],
        "running": [(-34, 46), (-46, 52), (-56, 46)],
        "sleeping": [(-36, 14), (-46, 8), (-52, 3)],
    }
    tail = tails[action]
    sketch.add(limb(tail, [5, 4, 3]), fill=coat.base)
    sketch.add(ellipse(*tail[-1], 3.4, 4.6), fill=coat.far, line=1.2)
    toes = mix(coat.light, CREAM, 0.5)
    stance = draw_trunk(sketch, BUILD, coat, action, foot=coat.base)
    for fx, fy in stance.feet:
        for dx in (-1, 4, 9):
            sketch.mark(ellipse(fx + dx, fy - 4.0, 2.1, 2.4), fill=toes)
    if action == "running":
        anatomy.dust(sketch, stance.rear - 2, 62)
    heads = {"standing": (39, 60), "running": (42, 64), "eating": (39, 56), "sleeping": (40, 25)}
    x, y = heads[action]
    _draw_trunk_and_head(sketch, coat, x, y, action)
    if action == "eating":
        anatomy.grass(sketch, x + 22, 1.25)
    if action == "sleeping":
        anatomy.letters(sketch, x + 5, y + 24)


def _draw_trunk_and_head(sketch: Sketch, coat: Fur, x: float, y: float, action: str) -> None:
    lines: dict[str, list[Point]] = {
        "standing": [
            (x + 12, y - 6),
            (x + 20, y - 22),
            (x + 19, y - 40),
            (x + 29, y - 46),
            (x + 34, y - 39),
        ],
        "running": [
            (x + 13, y - 3),
            (x + 26, y - 6),
            (x + 32, y + 8),
            (x + 30, y + 22),
            (x + 37, y + 28),
        ],
        "eating": [
            (x + 12, y - 6),
            (x + 20, y - 20),
            (x + 19, y - 36),
            (x + 21, y - 46),
            (x + 22, y - 50),
        ],
        "sleeping": [
            (x + 12, y - 8),
            (x + 24, y - 18),
            (x + 38, y - 20),
            (x + 46, y - 19),
            (x + 52, y - 14),
        ],
    }
    nose = lines[action]
    trunk = limb(nose, [19, 14, 10.5, 8.5, 7])
    sketch.add(
        smooth(
            [(x + 8, y - 8), (x + 14, y - 12), (x + 27, y - 12), (x + 31, y - 5), (x + 22, y - 9)]
        ),
        fill=(255, 250, 236),
        line=1.3,
    )
    sketch.add(trunk, ellipse(x, y, 20, 19.5), fill=coat.base, shade=coat.shade)
    for (ax, ay), (bx, by) in pairwise(nose[1:]):
        mx, my = (ax + bx) / 2, (ay + by) / 2
        length = max(((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5, 1e-6)
        ux, uy = -(by - ay) / length * 3, (bx - ax) / length * 3
        sketch.stroke([(mx - ux, my - uy), (mx + ux, my + uy)], 1.0, coat.far)
    anatomy.look(sketch, action == "sleeping", x + 9.5, y + 5.5, 3.6)
    ear = smooth(
        [
            (x - 4, y + 15),
            (x - 18, y + 20),
            (x - 29, y + 8),
            (x - 27, y - 12),
            (x - 15, y - 22),
            (x - 5, y - 12),
            (x + 1, y + 2),
        ]
    )
    sketch.add(ear, fill=coat.base, shade=coat.shade)
    inner = smooth(
        [
            (x - 7, y + 10),
            (x - 17, y + 14),
            (x - 24, y + 5),
            (x - 22, y - 9),
            (x - 14, y - 16),
            (x - 8, y - 9),
            (x - 4, y + 1),
        ]
    )
    sketch.mark(inner, fill=mix(PINK, coat.base, 0.35))
