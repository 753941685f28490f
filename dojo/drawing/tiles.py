"""From pictures to the hardware's 8x8 tiles and sprites."""

from __future__ import annotations

from dataclasses import dataclass

from drawing.shapes import Canvas


def tile_bytes(rows: list[bytearray], x: int, y: int) -> bytes:
    """The 8x8 tile whose upper left pixel is (x, y); beyond the edge is transparent."""
    out = bytearray()
    for r in range(y, y + 8):
        row = rows[r][x : x + 8] if 0 <= r < len(rows) else b""
        row = bytes(row) + bytes(8 - len(row))
        out += bytes(row[k] << 4 | row[k + 1] for k in (0, 2, 4, 6))
    return bytes(out)


@dataclass
class Part:
    """One hardware sprite of a figure; x and y from the middle of the feet, y down."""

    x: int
    y: int
    width: int  # tiles, 1..4
    height: int
    tile: int  # first tile, from the figure's first


TILE_COST, SPRITE_COST, MAX_SPRITES, MAX_TILES = 8, 6, 16, 128


def columns(bits: int, height: int, sprite_cost: int) -> tuple[int, list[tuple[int, int]]]:
    """Cheapest cover of the set bits (bit k: pixel column k) by boxes of 1..4 tiles: cost, (column, tiles) of each."""
    starts: dict[int, tuple[int, list[tuple[int, int]]]] = {}

    def cover(bits: int, done: int) -> tuple[int, list[tuple[int, int]]]:
        if not bits:
            return 0, []
        skip = (bits & -bits).bit_length() - 1
        at = done + skip
        if at not in starts:
            bits >>= skip
            best = None
            for n in range(1, min(4, (bits.bit_length() + 7) // 8) + 1):
                cost, rest = cover(bits >> 8 * n, at + 8 * n)
                cost += TILE_COST * n * height + sprite_cost
                if best is None or cost < best[0]:
                    best = cost, [(at, n), *rest]
            assert best
            starts[at] = best
        return starts[at]

    return cover(bits, 0)


def cut(canvas: Canvas, sprite_cost: int = SPRITE_COST) -> tuple[list[Part], bytes]:
    """Cut a figure into sprites: bands of 1..4 tiles, boxes in each band, anywhere, with as few tiles as can be."""
    rows = canvas.rows
    masks = [sum(1 << x for x, c in enumerate(row) if c) for row in rows]
    masks += [0] * 32
    best: list[tuple[int, list[tuple[int, int, int, int]]]] = [(0, [])] * (len(masks) + 1)  # from each row down
    for y in range(len(rows) - 1, -1, -1):
        if not masks[y]:
            best[y] = best[y + 1]
            continue
        union, choice = 0, None
        for h in range(1, 5):
            for mask in masks[y + 8 * h - 8 : y + 8 * h]:
                union |= mask
            below = best[min(len(rows), y + 8 * h)]
            cost, boxes = columns(union, h, sprite_cost)
            if choice is None or cost + below[0] < choice[0]:
                choice = cost + below[0], [(x, y, n, h) for x, n in boxes] + below[1]
        assert choice
        best[y] = choice
    if len(best[0][1]) > MAX_SPRITES:
        return cut(canvas, sprite_cost + 4)
    parts, data = [], b""
    for x, y, w, h in best[0][1]:
        inside = ((1 << 8 * w) - 1) << x
        used = [row for row in range(y, y + 8 * h) if masks[row] & inside]  # the band's other boxes may be taller
        y, h = used[0], (used[-1] - used[0]) // 8 + 1
        parts.append(Part(x + canvas.left, y - canvas.top, w, h, len(data) // 32))
        for col in range(w):  # the hardware's order: down, then right
            for row in range(h):
                data += tile_bytes(rows, x + 8 * col, y + 8 * row)
    assert len(data) <= MAX_TILES * 32, len(data) // 32
    return parts, data


def tile_map(rows: list[bytearray]) -> tuple[bytes, list[int]]:
    """The different tiles of a picture and, per cell, which one it is; reflections count as the same."""
    known: dict[bytes, int] = {}
    data, cells = b"", []
    for y in range(0, len(rows), 8):
        for x in range(0, len(rows[0]), 8):
            tile = tile_bytes(rows, x, y)
            if tile not in known:
                lines = [tile[k : k + 4] for k in range(0, 32, 4)]
                flat = [bytes(b >> 4 | (b & 15) << 4 for b in line[::-1]) for line in lines]
                n = len(data) // 32
                for flip, version in ((0x1800, flat[::-1]), (0x1000, lines[::-1]), (0x0800, flat), (0, lines)):
                    known.setdefault(b"".join(version), n | flip)
                known[tile] = n
                data += tile
            cells.append(known[tile])
    return data, cells


def sprite_bytes(c: Canvas) -> bytes:
    """A picture's tiles in the order of a hardware sprite: down, then right."""
    return b"".join(tile_bytes(c.rows, x, y) for x in range(0, c.width, 8) for y in range(0, c.height, 8))
