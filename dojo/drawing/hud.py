"""Letters, bars, lights, sparks and the name on the title screen: all in palette line 0."""

from __future__ import annotations

import math

from drawing.shapes import OUTLINE, Canvas, Capsule, Point, Polygon, Shape, ball, bands
from drawing.tiles import tile_bytes

HUD_COLOURS = "777 000 763 741 774 762 200 555 577 367 136 111 711 373 222"
WHITE, BLACK, GOLD, ORANGE, FULL_LIGHT, FULL, EMPTY, EDGE, PALE, CYAN, BLUE, SHADOW, RED, GREEN, DARK = range(1, 16)

# Five columns a letter, the lowest bit on top.
FONT = {
    "0": "3E5149453E",
    "1": "00427F4000",
    "2": "4261514946",
    "3": "2141454B31",
    "4": "1814127F10",
    "5": "2745454539",
    "6": "3C4A494930",
    "7": "0171090503",
    "8": "3649494936",
    "9": "064949291E",
    "A": "7E1111117E",
    "B": "7F49494936",
    "C": "3E41414122",
    "D": "7F4141221C",
    "E": "7F49494941",
    "F": "7F09090901",
    "G": "3E4149497A",
    "H": "7F0808087F",
    "I": "00417F4100",
    "J": "2040413F01",
    "K": "7F08142241",
    "L": "7F40404040",
    "M": "7F020C027F",
    "N": "7F0408107F",
    "O": "3E4141413E",
    "P": "7F09090906",
    "Q": "3E4151215E",
    "R": "7F09192946",
    "S": "4649494931",
    "T": "01017F0101",
    "U": "3F4040403F",
    "V": "1F2040201F",
    "W": "3F4038403F",
    "X": "6314081463",
    "Y": "0708700807",
    "Z": "6151494543",
}


def lit(letter: str, x: int, y: int) -> bool:
    """Whether a letter has its pixel (x, y)."""
    return 0 <= x < 5 and 0 <= y < 7 and bool(bytes.fromhex(FONT[letter])[x] >> y & 1)


def small_letter(letter: str) -> bytes:
    """8x8, with a shadow."""
    rows = [bytearray(8) for _ in range(8)]
    for y in range(8):
        for x in range(8):
            rows[y][x] = (
                WHITE if lit(letter, x - 1, y) else BLACK if lit(letter, x - 2, y - 1) or lit(letter, x - 2, y) else 0
            )
    return tile_bytes(rows, 0, 0)


def big_letter(letter: str) -> bytes:
    """16x16: upper left, upper right, lower left, lower right."""
    rows = [bytearray(16) for _ in range(16)]
    for y in range(16):
        for x in range(16):
            near = any(lit(letter, (x + u - 3) // 2, (y + v - 1) // 2) for u in (-1, 0, 1) for v in (-1, 0, 1))
            rows[y][x] = (
                (WHITE if y < 6 or letter.isdigit() else GOLD if y < 10 else ORANGE)
                if lit(letter, (x - 3) // 2, (y - 1) // 2)
                else BLACK
                if near
                else 0
            )
    return b"".join(tile_bytes(rows, x, y) for y in (0, 8) for x in (0, 8))


def bar_cell(full: int) -> bytes:
    """The upper half of 8 pixels of a health bar with `full` pixels left; the lower half is its reflection."""
    rows = [bytearray([EDGE]) * 8, bytearray([BLACK]) * 8]
    rows += [bytearray([FULL if y == 2 else FULL_LIGHT] * full + [EMPTY] * (8 - full)) for y in range(2, 8)]
    return tile_bytes(rows, 0, 0)


def bar_end() -> bytes:
    """The upper half of the bar's right end."""
    return tile_bytes([bytearray([EDGE, EDGE]), *[bytearray([BLACK, EDGE]) for _ in range(7)]], 0, 0)


def marker(won: bool) -> bytes:
    """The left half of the light of one round."""
    c = Canvas(16, 8, -8, 4)
    c.fill(Capsule((-3, 0), 4, (3, 0), 4, []), 0.2, lambda _: BLACK)
    c.fill(Capsule((-3, 0), 3, (3, 0), 3, []), 0, lambda light: (WHITE if light > 0.8 else GOLD) if won else EMPTY)
    return tile_bytes(c.rows, 0, 0)


def shot_picture() -> Canvas:
    """A ball of light with a tail, flying right: 24x24."""
    c = Canvas(24, 24, -12, 12)
    c.fill(Polygon([(-12, 0), (0, 10), (2, -10)], []), 0.5, lambda _: BLUE)
    c.fill(Polygon([(-10, 1), (0, 8), (0, -8)], []), 0, lambda _: CYAN)
    for r, colour in ((11, BLUE), (9.4, CYAN), (7.8, PALE), (6.4, WHITE)):
        c.fill(ball((1, 0), r, []), 0, bands([colour]))
    return c


def spark_picture(inner: int, outer: int, points: int) -> Canvas:
    """A star: a blow that lands, or one that is guarded."""
    c = Canvas(24, 24, -12, 12)
    star = [
        (r * math.sin(math.pi * k / points), r * math.cos(math.pi * k / points))
        for k in range(2 * points)
        for r in ((11.5, 5)[k % 2],)
    ]
    c.fill(Polygon(star, []), 0, lambda _: outer)
    c.fill(Polygon([(x * 0.68, y * 0.68) for x, y in star], []), 0, lambda _: inner)
    return c


def shadow_picture() -> Canvas:
    """What a fighter throws on the floor: every other pixel, so that the floor shows through."""
    c = Canvas(32, 8, -16, 4)
    c.fill(
        Polygon([(15.5 * math.cos(math.pi * k / 12), 3.6 * math.sin(math.pi * k / 12)) for k in range(24)], []),
        0,
        lambda _: SHADOW,
    )
    for y, row in enumerate(c.rows):
        for x in range(y % 2, 32, 2):
            row[x] = 0
    return c


def logo() -> Canvas:
    """DOJO, written with a brush."""
    c = Canvas(160, 56, 0, 56)

    def stroke(points: list[Point], first: float, last: float) -> list[Shape]:
        n = len(points) - 1
        radius = [first + (last - first) * k / n for k in range(n + 1)]
        return [Capsule(points[k], radius[k], points[k + 1], radius[k + 1], [GOLD]) for k in range(n)]

    def ring(x: float, y: float, rx: float, ry: float, start: int, end: int) -> list[Point]:
        return [
            (x + rx * math.sin(math.radians(a)), y + ry * math.cos(math.radians(a))) for a in range(start, end + 1, 15)
        ]

    c.group(stroke([(12, 47), (11, 9)], 5.5, 4) + stroke(ring(10, 28, 22, 19, 0, 180), 4, 5.5))
    c.group(stroke(ring(62, 28, 16, 19, -20, 325), 5.8, 3.6))
    c.group(stroke([(88, 47), (114, 47)], 3.6, 4.8) + stroke([(106, 46), *ring(95, 18, 11, 12, 90, 240)], 5.5, 3.2))
    c.group(stroke(ring(138, 28, 16, 19, -20, 325), 5.8, 3.6))
    for y, row in enumerate(c.rows):  # like metal: sky above, earth below
        colour = (WHITE, FULL_LIGHT, GOLD, ORANGE, GOLD, ORANGE, RED)[y // 8]
        row[:] = bytes(colour if x == GOLD else BLACK if x == OUTLINE else x for x in row)
    return c
