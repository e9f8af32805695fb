"""Paths of drawings: closed outlines as arrays of points [n, 2], in units of the drawing, y up."""

from collections.abc import Sequence
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

Path = NDArray[np.float64]
Point = tuple[float, float]


def ellipse(cx: float, cy: float, rx: float, ry: float, angle: float = 0.0, n: int = 28) -> Path:
    """An ellipse turned by `angle` degrees, counter-clockwise."""
    t = np.linspace(0.0, 2 * np.pi, n, endpoint=False)
    return turn(np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], axis=1), angle, (cx, cy))


def smooth(points: Sequence[Point], *, closed: bool = True, n: int = 6) -> Path:
    """A Catmull-Rom curve through the points, `n` steps between two of them."""
    p = np.asarray(points, dtype=np.float64)
    if closed:
        p = np.concatenate([p[-1:], p, p[:2]])
    else:
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = (np.arange(n) / n)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    curve = b + 0.5 * t * (
        c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))
    )
    flat = curve.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, p[-2:-1]])


def polygon(*points: Point) -> Path:
    """Straight edges between the points."""
    return np.asarray(points, dtype=np.float64)


def limb(points: Sequence[Point], widths: Sequence[float], *, n: int = 6) -> Path:
    """A tube with round ends along a smooth centre line; one full width for each point."""
    line = smooth(points, closed=False, n=n)
    at = np.linspace(0.0, len(widths) - 1.0, len(line))
    half = np.interp(at, np.arange(len(widths)), np.asarray(widths, dtype=np.float64)) / 2
    step = np.gradient(line, axis=0)
    step /= np.maximum(np.hypot(step[:, 0], step[:, 1])[:, None], 1e-9)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1)
    left, right = line + normal * half[:, None], line - normal * half[:, None]
    return np.concatenate(
        [left, _cap(line[-1], step[-1], half[-1]), right[::-1], _cap(line[0], -step[0], half[0])]
    )


def _cap(centre: Path, direction: Path, radius: float) -> Path:
    t = np.radians([60.0, 30.0, 0.0, -30.0, -60.0])[:, None]
    side = np.array([-direction[1], direction[0]])
    return centre + radius * (np.cos(t) * direction + np.sin(t) * side)


def turn(path: Path, degrees: float, about: Point = (0.0, 0.0)) -> Path:
    """The path turned counter-clockwise about a point."""
    if not degrees:
        return path
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return (path - about) @ np.array([[c, s], [-s, c]]) + about


def moved(path: Path, dx: float, dy: float) -> Path:
    """The path shifted by (dx, dy)."""
    return path + np.array([dx, dy])


def offset(path: Path, distance: float) -> Path:
    """The closed path grown outwards along its normals."""
    ahead, behind = np.roll(path, -1, axis=0), np.roll(path, 1, axis=0)
    step = ahead - behind
    step = step / np.maximum(np.hypot(step[:, 0], step[:, 1])[:, None], 1e-9)
    area = float(np.sum(path[:, 0] * ahead[:, 1] - ahead[:, 0] * path[:, 1]))
    side = 1.0 if area > 0 else -1.0
    return path + side * distance * np.stack([step[:, 1], -step[:, 0]], axis=1)


def star(cx: float, cy: float, outer: float, inner: float, points: int, angle: float = 90.0) -> Path:
    """A star with `points` tips, the first of them at `angle` degrees."""
    t = np.radians(angle + np.arange(2 * points) * 180.0 / points)
    r = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    return np.stack([cx + r * np.cos(t), cy + r * np.sin(t)], axis=1)
