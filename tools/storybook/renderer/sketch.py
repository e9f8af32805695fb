"""Drawings as lists of parts: closed outlines [n, 2] in units of the drawing, y up."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

Path = NDArray[np.float64]
Point = tuple[float, float]
_RIGHT: Path = np.array([1.0, -1.0], dtype=np.float64)
_LEFT: Path = -_RIGHT


@lru_cache
def _circle(n: int) -> Path:
    t = np.linspace(0.0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(t), np.sin(t)], axis=1)


def ellipse(cx: float, cy: float, rx: float, ry: float, angle: float = 0.0, n: int = 28) -> Path:
    """An ellipse turned by `angle` degrees, counter-clockwise."""
    return turn(_circle(n) * (rx, ry) + (cx, cy), angle, (cx, cy))


def smooth(points: Sequence[Point], *, closed: bool = True, n: int = 6) -> Path:
    """A Catmull-Rom curve through the points, `n` steps between two of them."""
    p = np.asarray(points, dtype=np.float64)
    if closed:
        p = np.concatenate([p[-1:], p, p[:2]])
    else:
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = (np.arange(n) / n)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    flat = curve.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, p[-2:-1]])


def polygon(*points: Point) -> Path:
    """Straight edges between the points."""
    return np.asarray(points, dtype=np.float64)


def limb(points: Sequence[Point], widths: Sequence[float], *, n: int = 6) -> Path:
    """A tube with round ends along a smooth centre line; one full width for each point."""
    line = smooth(points, closed=False, n=n)
    known, at = _stations(len(widths), len(line))
    half = np.interp(at, known, widths) / 2
    step = np.empty_like(line)
    step[1:-1] = line[2:] - line[:-2]
    step[0], step[-1] = line[1] - line[0], line[-1] - line[-2]
    step /= np.maximum(np.sqrt((step * step).sum(axis=1)), 1e-9)[:, None]
    side = step[:, ::-1] * _LEFT * half[:, None]
    left, right = line + side, line - side
    return np.concatenate(
        [left, _cap(line[-1], step[-1], half[-1]), right[::-1], _cap(line[0], -step[0], half[0])]
    )


@lru_cache
def _stations(known: int, wanted: int) -> tuple[Path, Path]:
    return np.arange(known, dtype=np.float64), np.linspace(0.0, known - 1.0, wanted)


_CAP = np.radians([60.0, 30.0, 0.0, -30.0, -60.0])[:, None]
_CAP_COS, _CAP_SIN = np.cos(_CAP), np.sin(_CAP)


def _cap(centre: Path, direction: Path, radius: float) -> Path:
    cap: Path = centre + radius * (_CAP_COS * direction + _CAP_SIN * (direction[::-1] * _LEFT))
    return cap


def turn(path: Path, degrees: float, about: Point = (0.0, 0.0)) -> Path:
    """The path turned counter-clockwise about a point."""
    if not degrees:
        return path
    c, s = cos(radians(degrees)), sin(radians(degrees))
    turned: Path = (path - about) @ np.array([[c, s], [-s, c]]) + about
    return turned


def moved(path: Path, dx: float, dy: float) -> Path:
    """The path shifted by (dx, dy)."""
    return path + np.array([dx, dy], dtype=np.float64)


def normals(path: Path) -> Path:
    """Outward unit normals of a closed path, one for each point."""
    around = np.concatenate([path[-1:], path, path[:1]])
    step = around[2:] - around[:-2]
    ahead = around[2:]
    area = float(path[:, 0] @ ahead[:, 1] - path[:, 1] @ ahead[:, 0])
    step /= np.maximum(np.sqrt((step * step).sum(axis=1)), 1e-9)[:, None]
    outward: Path = step[:, ::-1] * (_RIGHT if area > 0 else _LEFT)
    return outward


def offset(path: Path, distance: float) -> Path:
    """The closed path grown outwards along its normals."""
    return path + distance * normals(path)


def star(
    cx: float, cy: float, outer: float, inner: float, points: int, angle: float = 90.0
) -> Path:
    """A star with `points` tips, the first of them at `angle` degrees."""
    t = np.radians(angle + np.arange(2 * points) * 180.0 / points)
    r = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    return np.stack([cx + r * np.cos(t), cy + r * np.sin(t)], axis=1)


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
