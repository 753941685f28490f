"""Shaded shapes, the canvas they are drawn on, and colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.floating[Any]]
"""x as a row and y as a column, or what is computed of them; each in float64 as Python's own: a picture is exact."""

Point = tuple[float, float]

LIGHT = (0.25, 0.78, 0.57)  # from above, a little from the front, towards the viewer
OUTLINE = 1

# Ramps of a fighter's 16 colours, dark to light; colour 0 is transparent and 1 the outline.
SKIN, CLOTH, TRIM, METAL, GLOW = [2, 3, 4], [5, 6, 7, 8], [9, 10, 11], [12, 13, 14], [14, 15]


def snap(p: Point) -> Point:
    """The point on a grid of 1/256 pixel: no pixel hangs on the last bit of a sine, every machine draws alike."""
    return round(p[0] * 256) / 256, round(p[1] * 256) / 256


@dataclass
class Capsule:
    """A round limb from `a` to `b`, tapering, lit like a cylinder."""

    a: Point
    ra: float
    b: Point
    rb: float
    ramp: list[int]
    far: bool = False  # the limb on the far side is drawn a shade darker

    def __post_init__(self) -> None:
        self.a, self.b = snap(self.a), snap(self.b)

    def bounds(self) -> tuple[float, float, float, float]:
        """Smallest x and y, largest x and y, with room for the outline."""
        r = max(self.ra, self.rb) + 2
        return (
            min(self.a[0], self.b[0]) - r,
            min(self.a[1], self.b[1]) - r,
            max(self.a[0], self.b[0]) + r,
            max(self.a[1], self.b[1]) + r,
        )

    def shade(self, x: Grid, y: Grid, grow: float) -> Grid:
        """Brightness 0..1 at points, nan outside the shape grown by `grow` pixels."""
        dx, dy = self.b[0] - self.a[0], self.b[1] - self.a[1]
        t = ((x - self.a[0]) * dx + (y - self.a[1]) * dy) / (dx * dx + dy * dy or 1.0)
        t = np.minimum(1.0, np.maximum(0.0, t))
        r = self.ra + (self.rb - self.ra) * t
        nx, ny = x - self.a[0] - dx * t, y - self.a[1] - dy * t
        d = np.sqrt(nx * nx + ny * ny)
        outside = d > r + grow
        nx, ny = nx / (r + 1), ny / (r + 1)
        nz = np.sqrt(np.maximum(0.0, 1 - nx * nx - ny * ny))
        light = nx * LIGHT[0] + ny * LIGHT[1] + nz * LIGHT[2]
        return np.where(outside, np.nan, light - (0.22 if self.far else 0.0))


@dataclass
class Polygon:
    """A flat piece; its brightness runs from `low` at its bottom to `high` at its top."""

    points: list[Point]
    ramp: list[int]
    low: float = 0.2
    high: float = 0.9

    def __post_init__(self) -> None:
        self.points = [snap(p) for p in self.points]

    def bounds(self) -> tuple[float, float, float, float]:
        """Smallest x and y, largest x and y, with room for the outline."""
        xs, ys = [p[0] for p in self.points], [p[1] for p in self.points]
        return min(xs) - 2, min(ys) - 2, max(xs) + 2, max(ys) + 2

    def shade(self, x: Grid, y: Grid, grow: float) -> Grid:
        """Brightness 0..1 at points, nan outside the shape grown by `grow` pixels."""
        inside = np.zeros(np.broadcast_shapes(x.shape, y.shape), bool)
        near: Grid = np.full(inside.shape, 99.0)
        x0, y0 = self.points[-1]
        for x1, y1 in self.points:
            dx, dy = x1 - x0, y1 - y0
            if dy:  # else no point has one end above it and the other below
                inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * dx / dy)
            t = np.minimum(1.0, np.maximum(0.0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy or 1.0)))
            u, v = x - x0 - dx * t, y - y0 - dy * t
            near = np.minimum(near, np.sqrt(u * u + v * v))
            x0, y0 = x1, y1
        _, bottom, _, top = self.bounds()
        light = self.low + (self.high - self.low) * (y - bottom) / (top - bottom)
        return np.where(~inside & (near > grow), np.nan, light)


Shape = Capsule | Polygon


def ball(p: Point, r: float, ramp: list[int]) -> Capsule:
    """A capsule of length 0."""
    return Capsule(p, r, p, r, ramp)


def hull(points: Iterable[Point]) -> list[Point]:
    """The convex hull."""
    pts = sorted(set(points))
    half: list[list[Point]] = []
    for seq in (pts, pts[::-1]):
        out: list[Point] = []
        for p in seq:
            while len(out) > 1 and (out[-1][0] - out[-2][0]) * (p[1] - out[-2][1]) <= (out[-1][1] - out[-2][1]) * (
                p[0] - out[-2][0]
            ):
                out.pop()
            out.append(p)
        half.append(out[:-1])
    return half[0] + half[1]


def along(angle: float, length: float) -> Point:
    """A vector of this length; 0 degrees is up, 90 forward."""
    a = math.radians(angle)
    return length * math.sin(a), length * math.cos(a)


def add(p: Point, q: Point) -> Point:
    """The vector sum."""
    return p[0] + q[0], p[1] + q[1]


def place(points: Iterable[Point], origin: Point, angle: float) -> list[Point]:
    """Local points (forward, along) on a bone that starts at `origin` and points to `angle`."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return [(origin[0] + u * c + v * s, origin[1] - u * s + v * c) for u, v in points]


def bearing(p: Point, q: Point) -> float:
    """Degrees of the direction from `p` to `q`; 0 is up, 90 forward."""
    return math.degrees(math.atan2(q[0] - p[0], q[1] - p[1]))


class Canvas:
    """Colour indices, row 0 at the top."""

    def __init__(self, width: int, height: int, left: int = 0, top: int | None = None) -> None:
        self.width, self.height = width, height
        self.left, self.top = left, height if top is None else top  # the world's x and y at the upper left corner
        self.rows = [bytearray(width) for _ in range(height)]

    def fill(self, shape: Shape, grow: float, colour: Callable[[float], int]) -> None:
        """Colour the points of a shape grown by `grow` pixels, given their brightness."""
        x0, y0, x1, y1 = shape.bounds()
        rows = np.arange(max(0, int(self.top - y1)), min(self.height, int(self.top - y0) + 1))[:, None]
        columns = np.arange(max(0, int(x0 - self.left)), min(self.width, int(x1 - self.left) + 1))
        lights = shape.shade(columns + self.left + 0.5, self.top - rows - 0.5, grow)
        for row, found in zip(rows[:, 0].tolist(), lights.tolist(), strict=True):
            for column, light in enumerate(found, int(columns[0])):
                if light == light:  # not nan
                    self.rows[row][column] = colour(light)

    def group(self, shapes: list[Shape]) -> None:
        """Pieces that belong together: one outline around all of them, none between them."""
        for shape in shapes:
            self.fill(shape, 1.15, lambda _: OUTLINE)
        for shape in shapes:
            self.fill(shape, 0.0, bands(shape.ramp))


def bands(ramp: list[int]) -> Callable[[float], int]:
    """Colour by brightness: a ramp, dark to light, in bands of the same width."""
    return lambda s: ramp[min(len(ramp) - 1, max(0, int(s * len(ramp))))]


def palette_row(colours: str) -> list[int]:
    """Rgb digits -> 16 Genesis words, the first (transparent) black."""
    words = [b << 9 | g << 5 | r << 1 for r, g, b in (map(int, rgb) for rgb in colours.split())]
    return [0, *words, *[words[0]] * (15 - len(words))]


def brightness(word: int) -> float:
    """What a grey screen shows of a Genesis colour, 0..255."""
    return (0.299 * (word >> 1 & 7) + 0.587 * (word >> 5 & 7) + 0.114 * (word >> 9 & 7)) * 255 / 7
