"""A dog: floppy ears, a tongue, a red collar."""

from tools.storybook.renderer.animals import anatomy
from tools.storybook.renderer.animals.anatomy import Build, draw_trunk
from tools.storybook.renderer.colours import GOLD, ROSE, Fur
from tools.storybook.renderer.sketch import Colour, Point, Sketch, ellipse, limb, smooth

BUILD = Build(length=42, thick=25, height=33, leg=10, ankle=8)
COLLAR: Colour = (206, 48, 62)


def draw(sketch: Sketch, coat: Fur, action: str) -> None:
    """Draw the dog, feet on y = 0, facing right."""
    tails: dict[str, list[Point]] = {
        "standing": [(-24, 39), (-35, 46), (-38, 60)],
        "eating": [(-24, 39), (-35, 46), (-37, 60)],
        "running": [(-24, 38), (-38, 46), (-50, 46)],
        "sleeping": [(-26, 8), (-36, 4), (-30, 2)],
    }
    sketch.add(limb(tails[action], [7.5, 6.5, 3.5]), fill=coat.base, shade=coat.shade)
    stance = draw_trunk(sketch, BUILD, coat, action, foot=coat.light)
    if action == "running":
        anatomy.dust(sketch, stance.rear - 2, 52)
    if action != "sleeping":
        x, y = stance.centre
        sketch.mark(ellipse(x + 22, y - 3, 7, 8, 20), fill=coat.light)
    centres = {"standing": (33, 56), "running": (39, 58), "eating": (37, 27), "sleeping": (34, 13)}
    x, y = centres[action]
    nx, ny = stance.neck
    if action != "sleeping":
        sketch.add(limb([(nx - 7, ny - 4), (x - 3, y - 2)], [19, 15]), fill=coat.base)
        anatomy.join(sketch, (nx - 13, ny - 6), (nx - 4, ny - 3), 13, coat)
        cx, cy = (nx + x) / 2, (ny + y) / 2
        if action == "eating":
            sketch.add(
                limb([(cx - 7, cy - 8), (cx + 8, cy + 6)], [4.5, 4.5]), fill=COLLAR, line=1.2
            )
        else:
            sketch.add(
                limb([(cx - 8, cy + 2), (cx + 8, cy - 4)], [4.5, 4.5]), fill=COLLAR, line=1.2
            )
            sketch.add(ellipse(cx + 5, cy - 6.5, 2.8, 2.8), fill=GOLD, line=1.0)
    if action == "eating":
        anatomy.bowl(sketch, x + 16, (66, 132, 206), (150, 96, 58))
    head = Sketch(ink=sketch.ink)
    _draw_head(head, coat, x, y, asleep=action == "sleeping", tongue=action != "eating")
    head.turn({"eating": -38.0, "sleeping": -4.0}.get(action, 0.0), (x, y))
    sketch.parts += head.parts
    if action == "sleeping":
        anatomy.letters(sketch, x + 6, y + 18)


def _draw_head(
    sketch: Sketch, coat: Fur, x: float, y: float, *, asleep: bool, tongue: bool
) -> None:
    if tongue and not asleep:
        sketch.add(
            smooth([(x + 11, y - 9), (x + 17, y - 9), (x + 18, y - 17), (x + 13, y - 19)]),
            fill=ROSE,
            line=1.2,
        )
    sketch.add(
        ellipse(x, y, 15.5, 14.5),
        ellipse(x + 13, y - 5, 10.5, 7.5, -6),
        fill=coat.base,
        shade=coat.shade,
    )
    sketch.mark(ellipse(x + 14.5, y - 5.5, 8.6, 5.8, -6), fill=coat.light)
    sketch.add(ellipse(x + 22.5, y - 2.2, 3.8, 3.1), fill=anatomy.DARK, line=0.8)
    sketch.mark(ellipse(x + 22, y - 1.2, 1.2, 0.7), fill=(150, 140, 150))
    sketch.stroke([(x + 21, y - 6), (x + 16, y - 9.5), (x + 10, y - 8.5)], 1.5)
    anatomy.look(sketch, asleep, x + 5.5, y + 3.5, 4.2)
    ear = smooth(
        [
            (x - 9, y + 12),
            (x - 1, y + 9),
            (x - 0.5, y - 3),
            (x - 6, y - 15),
            (x - 15, y - 12),
            (x - 15, y + 3),
        ]
    )
    sketch.add(ear, fill=coat.far, shade=coat.ink)
