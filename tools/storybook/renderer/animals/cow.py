"""A cow: patches, horns, a pink muzzle and udder, a tufted tail."""

from tools.storybook.renderer.animals import anatomy
from tools.storybook.renderer.animals.anatomy import LEAN, Build, draw_trunk
from tools.storybook.renderer.colours import BODY, PINK, Fur, mix
from tools.storybook.renderer.sketch import Colour, Path, Point, Sketch, ellipse, limb, smooth, turn

BUILD = Build(length=52, thick=31, height=37, leg=10, ankle=8, belly=1.5)
HORN: Colour = (240, 222, 180)


def draw(sketch: Sketch, coat: Fur, action: str) -> None:
    """Draw the cow, feet on y = 0, facing right."""
    tails: dict[str, list[Point]] = {
        "standing": [(-33, 46), (-42, 40), (-41, 22)],
        "eating": [(-33, 46), (-42, 40), (-41, 22)],
        "running": [(-33, 44), (-47, 50), (-58, 46)],
        "sleeping": [(-36, 10), (-46, 6), (-52, 3)],
    }
    tail = tails[action]
    patch = patch_colour(coat)
    sketch.add(limb(tail, [4.5, 3.5, 3]), fill=coat.base)
    sketch.add(ellipse(*tail[-1], 3.8, 5.5), fill=patch, line=1.2)
    stance = draw_trunk(sketch, BUILD, coat, action, foot=anatomy.DARK)
    if action != "sleeping":
        sketch.add(ellipse(-9, 20.5, 7.5, 5.5), fill=PINK, shade=(222, 130, 150), line=1.3)
    _draw_patches(sketch, stance.centre, action, patch)
    if action == "running":
        anatomy.dust(sketch, stance.rear - 2, 56)
    heads = {"standing": (42, 58), "running": (46, 62), "eating": (46, 22), "sleeping": (42, 20)}
    x, y = heads[action]
    nx, ny = stance.neck
    sketch.add(limb([(nx - 9, ny - 4), (x - 4, y)], [24, 16]), fill=coat.base)
    anatomy.join(sketch, (nx - 14, ny - 6), (nx - 6, ny - 2), 17, coat)
    _draw_head(sketch, coat, patch, x, y, asleep=action == "sleeping")
    if action == "eating":
        anatomy.grass(sketch, x + 7, 1.1)
    if action == "sleeping":
        anatomy.letters(sketch, x + 14, y + 19)


def patch_colour(coat: Fur) -> Colour:
    """Dark patches on a light coat, white ones on any other."""
    return (62, 56, 64) if coat.base == BODY["white"] else (250, 246, 238)


def _draw_patches(sketch: Sketch, centre: Point, action: str, fill: Colour) -> None:
    x, y = centre
    if action == "sleeping":
        spots: list[Path] = [
            smooth([(x - 14, y + 9), (x - 2, y + 11), (x + 2, y + 3), (x - 8, y - 1)]),
            smooth([(x + 9, y + 8), (x + 19, y + 6), (x + 18, y - 4), (x + 9, y - 2)]),
        ]
    else:
        spots = [
            smooth(
                [
                    (x - 27, y + 8),
                    (x - 17, y + 12),
                    (x - 9, y + 6),
                    (x - 16, y - 4),
                    (x - 26, y - 2),
                ]
            ),
            smooth([(x - 1, y + 11), (x + 12, y + 11), (x + 14, y + 2), (x + 3, y - 1)]),
            smooth([(x + 20, y - 2), (x + 28, y + 1), (x + 27, y - 9), (x + 20, y - 10)]),
            smooth([(x - 4, y - 7), (x + 5, y - 6), (x + 4, y - 12), (x - 3, y - 12)]),
        ]
    if action == "running":
        spots = [turn(spot, LEAN, centre) for spot in spots]
    sketch.mark(*spots, fill=fill)


def _draw_head(
    sketch: Sketch, coat: Fur, patch: Colour, x: float, y: float, *, asleep: bool
) -> None:
    for side in (-1, 1):
        horn = smooth(
            [
                (x + side * 5, y + 11),
                (x + side * 12, y + 15),
                (x + side * 12.5, y + 24),
                (x + side * 9, y + 18),
                (x + side * 3, y + 16),
            ]
        )
        sketch.add(horn, fill=HORN, line=1.4)
        ear = ellipse(x + side * 16, y + 7, 7.5, 4.2, side * 14)
        sketch.add(ear, fill=coat.far, line=1.4)
        sketch.mark(ellipse(x + side * 16.5, y + 6.6, 4.4, 2.2, side * 14), fill=PINK)
    skull = smooth(
        [
            (x - 11, y + 8),
            (x, y + 14),
            (x + 11, y + 8),
            (x + 9, y - 6),
            (x + 8, y - 14),
            (x - 8, y - 14),
            (x - 9, y - 6),
        ]
    )
    sketch.add(skull, fill=coat.base, shade=coat.shade)
    sketch.mark(
        smooth([(x - 3.5, y + 12.5), (x + 3, y + 12.5), (x + 2, y), (x - 1.5, y)]), fill=patch
    )
    sketch.add(ellipse(x, y - 11.5, 12.5, 8), fill=PINK, shade=mix(PINK, (150, 60, 90), 0.3))
    for side in (-1, 1):
        sketch.mark(ellipse(x + side * 4.8, y - 10, 1.8, 2.4), fill=(150, 72, 92))
        anatomy.look(sketch, asleep, x + side * 6.2, y + 2.5, 3.7)
    sketch.stroke([(x - 5, y - 15.5), (x, y - 17), (x + 5, y - 15.5)], 1.2, (150, 72, 92))
