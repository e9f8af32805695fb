"""A sheep: a cloud of wool on thin dark legs, a dark face with a woolly cap."""

from tools.storybook.renderer.animals import anatomy
from tools.storybook.renderer.colours import BODY, Fur, mix
from tools.storybook.renderer.sketch import Colour, Path, Point, Sketch, ellipse, limb, smooth, turn

SKIN: Colour = (74, 64, 72)


def draw(sketch: Sketch, coat: Fur, action: str) -> None:
    """Draw the sheep, feet on y = 0, facing right."""
    skin = (176, 150, 138) if coat.base == BODY["black"] else SKIN
    height = 18.0 if action == "sleeping" else 38.0
    _draw_legs(sketch, skin, action)
    wool = _wool(0.0, height, 35.0, 21.0 if action != "sleeping" else 17.5)
    if action == "running":
        wool = [turn(tuft, 6.0, (0.0, height)) for tuft in wool]
    sketch.add(ellipse(-36, height + 2, 7, 6), fill=coat.base, shade=coat.shade)
    sketch.add(*wool, fill=coat.base, shade=coat.shade, soft=True)
    _draw_curls(sketch, coat, height, action)
    if action == "running":
        anatomy.dust(sketch, -48, 52)
    heads = {"standing": (40, 52), "running": (43, 56), "eating": (43, 22), "sleeping": (37, 15)}
    x, y = heads[action]
    head = Sketch(ink=sketch.ink)
    _draw_head(head, coat, skin, x, y, asleep=action == "sleeping")
    head.turn({"eating": -22.0, "sleeping": 12.0}.get(action, 0.0), (x, y))
    sketch.parts += head.parts
    if action == "eating":
        anatomy.grass(sketch, x + 9, 1.15)
    if action == "sleeping":
        anatomy.letters(sketch, x + 6, y + 20)


def _wool(cx: float, cy: float, rx: float, ry: float) -> list[Path]:
    from math import cos, pi, sin

    tufts = [ellipse(cx, cy, rx, ry)]
    for i in range(13):
        t = 2 * pi * i / 13
        tufts.append(ellipse(cx + 0.86 * rx * cos(t), cy + 0.82 * ry * sin(t), 9.0, 8.4, n=18))
    return tufts


def _draw_legs(sketch: Sketch, skin: Colour, action: str) -> None:
    far = mix(skin, anatomy.DARK, 0.4)
    lines: list[tuple[list[Point], Colour]]
    if action == "running":
        lines = [
            ([(-18, 26), (-27, 18), (-38, 8)], far),
            ([(18, 26), (27, 16), (33, 6)], far),
            ([(-24, 28), (-36, 21), (-49, 13)], skin),
            ([(24, 28), (37, 24), (49, 16)], skin),
        ]
    elif action == "sleeping":
        lines = [([(20, 5), (30, 4), (40, 4)], skin), ([(-18, 4), (-8, 3.6), (0, 3.6)], skin)]
    else:
        lines = [
            ([(-12, 26), (-12, 12), (-12, 5)], far),
            ([(13, 26), (13, 12), (13, 5)], far),
            ([(-21, 26), (-21, 12), (-21, 4)], skin),
            ([(22, 26), (22, 12), (22, 4)], skin),
        ]
    for points, tone in lines:
        sketch.add(limb(points, [8.5, 7.5, 7.5]), fill=tone)


def _draw_curls(sketch: Sketch, coat: Fur, height: float, action: str) -> None:
    rows = [(-20, 8), (-4, 11), (13, 8), (-12, -3), (5, -2), (21, -4), (-24, -6)]
    flat = 0.7 if action == "sleeping" else 1.0
    for dx, dy in rows:
        y = height + dy * flat
        sketch.stroke([(dx - 4.5, y), (dx, y - 3.6), (dx + 4.5, y + 0.4)], 1.5, coat.shade)


def _draw_head(
    sketch: Sketch, coat: Fur, skin: Colour, x: float, y: float, *, asleep: bool
) -> None:
    sketch.add(ellipse(x - 10, y + 1, 8, 3.8, 24), fill=mix(skin, anatomy.DARK, 0.25), line=1.4)
    face = smooth(
        [
            (x - 8, y + 8),
            (x + 3, y + 10),
            (x + 13, y + 1),
            (x + 16, y - 8),
            (x + 9, y - 13),
            (x - 2, y - 9),
            (x - 9, y),
        ]
    )
    sketch.add(face, fill=skin, shade=mix(skin, anatomy.DARK, 0.4))
    if asleep:
        sketch.stroke(
            [(x + 1, y - 0.6), (x + 4.2, y - 3), (x + 7.4, y - 0.6)], 1.6, (240, 236, 230)
        )
    else:
        anatomy.eye(sketch, x + 4.2, y + 0.6, 4.0)
    sketch.mark(ellipse(x + 13.2, y - 7, 1.1, 1.5), fill=mix(skin, (255, 200, 200), 0.5))
    sketch.stroke([(x + 12, y - 10.4), (x + 8.5, y - 10.2)], 1.2, mix(skin, (255, 220, 220), 0.45))
    sketch.add(
        ellipse(x - 7, y + 10, 6.5, 6),
        ellipse(x, y + 12.5, 7.5, 6.5),
        ellipse(x + 6, y + 9.5, 5.5, 5),
        fill=coat.base,
        shade=coat.shade,
    )
