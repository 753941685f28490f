"""Draw the dojo's pictures and write them as a C header: `python3 art.py > build/art.h`.

Everything is computed, nothing is loaded: a fighter is a body plan (proportions, colours, gear) put into a pose (hip,
lean, hands and feet), and the figure is rasterised from shaded capsules and polygons into 4-bit 8x8 tiles, cut into
hardware sprites.  The arenas are drawn the same way and share tiles.  Standard library only and no randomness: same
programs, same bytes.  The parts are in drawing/.

World coordinates of a figure: pixels, x to the right (the fighter faces right), y up, origin at the middle of the feet.
"""

from __future__ import annotations

import struct
import sys

from drawing.arenas import SCENES
from drawing.body import figure
from drawing.fighters import PLANS
from drawing.hud import (
    CYAN,
    FONT,
    HUD_COLOURS,
    ORANGE,
    WHITE,
    bar_cell,
    bar_end,
    big_letter,
    logo,
    marker,
    shadow_picture,
    shot_picture,
    small_letter,
    spark_picture,
)
from drawing.poses import POSES
from drawing.shapes import palette_row
from drawing.tiles import cut, sprite_bytes, tile_map

HEADER = """/* Written by art.py. */
#ifndef ART_H
#define ART_H

/* A sprite: place from the middle of the feet, facing right and left; the VDP's size bits; first tile. */
typedef struct { s8 x, x_left, y; u8 size, tile; } Part;
typedef struct { const u32 *tiles; const Part *parts; u16 tile_count, part_count; } Figure;
/* map: 40 x 28 tiles, counted from the scene's first. */
typedef struct { const u32 *tiles; const u16 *map, *palette; u16 tile_count; } Scene;
"""


def longs(name: str, data: bytes) -> str:
    """A C array of 32-bit words."""
    words = struct.unpack(f">{len(data) // 4}I", data)
    lines = [",".join(f"0x{w:X}" for w in words[k : k + 16]) for k in range(0, len(words), 16)]
    return f"static const u32 {name}[] = {{\n" + ",\n".join(lines) + "\n};\n"


def shorts(name: str, words: list[int]) -> str:
    """A C array of 16-bit words."""
    lines = [",".join(f"0x{w:X}" for w in words[k : k + 20]) for k in range(0, len(words), 20)]
    return f"static const u16 {name}[] = {{\n" + ",\n".join(lines) + "\n};\n"


def header() -> str:
    """All of art.h."""
    out = [HEADER]
    common: list[tuple[str, bytes]] = [
        ("BLANK", bytes(32)),
        ("SMALL", b"".join(map(small_letter, FONT))),
        ("BIG", b"".join(map(big_letter, FONT))),
        ("BAR", b"".join(map(bar_cell, range(9)))),
        ("BAR_END", bar_end()),
        ("ROUND", marker(False) + marker(True)),
        ("SHOT", sprite_bytes(shot_picture())),
        ("HIT", sprite_bytes(spark_picture(WHITE, ORANGE, 8))),
        ("GUARDED", sprite_bytes(spark_picture(WHITE, CYAN, 5))),
        ("SHADOW", sprite_bytes(shadow_picture())),
    ]
    data, first = b"", []
    for name, tiles in common:
        first.append(f"TILE_{name} = {len(data) // 32}")
        data += tiles
    out.append(
        "/* Tiles that are always in the video memory, from its start. */\nenum { "
        + ", ".join(first)
        + f", COMMON_TILES = {len(data) // 32} }};\n"
    )
    out.append(longs("art_common", data))
    out.append(shorts("art_hud_palette", palette_row(HUD_COLOURS)))

    data, cells = tile_map(logo().rows)
    out.append(f"enum {{ LOGO_WIDTH = 20, LOGO_HEIGHT = 7, LOGO_TILES = {len(data) // 32} }};\n")
    out += [longs("art_logo", data), shorts("art_logo_map", cells)]

    table, most = [], 0
    for k, build in enumerate(SCENES):
        scene = build()
        data, cells = tile_map(scene.rows)
        most = max(most, len(data) // 32)
        out += [longs(f"art_scene{k}", data), shorts(f"art_map{k}", cells), shorts(f"art_scenery{k}", scene.colours)]
        table.append(f"\t{{ art_scene{k}, art_map{k}, art_scenery{k}, {len(data) // 32} }}")
    out.append(f"enum {{ SCENE_TILES = {most} }}; /* of the largest */\n")
    out.append("static const Scene art_scenes[] = {\n" + ",\n".join(table) + "\n};\n")

    out.append("enum {\n" + "".join(f"\tPOSE_{name},\n" for name in POSES) + "\tPOSES\n};\n")
    colours, figures, most = [], [], 0
    for plan in PLANS:
        low = plan.name.lower()
        data, entries = b"", []
        parts: list[str] = []
        for pose in POSES.values():
            sprites, tiles = cut(figure(plan, pose))
            n = len(tiles) // 32
            most = max(most, n)
            entries.append(f"\t{{ art_{low} + {len(data) // 4}, art_{low}_parts + {len(parts)}, {n}, {len(sprites)} }}")
            parts += [
                f"{{{p.x},{-p.x - 8 * p.width},{p.y},{(p.width - 1) << 2 | (p.height - 1)},{p.tile}}}" for p in sprites
            ]
            data += tiles
        out.append(longs(f"art_{low}", data))
        out.append(
            f"static const Part art_{low}_parts[] = {{\n"
            + ",\n".join(",".join(parts[k : k + 12]) for k in range(0, len(parts), 12))
            + "\n};\n"
        )
        figures.append("{\n" + ",\n".join(entries) + "\n}")
        colours.append("{ " + ",".join(f"0x{c:X}" for c in [0, *plan.colours]) + " }")
    out.append(f"enum {{ FIGURE_TILES = {most} }}; /* of the largest */\n")
    out.append("static const u16 art_palettes[FIGHTERS][16] = {\n" + ",\n".join(colours) + "\n};\n")
    out.append("static const Figure art_figures[FIGHTERS][POSES] = {\n" + ",\n".join(figures) + "\n};\n")
    out.append(
        "static const char *const art_names[FIGHTERS] = { " + ", ".join(f'"{plan.name}"' for plan in PLANS) + " };\n"
    )
    out.append("#endif\n")
    return "\n".join(out)


if __name__ == "__main__":
    sys.stdout.write(header())
