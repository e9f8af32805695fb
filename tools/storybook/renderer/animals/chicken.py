"""A chicken: comb and wattle, a fan of tail feathers, thin yellow legs."""

from dataclasses import replace

from tools.storybook.renderer.animals import anatomy
from tools.storybook.renderer.colours import Fur, mix
from tools.storybook.renderer.sketch import (
    Colour,
    Point,
    Sketch,
    ellipse,
    limb,
    moved,
    polygon,
    smooth,
    turn,
)

BEAK: Colour = (248, 172, 44)
COMB: Colour = (222, 44, 46)


def draw(sketch: Sketch, coat: Fur, action: str) -> None:
    """Draw the chicken, feet on y = 0, facing right."""
    lift = {"sleeping": -14.0, "running": 2.0}.get(action, 0.0)
    _draw_legs(sketch, action)
    if action == "running":
        anatomy.dust(sketch, -40, 50)
    bird = Sketch(ink=sketch.ink)
    _draw_body(bird, coat, action)
    bird.turn({"running": 6.0, "eating": -16.0}.get(action, 0.0), (0.0, 34.0))
    heads: dict[str, Point] = {
        "standing": (26, 69),
        "running": (36, 68),
        "eating": (42, 22),
        "sleeping": (22, 62),
    }
    x, y = heads[action]
    _draw_neck(bird, coat, x, y, action)
    _draw_head(bird, coat, x, y, action)
    if lift:
        bird.parts = [
            replace(part, paths=tuple(moved(path, 0.0, lift) for path in part.paths))
            for part in bird.parts
        ]
    sketch.parts += bird.parts
    if action == "eating":
        _draw_grain(sketch, 54)
    if action == "sleeping":
        _draw_nest(sketch)
        anatomy.letters(sketch, 32, 60)


def _draw_legs(sketch: Sketch, action: str) -> None:
    ink = (120, 74, 20)
    if action == "sleeping":
        return
    lines: list[list[Point]] = [[(-3, 20), (-4, 10), (-4, 2)], [(8, 20), (8, 10), (8, 2)]]
    if action == "running":
        lines = [[(-3, 24), (-16, 17), (-26, 12)], [(8, 24), (20, 18), (24, 6)]]
    for line in lines:
        x, y = line[-1]
        sketch.add(limb(line, [5, 3.6, 3.4]), fill=BEAK, ink=ink, line=1.2)
        toes = [(x + 9, y - 1), (x + 4, y - 2.6), (x - 6, y - 1.4)]
        sketch.add(*(limb([(x, y), toe], [3.4, 2.4]) for toe in toes), fill=BEAK, ink=ink, line=1.2)


def _draw_body(sketch: Sketch, coat: Fur, action: str) -> None:
    for angle, tone in ((16.0, coat.far), (-6.0, coat.shade), (-26.0, coat.base)):
        feather = smooth([(-20, 40), (-36, 52), (-50, 66), (-44, 50), (-32, 36)])
        sketch.add(turn(feather, angle, (-20.0, 40.0)), fill=tone)
    body = smooth(
        [
            (-28, 40),
            (-24, 54),
            (-6, 52),
            (14, 58),
            (28, 50),
            (27, 30),
            (12, 17),
            (-8, 17),
            (-22, 27),
        ]
    )
    sketch.add(body, fill=coat.base, shade=coat.shade, soft=True)
    wing = smooth([(-20, 42), (-4, 47), (10, 42), (9, 30), (-4, 25), (-14, 28), (-24, 33)])
    if action == "running":
        wing = turn(
            smooth([(-26, 62), (-14, 54), (6, 44), (9, 32), (-6, 30), (-20, 40)]), -6.0, (0.0, 40.0)
        )
    sketch.add(wing, fill=mix(coat.base, coat.far, 0.4), shade=coat.far)


def _draw_neck(sketch: Sketch, coat: Fur, x: float, y: float, action: str) -> None:
    start = (20.0, 40.0) if action != "eating" else (20.0, 32.0)
    middle = ((start[0] + x) / 2 + (5 if action == "eating" else 1), (start[1] + y) / 2 + 1)
    sketch.add(limb([start, middle, (x, y)], [27, 19, 16]), fill=coat.base)
    sketch.mark(
        limb([(start[0] - 4, start[1]), (start[0] + 2, start[1] + 1)], [21, 21]), fill=coat.base
    )


def _draw_head(sketch: Sketch, coat: Fur, x: float, y: float, action: str) -> None:
    head = Sketch(ink=sketch.ink)
    head.add(
        ellipse(x - 6, y + 11, 4.4, 5.6, 20),
        ellipse(x, y + 13.5, 4.4, 6.2),
        ellipse(x + 6, y + 11.5, 4, 5),
        fill=COMB,
        ink=(110, 20, 30),
        line=1.3,
    )
    head.add(ellipse(x + 8, y - 10, 3.6, 6), fill=COMB, ink=(110, 20, 30), line=1.3)
    head.add(
        polygon((x + 8, y + 4), (x + 21, y - 1.5), (x + 8, y - 6)),
        fill=BEAK,
        ink=(120, 74, 20),
        line=1.3,
    )
    head.add(ellipse(x, y, 11, 11), fill=coat.base, shade=coat.shade)
    anatomy.look(head, action == "sleeping", x + 4, y + 2, 3.5)
    head.turn({"eating": -52.0}.get(action, 0.0), (x, y))
    sketch.parts += head.parts


def _draw_grain(sketch: Sketch, x: float) -> None:
    sketch.own = False
    for dx, dy in ((-9, 1), (-3, 3), (2, 0.5), (7, 3.2), (11, 1), (-13, 3)):
        sketch.add(
            ellipse(x + dx, dy + 1, 2.6, 1.9, 20), fill=(252, 214, 84), ink=(150, 100, 30), line=0.9
        )
    sketch.own = True


def _draw_nest(sketch: Sketch) -> None:
    sketch.own = False
    straw, ink = (226, 178, 84), (122, 84, 30)
    nest = smooth([(-36, 16), (-30, 3), (0, 0), (32, 3), (38, 16), (0, 11)])
    sketch.add(nest, fill=straw, shade=(180, 130, 54), ink=ink)
    for x in range(-28, 30, 8):
        sketch.stroke([(x, 9), (x + 7, 4)], 1.2, (180, 130, 54))
    sketch.own = True
