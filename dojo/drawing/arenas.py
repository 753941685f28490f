"""The arenas: one an opponent."""

from __future__ import annotations

import math
from collections.abc import Callable

from drawing.shapes import Point, brightness, palette_row, snap

WIDTH, HEIGHT, FLOOR = 320, 224, 168


class Scene:
    """A 320x224 picture in the scenery's 15 colours: calm, of middling brightness, so that both fighters stand out."""

    def __init__(self, colours: str) -> None:
        self.colours = palette_row(colours)
        for c in self.colours[1:]:
            assert 70 <= brightness(c) <= 136, (colours, hex(c), brightness(c))
        self.rows = [bytearray([1]) * WIDTH for _ in range(HEIGHT)]

    def rect(self, x0: int, y0: int, x1: int, y1: int, c: int) -> None:
        """Columns x0 up to x1 of rows y0 up to y1, in colour `c`."""
        x0, x1 = min(WIDTH, max(0, x0)), max(0, x1)
        for row in self.rows[max(0, y0) : max(0, y1)]:
            row[x0:x1] = bytes([c]) * (min(x1, WIDTH) - x0)

    def fade(self, y0: int, y1: int, *ramp: int) -> None:
        """A vertical gradient, dithered; the pattern repeats every tile and is symmetric, so its tiles repeat too."""
        bayer = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
        for y in range(y0, y1):
            level = (y - y0) * (len(ramp) - 1) / (y1 - y0)
            k = int(level)
            row = [ramp[min(len(ramp) - 1, k + (level - k > (bayer[y % 4][x] + 0.5) / 16))] for x in range(4)]
            self.rows[y][:] = bytes(row + row[::-1]) * (WIDTH // 8)

    def poly(self, points: list[Point], c: int) -> None:
        """A filled polygon."""
        points = [snap(p) for p in points]
        for y in range(max(0, int(min(p[1] for p in points))), min(HEIGHT, int(max(p[1] for p in points)) + 1)):
            xs = []
            for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
                if (y0 > y + 0.5) != (y1 > y + 0.5):
                    xs.append(x0 + (y + 0.5 - y0) * (x1 - x0) / (y1 - y0))
            xs.sort()
            for a, b in zip(xs[::2], xs[1::2], strict=True):
                self.rect(round(a), y, round(b), y + 1, c)

    def disc(self, x: float, y: float, r: float, c: int) -> None:
        """A filled circle."""
        self.poly([(x + r * math.cos(k * math.pi / 24), y + r * math.sin(k * math.pi / 24)) for k in range(48)], c)

    def mirror(self) -> None:
        """The right half becomes the left one's mirror image: half the tiles."""
        for row in self.rows:
            row[WIDTH // 2 :] = row[: WIDTH // 2][::-1]

    def boards(self, line: int, *ramp: int, step: int = 40) -> None:
        """A floor of boards that run away from the viewer."""
        self.fade(FLOOR, HEIGHT, *ramp)
        self.rect(0, FLOOR, WIDTH, FLOOR + 1, line)
        for x in range(step // 2, 401, step):
            for y in range(FLOOR + 1, HEIGHT):
                col = round(160 + x * (0.55 + 0.45 * (y - FLOOR) / (HEIGHT - FLOOR)))
                if col < WIDTH:
                    self.rows[y][col] = self.rows[y][WIDTH - 1 - col] = line


def hall(colours: str, lanterns: bool) -> Scene:
    """A room of posts and paper screens; with lanterns, a temple with a gong."""
    # Colours: 1 plaster, 2 shadow, 3 wood, 4 wood light, 5 paper, 6 paper lit, 7 floor, 8 floor light, 9 line, 10
    # accent.
    s = Scene(colours)
    s.fade(0, FLOOR, 2, 1, 1)
    for left in (32, 112):
        if lanterns:
            s.rect(left, 56, left + 48, 136, 10)
            for y in range(60, 136, 16):
                s.rect(left + 4, y, left + 44, y + 8, 2)
        else:
            s.rect(left, 56, left + 48, 136, 4)
            for x in range(left + 2, left + 46, 12):
                for y in range(58, 132, 16):
                    s.rect(x, y, x + 10, y + 14, 6 if y < 100 else 5)
    s.rect(0, 136, WIDTH, FLOOR, 3)
    for x in range(0, WIDTH, 16):
        s.rect(x, 138, x + 1, FLOOR, 9)
    s.rect(0, 136, WIDTH, 138, 4)
    s.rect(0, 40, WIDTH, 50, 3)
    s.rect(0, 40, WIDTH, 42, 4)
    s.rect(0, 49, WIDTH, 51, 9)
    for x in (8, 88):
        s.rect(x, 36, x + 16, FLOOR, 3)
        s.rect(x + 2, 36, x + 5, FLOOR, 4)
        s.rect(x + 15, 36, x + 16, FLOOR, 9)
        s.rect(x - 4, 160, x + 20, FLOOR, 9)
    s.boards(9, 7, 8, 7)
    s.mirror()
    if lanterns:
        for x in (56, 264):
            s.rect(x, 50, x + 1, 60, 9)
            s.poly([(x - 8, 64), (x + 9, 64), (x + 13, 74), (x + 9, 86), (x - 8, 86), (x - 12, 74)], 6)
            s.rect(x - 6, 60, x + 7, 64, 9)
            s.rect(x - 6, 86, x + 7, 89, 9)
            for y in (70, 75, 80):
                s.rect(x - 10, y, x + 11, y + 1, 5)
        for r, c in ((30, 9), (28, 4), (22, 3), (9, 6), (6, 5)):
            s.disc(160, 96, r, c)
    else:
        for r, c in ((24, 9), (23, 6), (19, 10), (14, 6), (8, 10)):
            s.disc(160, 88, r, c)
    return s


def bamboo(colours: str) -> Scene:
    """A grove at dusk."""
    # Colours: 1-4 sky down, 5 far stalk, 6 stalk, 7 light, 8 knot, 9 leaf, 10 leaf light, 11 earth, 12 earth light,
    # 13 sun.
    s = Scene(colours)
    s.fade(0, FLOOR, 1, 2, 3, 4)
    s.disc(212, 112, 30, 13)
    for x in range(4, WIDTH, 16):
        s.rect(x, 0, x + 3, FLOOR, 5)
    for k, x in enumerate((16, 48, 72, 120, 184, 240, 256, 296)):
        s.rect(x, 0, x + 8, FLOOR, 6)
        s.rect(x + 1, 0, x + 3, FLOOR, 7)
        for y in range(16 + 8 * (k % 2), FLOOR, 32):
            s.rect(x - 1, y, x + 9, y + 2, 8)
        for y in (48, 80):
            for side in (-1, 1):
                root = x + 4, y + 8 * (k % 2)
                for tip, drop in ((26, 10), (20, 20)):
                    s.poly(
                        [
                            root,
                            (root[0] + side * tip * 0.5, root[1] + drop * 0.3 - 3),
                            (root[0] + side * tip, root[1] + drop),
                            (root[0] + side * tip * 0.4, root[1] + drop * 0.6 + 2),
                        ],
                        9 if drop < 15 else 10,
                    )
    for x in range(0, WIDTH, 32):
        s.poly(
            [(x, FLOOR), (x + 4, 152), (x + 9, 166), (x + 16, 148), (x + 21, 165), (x + 27, 155), (x + 32, FLOOR)], 9
        )
    s.fade(FLOOR, HEIGHT, 11, 12, 11)
    for y, step in ((176, 32), (192, 64), (212, 64)):
        for x in range(8, WIDTH, step):
            s.rect(x, y, x + 14, y + 2, 8)
    return s


def peaks(colours: str, lake: bool) -> Scene:
    """Mountains behind a terrace, or behind a lake with a gate."""
    # Colours: 1-4 sky down, 5 far ridge, 6 far light, 7 ridge, 8 ridge light, 9 water, 10 water light, 11 ground, 12
    # ground light, 13 sun, 14 wood.
    s = Scene(colours)
    s.fade(0, FLOOR, 1, 2, 3, 4)
    s.disc(240, 76, 26, 13)
    ridge = [(0, 112), (40, 70), (64, 92), (96, 56), (136, 104), (168, 84), (216, 118), (264, 88), (320, 120)]
    s.poly([*ridge, (320, FLOOR), (0, FLOOR)], 5)
    for x, y in ((40, 70), (96, 56), (168, 84), (264, 88)):
        s.poly([(x, y), (x + 14, y + 22), (x + 4, y + 17), (x - 2, y + 24), (x - 9, y + 14)], 6)
    if lake:
        s.fade(136, FLOOR, 9, 10, 9)
        for y in range(140, FLOOR, 8):
            for x in range((y * 5) % 48, WIDTH, 48):
                s.rect(x, y, x + 18, y + 1, 6)
        for x in (120, 188):
            s.rect(x, 76, x + 10, 164, 14)
            s.rect(x + 1, 76, x + 3, 164, 8)
        s.rect(112, 92, 206, 99, 14)
        s.poly([(98, 66), (160, 71), (220, 66), (216, 80), (160, 82), (102, 80)], 14)
        s.poly([(98, 64), (160, 69), (220, 64), (220, 68), (160, 73), (98, 68)], 8)
    else:
        front = [(0, 130), (28, 112), (64, 140), (104, 124), (150, 150), (200, 132), (248, 148), (288, 116), (320, 128)]
        s.poly([*front, (320, FLOOR), (0, FLOOR)], 7)
        for x, y in ((28, 112), (104, 124), (200, 132), (288, 116)):
            s.poly([(x, y), (x + 18, y + 26), (x + 6, y + 20), (x, y + 30), (x - 8, y + 16)], 8)
        for x, y in ((20, 56), (150, 48)):
            s.poly(
                [
                    (x, y),
                    (x + 10, y - 6),
                    (x + 26, y - 8),
                    (x + 44, y - 3),
                    (x + 60, y),
                    (x + 40, y + 4),
                    (x + 12, y + 4),
                ],
                4,
            )
    s.boards(7, 11, 12, 11, step=64)
    return s


def skyline(colours: str) -> Scene:
    """A roof at night."""
    # Colours: 1-4 sky down, 5 far house, 6 house, 7 house light, 8 window, 9 window lit, 10 roof, 11 roof light, 12
    # line, 13 moon.
    s = Scene(colours)
    s.fade(0, FLOOR, 1, 2, 3, 4)
    s.disc(72, 72, 20, 13)
    for x, top, width in ((0, 88, 40), (48, 72, 32), (104, 96, 48), (168, 64, 40), (224, 88, 32), (272, 80, 48)):
        s.rect(x, top, x + width, FLOOR, 5)
    for k, (x, top, width) in enumerate(((16, 112, 48), (80, 104, 32), (128, 120, 56), (200, 96, 40), (248, 120, 56))):
        s.rect(x, top, x + width, FLOOR, 6)
        s.rect(x, top, x + 2, FLOOR, 7)
        s.rect(x, top, x + width, top + 2, 7)
        for y in range(top + 8, FLOOR - 16, 16):
            for w in range(x + 8, x + width - 7, 8):
                s.rect(w + 1, y, w + 5, y + 6, 9 if (w // 8 * 5 + y // 16 * 3 + k) % 4 == 0 else 8)
    s.poly([(210, 96), (214, 72), (226, 72), (230, 96)], 6)  # a water tank
    s.poly([(208, 72), (220, 62), (232, 72)], 7)
    s.rect(0, 152, WIDTH, FLOOR, 10)
    s.rect(0, 152, WIDTH, 155, 11)
    for x in range(0, WIDTH, 32):
        s.rect(x, 156, x + 1, FLOOR, 12)
    s.fade(FLOOR, HEIGHT, 10, 11, 10)
    for y in (FLOOR, 180, 200):
        s.rect(0, y, WIDTH, y + 1, 12)
    for k, (y0, y1) in enumerate(((FLOOR, 180), (180, 200), (200, HEIGHT))):
        for x in range(16 * (k % 2) + 8, WIDTH, 64):
            s.rect(x, y0, x + 1, y1, 12)
    return s


def courtyard(colours: str) -> Scene:
    """A castle wall with banners and a gate."""
    # Colours: 1-3 sky down, 4 stone, 5 stone light, 6 joint, 7 gate, 8 gate light, 9 banner, 10 banner light, 11
    # paving, 12 paving light.
    s = Scene(colours)
    s.fade(0, 80, 1, 2, 3)
    for x in range(0, WIDTH, 32):
        s.rect(x, 56, x + 16, 72, 4)
        s.rect(x, 56, x + 16, 58, 5)
    s.rect(0, 72, WIDTH, FLOOR, 4)
    for k, y in enumerate(range(72, FLOOR, 8)):
        s.rect(0, y, WIDTH, y + 1, 6)
        for x in range(8 * (k % 2), WIDTH, 16):
            s.rect(x, y, x + 1, y + 8, 6)
            if (x // 16 + k * 3) % 5 == 0:
                s.rect(x + 1, y + 1, x + 15, y + 8, 5)
    for x in (24, 80):
        s.rect(x, 80, x + 24, 128, 9)
        s.poly([(x, 128), (x + 24, 128), (x + 12, 144)], 9)
        s.rect(x + 4, 84, x + 20, 86, 10)
        s.disc(x + 12, 106, 7, 10)
    s.mirror()
    arch = (
        [(128.0, float(FLOOR))]
        + [(160 - 32 * math.cos(k * math.pi / 12), 118 - 30 * math.sin(k * math.pi / 12)) for k in range(13)]
        + [(192.0, float(FLOOR))]
    )
    s.poly([(160 + (x - 160) * 1.2, FLOOR + (y - FLOOR) * 1.08) for x, y in arch], 5)
    s.poly(arch, 7)
    for x in range(136, 192, 12):
        s.rect(x, 96 if abs(x - 160) < 20 else 106, x + 2, FLOOR, 8)
    for y in (112, 136, 160):
        s.rect(128, y, 192, y + 2, 8)
    s.boards(6, 11, 12, 11, step=48)
    for y in (178, 194, 214):
        s.rect(0, y, WIDTH, y + 1, 6)
    return s


def ruins(colours: str) -> Scene:
    """Columns in a desert under the moon."""
    # Colours: 1-4 sky down, 5 dune, 6 dune light, 7 stone, 8 stone light, 9 stone dark, 10 sand, 11 sand light, 12
    # line, 13 moon.
    s = Scene(colours)
    s.fade(0, FLOOR, 1, 2, 3, 4)
    s.disc(92, 80, 24, 13)
    s.disc(101, 75, 20, 2)
    s.poly([(0, 140), (70, 116), (150, 142), (230, 120), (320, 146), (320, FLOOR), (0, FLOOR)], 5)
    s.poly([(70, 116), (150, 142), (120, 150), (84, 130)], 6)
    s.poly([(230, 120), (320, 146), (280, 150), (244, 132)], 6)
    for x, top in ((8, 48), (56, 112), (128, 64), (184, 56), (248, 96), (288, 40)):
        s.rect(x, top, x + 24, FLOOR, 7)
        for u in (3, 10, 17):
            s.rect(x + u, top, x + u + 3, FLOOR, 8)
        s.rect(x + 22, top, x + 24, FLOOR, 9)
        s.rect(x - 4, 160, x + 28, FLOOR, 9)
        s.rect(x - 4, 160, x + 28, 162, 8)
        if top < 90:
            s.rect(x - 4, top, x + 28, top + 8, 8)
            s.rect(x - 4, top + 7, x + 28, top + 8, 9)
        else:
            s.poly(
                [(x, top), (x + 10, top + 9), (x + 15, top + 4), (x + 24, top + 14), (x + 24, top - 1), (x, top - 1)],
                5 if top > 105 else 4,
            )
    s.rect(124, 48, 216, 58, 7)
    s.rect(124, 56, 216, 58, 9)
    s.fade(FLOOR, HEIGHT, 10, 11, 10)
    s.rect(0, FLOOR, WIDTH, FLOOR + 1, 12)
    for y, step in ((178, 64), (196, 64), (214, 64)):
        for x in range(y % 40, WIDTH, step):
            s.rect(x, y, x + 26, y + 1, 12)
            s.rect(x + 6, y + 2, x + 20, y + 3, 12)
    return s


# In the opponents' order.
SCENES: list[Callable[[], Scene]] = [
    lambda: hall("332 322 322 432 333 433 332 432 222 423", lanterns=False),
    lambda: courtyard("234 324 334 333 433 223 322 422 324 433 332 333"),
    lambda: bamboo("324 423 523 532 232 232 332 231 222 242 322 332 532"),
    lambda: hall("422 322 422 522 432 532 422 522 322 512", lanterns=True),
    lambda: peaks("135 235 335 235 324 334 223 323 234 334 332 333 433 322", lake=False),
    lambda: peaks("224 324 334 433 224 334 233 433 234 235 233 333 532 422", lake=True),
    lambda: skyline("225 225 324 324 224 223 324 233 432 223 233 222 433"),
    lambda: ruins("315 415 424 523 422 432 422 432 322 432 532 422 533"),
]
