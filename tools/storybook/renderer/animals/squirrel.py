"""A squirrel: a tail as large as itself, tufted ears, an acorn when it eats."""

from tools.storybook.renderer.animals import anatomy
from tools.storybook.renderer.colours import Fur
from tools.storybook.renderer.sketch import Sketch, ellipse, limb, moved, polygon, smooth


def draw(sketch: Sketch, coat: Fur, action: str) -> None:
    """Draw the squirrel, feet on y = 0, facing right."""
    if action == "running":
        _draw_running(sketch, coat)
    elif action == "sleeping":
        _draw_sleeping(sketch, coat)
    else:
        _draw_sitting(sketch, coat, eating=action == "eating")


def _draw_sitting(sketch: Sketch, coat: Fur, *, eating: bool) -> None:
    tail = smooth(
        [
            (-8, 4),
            (-22, 2),
            (-36, 14),
            (-38, 38),
            (-44, 58),
            (-38, 76),
            (-22, 80),
            (-10, 70),
            (-12, 56),
            (-20, 58),
            (-20, 46),
            (-14, 30),
            (-6, 20),
        ]
    )
    sketch.add(tail, fill=coat.base, shade=coat.shade)
    sketch.mark(limb([(-20, 14), (-28, 34), (-32, 60), (-24, 70)], [3, 7, 8, 3]), fill=coat.light)
    sketch.add(limb([(-6, 4), (12, 3.4)], [7, 6]), fill=coat.far)
    body = smooth(
        [(-14, 6), (-17, 22), (-8, 40), (4, 48), (13, 42), (15, 28), (14, 10), (4, 2), (-6, 1)]
    )
    sketch.add(body, fill=coat.base, shade=coat.shade, soft=True)
    sketch.mark(smooth([(4, 40), (12, 36), (13, 20), (10, 8), (3, 14), (2, 28)]), fill=coat.light)
    sketch.add(ellipse(-4, 14, 13, 13), fill=coat.base, shade=coat.shade)
    sketch.add(limb([(-4, 3.6), (15, 3.6)], [7.2, 6.4]), fill=coat.base)
    if eating:
        _draw_acorn(sketch, 27, 38)
        arms = [[(7, 35), (14, 31), (23, 36)], [(4, 33), (12, 27), (23, 33)]]
    else:
        arms = [[(7, 35), (14, 28), (18, 24)], [(4, 33), (11, 25), (16, 21)]]
    for line, tone in zip(arms, (coat.far, coat.base), strict=True):
        sketch.add(limb(line, [7, 5.6, 5.4]), fill=tone, line=1.4)
    _draw_head(sketch, coat, 11, 55, asleep=False)


def _draw_running(sketch: Sketch, coat: Fur) -> None:
    tail = smooth(
        [
            (-20, 22),
            (-32, 16),
            (-48, 24),
            (-60, 38),
            (-72, 40),
            (-76, 52),
            (-62, 60),
            (-46, 54),
            (-32, 40),
            (-20, 34),
        ]
    )
    sketch.add(tail, fill=coat.base, shade=coat.shade)
    sketch.mark(limb([(-34, 28), (-50, 40), (-66, 49)], [4, 8, 3]), fill=coat.light)
    for line in ([(-16, 22), (-24, 13), (-34, 6)], [(20, 26), (32, 17), (40, 10)]):
        sketch.add(limb(line, [9, 6.4, 6]), fill=coat.far)
    body = smooth(
        [(-27, 24), (-22, 38), (-4, 42), (16, 44), (28, 40), (26, 26), (8, 20), (-14, 15)]
    )
    hind = limb([(-17, 24), (-30, 17), (-45, 11)], [15, 8, 6.5])
    fore = limb([(21, 30), (36, 26), (47, 20)], [9, 6.6, 6])
    sketch.add(hind, fore, body, fill=coat.base, shade=coat.shade, soft=True)
    sketch.mark(smooth([(-6, 21), (10, 23), (24, 28), (12, 26)]), fill=coat.light)
    anatomy.dust(sketch, -52, 40)
    _draw_head(sketch, coat, 36, 46, asleep=False)


def _draw_sleeping(sketch: Sketch, coat: Fur) -> None:
    body = smooth([(-34, 6), (-36, 22), (-20, 36), (4, 36), (26, 28), (36, 12), (28, 1), (-22, 1)])
    sketch.add(body, fill=coat.base, shade=coat.shade, soft=True)
    _draw_head(sketch, coat, 27, 15, asleep=True)
    tail = smooth(
        [
            (-36, 12),
            (-44, 28),
            (-30, 46),
            (-6, 48),
            (12, 40),
            (20, 26),
            (12, 17),
            (0, 27),
            (-14, 27),
            (-24, 18),
            (-22, 8),
            (-4, 7),
            (10, 8),
            (14, 3),
            (2, 0),
            (-26, 0),
        ]
    )
    sketch.add(tail, fill=coat.base, shade=coat.shade)
    sketch.mark(limb([(-34, 20), (-24, 36), (-4, 40), (10, 32)], [4, 7, 7, 3]), fill=coat.light)
    anatomy.letters(sketch, 36, 36)


def _draw_head(sketch: Sketch, coat: Fur, x: float, y: float, *, asleep: bool) -> None:
    for dx, tone in ((-8, coat.far), (-1, coat.base)):
        ear = polygon((dx - 4, 7), (dx - 3, 24), (dx + 5.5, 11))
        sketch.add(moved(ear, x, y), fill=tone, line=1.4)
    head = smooth(
        [
            (x - 14, y),
            (x - 9, y + 11),
            (x + 3, y + 13),
            (x + 13, y + 5),
            (x + 21, y - 3),
            (x + 14, y - 10),
            (x, y - 12),
            (x - 10, y - 9),
        ]
    )
    sketch.add(head, fill=coat.base, shade=coat.shade)
    sketch.mark(ellipse(x + 11, y - 5.5, 7.5, 4.2, -16), fill=coat.light)
    sketch.add(ellipse(x + 20, y - 2.6, 2.6, 2.2), fill=anatomy.DARK, line=0.8)
    anatomy.look(sketch, asleep, x + 5, y + 2.8, 4.4)


def _draw_acorn(sketch: Sketch, x: float, y: float) -> None:
    sketch.own = False
    sketch.add(
        smooth([(x - 6.5, y + 3), (x + 6.5, y + 3), (x + 5, y - 6), (x, y - 10), (x - 5, y - 6)]),
        fill=(196, 132, 66),
        shade=(150, 92, 44),
        ink=(70, 44, 28),
        line=1.3,
    )
    sketch.add(
        smooth([(x - 8, y + 2.5), (x - 6, y + 8), (x, y + 9.5), (x + 6, y + 8), (x + 8, y + 2.5)]),
        fill=(122, 82, 48),
        ink=(70, 44, 28),
        line=1.3,
    )
    sketch.stroke([(x, y + 9), (x + 1.5, y + 13)], 2.0, (70, 44, 28))
    sketch.own = True
