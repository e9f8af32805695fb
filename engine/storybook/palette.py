"""Colours of the storybook: body colours by name, and the tones derived from them."""

from dataclasses import dataclass

from engine.storybook.sketch import Colour

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
