"""An elephant: a great trunk, ears like sails, tusks, pillars for legs."""

from itertools import pairwise

from tools.storybook.renderer.animals import anatomy
from tools.storybook.renderer.animals.anatomy import Build, draw_trunk
from tools.storybook.renderer.colours import CREAM, PINK, Fur, mix
from tools.storybook.renderer.sketch import Point, Sketch, ellipse, limb, smooth

BUILD = Build(length=46, thick=44, height=41, leg=17, ankle=15)
NOSES: dict[str, tuple[Point, ...]] = {
    "standing": ((12, -6), (20, -22), (19, -40), (29, -46), (34, -39)),
    "running": ((13, -3), (26, -6), (32, 8), (30, 22), (37, 28)),
    "eating": ((12, -6), (20, -20), (19, -36), (21, -46), (22, -50)),
    "sleeping": ((12, -8), (24, -18), (38, -20), (46, -19), (52, -14)),
}
"""Centre line of the trunk, from the middle of the head."""
EAR = ((-4, 15), (-18, 20), (-29, 8), (-27, -12), (-15, -22), (-5, -12), (1, 2))
INNER_EAR = ((-7, 10), (-17, 14), (-24, 5), (-22, -9), (-14, -16), (-8, -9), (-4, 1))


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
    _draw_head(sketch, coat, x, y, action)
    if action == "eating":
        anatomy.grass(sketch, x + 22, 1.25)
    if action == "sleeping":
        anatomy.letters(sketch, x + 5, y + 24)


def _draw_head(sketch: Sketch, coat: Fur, x: float, y: float, action: str) -> None:
    nose = [(x + dx, y + dy) for dx, dy in NOSES[action]]
    tusk = [(8, -8), (14, -12), (27, -12), (31, -5), (22, -9)]
    sketch.add(smooth([(x + dx, y + dy) for dx, dy in tusk]), fill=(255, 250, 236), line=1.3)
    trunk = limb(nose, [19, 14, 10.5, 8.5, 7])
    sketch.add(trunk, ellipse(x, y, 20, 19.5), fill=coat.base, shade=coat.shade)
    _draw_wrinkles(sketch, coat, nose)
    anatomy.look(sketch, action == "sleeping", x + 9.5, y + 5.5, 3.6)
    sketch.add(smooth([(x + dx, y + dy) for dx, dy in EAR]), fill=coat.base, shade=coat.shade)
    inner = smooth([(x + dx, y + dy) for dx, dy in INNER_EAR])
    sketch.mark(inner, fill=mix(PINK, coat.base, 0.35))


def _draw_wrinkles(sketch: Sketch, coat: Fur, nose: list[Point]) -> None:
    for (ax, ay), (bx, by) in pairwise(nose[1:]):
        mx, my = (ax + bx) / 2, (ay + by) / 2
        length = max(((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5, 1e-6)
        ux, uy = -(by - ay) / length * 3, (bx - ax) / length * 3
        sketch.stroke([(mx - ux, my - uy), (mx + ux, my + uy)], 1.0, coat.far)
