"""A drawing as a list of parts, kept apart from pixels so that it can be measured and fitted."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engine.storybook.geometry import Path, Point, limb, turn

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Paths filled with one colour and outlined together, so that inner borders vanish."""

    paths: tuple[Path, ...]
    fill: Colour
    outline: Colour | None = None
    line: float = 1.7
    """Outline width, in units of the drawing."""
    shade: Colour | None = None
    """A darker tone for the lower side; None draws it flat."""
    soft: bool = False
    """Shade by a gradient over the whole part instead of a crescent on each path."""
    body: bool = True
    """Whether the part belongs to the animal (and its mask) rather than to food or effects."""
    text: bool = False
    """Whether the part is a letter, which must not be mirrored with the rest."""


@dataclass(slots=True)
class Sketch:
    """Collects the parts of one animal or thing, back to front."""

    ink: Colour
    parts: list[Part] = field(default_factory=list)
    own: bool = True
    """Whether parts added now belong to the animal itself."""

    def add(
        self,
        *paths: Path,
        fill: Colour,
        shade: Colour | None = None,
        soft: bool = False,
        ink: Colour | None = None,
        line: float = 1.7,
    ) -> None:
        """Add outlined paths, merged into one form."""
        self.parts.append(
            Part(
                paths=paths,
                fill=fill,
                outline=ink or self.ink,
                line=line,
                shade=shade,
                soft=soft,
                body=self.own,
            )
        )

    def mark(self, *paths: Path, fill: Colour) -> None:
        """Add flat paths without an outline: spots, highlights, cheeks."""
        self.parts.append(Part(paths=paths, fill=fill, body=self.own))

    def stroke(
        self, points: Sequence[Point], width: float, fill: Colour | None = None, n: int = 6
    ) -> None:
        """Add a smooth line with round ends."""
        self.mark(limb(points, [width] * len(points), n=n), fill=fill or self.ink)

    def turn(self, degrees: float, about: Point) -> None:
        """Turn everything drawn so far."""
        self.parts = [
            replace(part, paths=tuple(turn(path, degrees, about) for path in part.paths))
            for part in self.parts
        ]

    def bounds(self) -> tuple[float, float, float, float]:
        """Left and right of all parts, bottom and top of those that belong to the animal."""
        every = np.concatenate([path for part in self.parts for path in part.paths])
        own = np.concatenate([path for part in self.parts if part.body for path in part.paths])
        (left, _), (right, _) = every.min(axis=0), every.max(axis=0)
        return float(left), float(own[:, 1].min()), float(right), float(own[:, 1].max())
