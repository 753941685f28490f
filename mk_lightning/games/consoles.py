"""What the emulator cores say of their consoles: buttons, names of ROMs, how save states begin."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from mk_lightning.games.names import GameError, suggestion

__all__ = ["Console", "console_of"]

STATE_BEGINS = {
    "fceumm": b"FCS\xff",
    "genesis_plus_gx": b"GENPLUS-GX",
    "mednafen_saturn": b"MDFNSVST",
    "parallel_n64": b"M64+SAVE",
    "picodrive": b"PicoSEXT",
    "snes9x": b"#!s9xsnp",
    "stella": b"\r\0\0\x0003090100state",
}
"""By core, so it begins each of its save states; seen in those that stable-retro ships. Others begin anyhow."""


@dataclass(frozen=True)
class Console:
    """A console, as stable-retro's file of its emulator core describes it."""

    name: str
    """As game ids have it: ``Genesis``."""
    core: str
    """The emulator core, e.g. ``genesis_plus_gx``."""
    extension: str
    """Of a ROM's file, without the dot."""
    buttons: tuple[str, ...]
    """In the core's order; empty text stands for a place without a button."""

    @property
    def rom_name(self) -> str:
        """Name of the ROM's file in an integration folder."""
        return f"rom.{self.extension}"

    @property
    def state_begins(self) -> bytes:
        """What each of its save states begins with; empty where that is not known."""
        return STATE_BEGINS.get(self.core, b"")


def console_of(game_id: str) -> Console:
    """Return the console that a game's id names, as ``Dojo-Genesis-v0`` does.

    Raises:
        GameError: it names none that there is a core for.
    """
    consoles = _consoles()
    named = re.search(r"-(\w+)-v\d+$", game_id)
    if named is None:
        raise GameError(f"id {game_id!r} must end with its console and a version, such as {game_id[:60]}-Genesis-v0")
    if named[1] not in consoles:
        raise GameError(f"id {game_id!r}: no console {named[1]!r} to play on{suggestion(named[1], consoles)}")
    return consoles[named[1]]


@lru_cache(maxsize=1)
def _consoles() -> dict[str, Console]:
    """Read the cores' files; the package itself need not be imported for it, which takes a while.

    Arcade boards are left out: their ROMs are archives, which a core knows by their names.
    """
    found = find_spec("stable_retro")
    assert found is not None
    assert found.origin is not None
    consoles = {}
    for file in sorted((Path(found.origin).parent / "cores").glob("*.json")):
        for name, core in json.loads(file.read_text()).items():
            if core["ext"][0] == "zip":
                continue
            buttons = tuple(button or "" for button in core["buttons"])
            consoles[name] = Console(name, core["lib"], core["ext"][0], buttons)
    return consoles
