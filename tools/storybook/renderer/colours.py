"""Colours of the storybook: coats by name, their tones, and how the time of day changes them."""

from dataclasses import dataclass, replace

from tools.storybook.renderer.sketch import Colour, Sketch

BODY: dict[str, Colour] = {
    "brown": (141, 92, 56),
    "black": (58, 56, 66),
    "white": (246, 243, 236),
    "gray": (150, 155, 167),
    "orange": (238, 134, 44),
    "yellow": (249, 209, 66),
    "red": (214, 52, 50),
    "pink": (246, 158, 192),
    "purple": (148, 92, 202),
    "blue": (70, 130, 222),
}

INK: Colour = (52, 38, 40)
WHITE: Colour = (255, 255, 255)
CREAM: Colour = (255, 240, 214)
PINK: Colour = (244, 160, 172)
ROSE: Colour = (236, 112, 128)
GOLD: Colour = (250, 190, 50)
GRASS: Colour = (70, 158, 62)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` of the way from a to b."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Fur:
    """The tones of one animal's coat."""

    base: Colour
    shade: Colour
    """Lower side and shadow."""
    far: Colour
    """Legs on the far side, dark ears, stripes."""
    light: Colour
    """Belly, muzzle, paws."""
    ink: Colour
    """Outline."""


def fur(colour: str) -> Fur:
    """Tones for a body colour by name; KeyError for a name outside `BODY`."""
    base = BODY[colour]
    depth = 0.22 if colour == "white" else 0.34
    pale = 0.3 if colour == "black" else 0.55
    return Fur(
        base=base,
        shade=mix(base, (62, 34, 74), depth),
        far=mix(base, (44, 26, 52), depth + 0.14),
        light=mix(base, (255, 246, 232), pale),
        ink=mix(base, (34, 22, 30), 0.8 if colour != "black" else 0.72),
    )


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
