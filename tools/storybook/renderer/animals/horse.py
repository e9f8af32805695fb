"""A horse: long legs, a long neck with a mane, a tail of hair."""

from math import hypot

from tools.storybook.renderer.animals import anatomy
from tools.storybook.renderer.animals.anatomy import Build, draw_trunk
from tools.storybook.renderer.colours import Fur, mix
from tools.storybook.renderer.sketch import Colour, Point, Sketch, ellipse, limb, polygon, smooth

BUILD = Build(length=46, thick=25, height=49, leg=9, ankle=6.5)


def draw(sketch: Sketch, coat: Fur, action: str) -> None:
    """Draw the horse, feet on y = 0, facing right."""
    hair = mix(coat.far, anatomy.DARK, 0.35)
    hoofs = mix(anatomy.DARK, coat.far, 0.35)
    tails: dict[str, list[Point]] = {
        "standing": [(-28, 52), (-38, 46), (-38, 30), (-42, 18)],
        "eating": [(-28, 52), (-38, 46), (-38, 30), (-42, 18)],
        "running": [(-27, 50), (-42, 58), (-54, 52), (-66, 54)],
        "sleeping": [(-30, 10), (-40, 8), (-50, 4), (-58, 3)],
    }
    sketch.add(limb(tails[action], [6, 11, 9, 3]), fill=hair)
    stance = draw_trunk(sketch, BUILD, coat, action, foot=hoofs)
    if action == "running":
        anatomy.dust(sketch, stance.rear - 3, 60)
    nx, ny = stance.neck
    heads = {"standing": (38, 88), "running": (50, 80), "eating": (48, 20), "sleeping": (45, 25)}
    x, y = heads[action]
    neck = limb([(nx - 8, ny - 6), ((nx + x) / 2 + 1, (ny + y) / 2), (x - 1, y)], [26, 18, 13.5])
    _draw_mane(sketch, (nx - 8, ny - 6), (x - 1, y), hair)
    sketch.add(neck, fill=coat.base)
    anatomy.join(sketch, (nx - 14, ny - 8), (nx - 3, ny - 2), 19, coat)
    head = Sketch(ink=sketch.ink)
    _draw_head(head, coat, hair, x, y, asleep=action == "sleeping")
    head.turn(
        {"standing": -30.0, "running": -18.0, "eating": -62.0, "sleeping": -36.0}[action], (x, y)
    )
    sketch.parts += head.parts
    if action == "eating":
        anatomy.grass(sketch, x + 13, 1.15)
    if action == "sleeping":
        anatomy.letters(sketch, x + 4, y + 20)


def _draw_mane(sketch: Sketch, base: Point, top: Point, hair: Colour) -> None:
    length = max(hypot(top[0] - base[0], top[1] - base[1]), 1.0)
    ux, uy = -(top[1] - base[1]) / length, (top[0] - base[0]) / length
    bumps = []
    for i in range(6):
        share = 0.12 + 0.88 * i / 5
        out = 12.5 - 4.0 * share
        x = base[0] + (top[0] - base[0]) * share + ux * out
        y = base[1] + (top[1] - base[1]) * share + uy * out
        bumps.append(ellipse(x, y, 6.4, 5.8))
    sketch.add(*bumps, fill=hair)


def _draw_head(
    sketch: Sketch, coat: Fur, hair: Colour, x: float, y: float, *, asleep: bool
) -> None:
    sketch.add(polygon((x - 7, y + 5), (x - 6, y + 17), (x + 0.5, y + 7)), fill=coat.far, line=1.4)
    skull = smooth(
        [
            (x - 9, y),
            (x - 6, y + 8),
            (x + 3, y + 8.5),
            (x + 16, y + 5),
            (x + 26, y + 4),
            (x + 29, y - 2),
            (x + 24, y - 7),
            (x + 12, y - 7),
            (x, y - 9),
        ]
    )
    sketch.add(skull, fill=coat.base, shade=coat.shade)
    sketch.mark(
        smooth(
            [
                (x + 20, y + 2.8),
                (x + 26, y + 2.4),
                (x + 27.6, y - 2),
                (x + 23.6, y - 5.4),
                (x + 19, y - 4.6),
            ]
        ),
        fill=coat.light,
    )
    sketch.mark(ellipse(x + 25, y + 0.4, 1.4, 1.1), fill=coat.ink)
    sketch.stroke([(x + 26.5, y - 3.4), (x + 21, y - 3.6)], 1.2)
    anatomy.look(sketch, asleep, x + 5.5, y + 2.2, 3.6)
    sketch.add(polygon((x - 4, y + 6), (x - 1, y + 19), (x + 4, y + 7)), fill=coat.base, line=1.4)
    sketch.add(
        smooth([(x - 4, y + 11), (x + 5, y + 12), (x + 12, y + 5), (x + 4, y + 6)]),
        fill=hair,
        line=1.2,
    )
