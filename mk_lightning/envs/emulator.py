"""A game's emulator, of which a process can run one."""

from __future__ import annotations

from typing import Any

import stable_retro

from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError

__all__ = ["ONE_EMULATOR", "start_emulator"]

ONE_EMULATOR = (
    "this process already runs an emulator and can run only one: close() the first, "
    "or use RetroVectorEnv, which gives each its own process"
)


def start_emulator(game: Game) -> tuple[Any, Any]:
    """Start an emulator of a game.

    Returns:
        Stable-retro's ``RetroEmulator``, and its ``GameData``, which reads the game's RAM variables.

    Raises:
        GameError: the ROM or the integration cannot be used.
        RuntimeError: this process already runs an emulator.
    """
    rom = game.rom_path()
    try:
        emulator = stable_retro.RetroEmulator(str(rom))
    except RuntimeError as error:
        raise RuntimeError(f"{ONE_EMULATOR} ({error})") from None
    data = stable_retro.data.GameData()
    emulator.configure_data(data)
    emulator.step()  # maps the memory
    if not data.load(str(game.folder / "data.json"), str(game.folder / "scenario.json")):
        raise GameError(f"{game.id}: stable-retro cannot load data.json and scenario.json in {game.folder}")
    for name, entry in game.ram.items():
        data.set_variable(name, dict(entry))
    return emulator, data
