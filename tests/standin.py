"""Mortal Kombat II without its ROM: the dojo's ROM and states behind MK2's names and stable-retro's MK2 integration.

The dojo keeps its variables where MK2 does, so all that a config of MK2 names is there, and can be played.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from mk_lightning.envs.emulator import start_emulator
from mk_lightning.games.catalog import load_game, shipped_games


def mk2_standin(folder: Path) -> Path:
    """Put a game like MK2 into an empty folder, and return its ``game.yaml``."""
    mk2, dojo = load_game("mk2"), load_game("dojo")
    text = shipped_games()[mk2.id].read_text()
    sha1 = hashlib.sha1((dojo.folder / "rom.md").read_bytes(), usedforsecurity=False).hexdigest()
    for key, old, new in (("integration", "null", "."), ("rom_sha1", mk2.rom_sha1s[0], sha1)):
        assert text.count(f"{key}: {old}") == 1
        text = text.replace(f"{key}: {old}", f"{key}: {new}")
    (folder / "game.yaml").write_text(text)
    for name in ("data.json", "scenario.json"):
        shutil.copy(mk2.folder / name, folder)
    shutil.copy(dojo.folder / "rom.md", folder)
    one, two = cycle(dojo.resolve_states("all")), cycle(dojo.two_player_states)
    for state in mk2.states:
        theirs = next(two if state in mk2.two_player_states else one)
        shutil.copy(dojo.folder / f"{theirs}.state", folder / f"{state}.state")
    return folder / "game.yaml"


def decide_soon(folder: Path, *, won: Sequence[str], lost: Sequence[str]) -> None:
    """Let matches of a stand-in begin a second before the clock decides them: 15 env_steps, whoever plays.

    One round is won already, by the side that is far ahead in the other.

    Args:
        folder: of the stand-in.
        won: states in which the agent is ahead.
        lost: states in which the opponent is.
    """
    emulator, data = start_emulator(load_game("dojo"))  # MK2's variables have no clock
    for states, ahead in ((won, True), (lost, False)):
        for state in states:
            file = folder / f"{state}.state"
            emulator.set_state(gzip.decompress(file.read_bytes()))
            values = {"rounds_won": ahead, "enemy_rounds_won": not ahead, "clock": 1}
            values |= {"health": 120 if ahead else 20, "enemy_health": 20 if ahead else 120}
            for name, value in values.items():
                data.set_value(name, int(value))
            file.write_bytes(gzip.compress(emulator.get_state()))
