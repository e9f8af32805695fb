"""How the time of day changes colours."""

from dataclasses import replace

from engine.storybook.palette import mix
from engine.storybook.sketch import Colour, Sketch

SKY: dict[str, tuple[Colour, Colour]] = {
    "day": ((104, 184, 246), (222, 243, 255)),
    "sunset": ((240, 118, 104), (255, 214, 140)),
    "night": ((20, 26, 74), (62, 76, 142)),
}
"""Sky at the top and at the horizon."""


def lit_scenery(colour: Colour, time: str) -> Colour:
    """The colour of a piece of scenery at a time of day."""
    if time == "sunset":
        return mix(_times(colour, (1.0, 0.91, 0.84)), (255, 140, 96), 0.16)
    if time == "night":
        return mix(_times(colour, (0.34, 0.40, 0.60)), (30, 40, 104), 0.22)
    return colour


def lit_animal(colour: Colour, time: str) -> Colour:
    """The colour of an animal: touched by the light, yet still known by its name."""
    if time == "sunset":
        return mix(colour, (255, 150, 100), 0.09)
    if time == "night":
        return mix(_times(colour, (0.89, 0.90, 0.97)), (40, 50, 110), 0.06)
    return colour


def lit_sketch(sketch: Sketch, time: str, *, scenery: bool) -> Sketch:
    """The sketch with every colour as the time of day shows it."""
    if time == "day":
        return sketch
    change = lit_scenery if scenery else lit_animal
    parts = [
        replace(
            part,
            fill=change(part.fill, time),
            outline=None if part.outline is None else change(part.outline, time),
            shade=None if part.shade is None else change(part.shade, time),
        )
        for part in sketch.parts
    ]
    return Sketch(ink=sketch.ink, parts=parts)


def _times(colour: Colour, factor: tuple[float, float, float]) -> Colour:
    return (
        round(colour[0] * factor[0]), round(colour[1] * factor[1]), round(colour[2] * factor[2])
    )  # fmt: skip
