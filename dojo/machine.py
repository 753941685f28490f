"""The dojo in the emulator, without Gymnasium: what making the states, the style tables and the ROM's tests share."""

from __future__ import annotations

import gc
import gzip
from pathlib import Path

import numpy as np
import stable_retro
from stable_retro.data import GameData

GAME = Path(__file__).resolve().parents[1] / "mk_lightning" / "games" / "dojo"

OPPONENTS = ("Bramble", "Bulwark", "Scythe", "Ember", "Kestrel", "Heron", "Grapnel", "Mirage")
TIERS = ("VeryEasy", "Easy", "Medium", "Hard", "VeryHard")
BUTTONS = ("B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z")

# game.h's enumerations, in its order.
STATES = (
    *("STAND", "WALK", "CROUCH", "GUARD", "CROUCH_GUARD", "JUMP", "ATTACK", "STAGGER", "GUARD_STUN"),
    *("THROWN", "FALL", "LIE", "RISE", "KO", "WIN"),
)
ATTACKS = ("HIGH_PUNCH", "LOW_PUNCH", "HIGH_KICK", "LOW_KICK", "UPPERCUT", "SWEEP", "JUMP_KICK", "THROW", "CAST")
STAGES = ("STARTUP", "ACTIVE", "RECOVERY")
PHASES = ("TITLE", "INTRO", "FIGHT", "ROUND_OVER")

GROUND = 200
"""y of a fighter who stands on the ground."""


def state_name(tier: int, opponent: int) -> str:
    """The one-player state's name; ``opponent`` counts from 1 as in the ROM."""
    return f"{TIERS[tier]}.{OPPONENTS[opponent - 1]}-{opponent:02d}"


def duel_name(opponent: int) -> str:
    """The two-player state's name."""
    return f"SennVs{OPPONENTS[opponent - 1]}.2P"


class Machine:
    """One emulator with the ROM in ``game`` loaded.  A process can hold only one: `close` it before the next."""

    def __init__(self, game: Path = GAME) -> None:
        gc.collect()
        self.game = game
        self.data = GameData()
        self.emulator = stable_retro.RetroEmulator(str(game / "rom.md"))
        self.emulator.configure_data(self.data)
        self.emulator.step()
        self.data.load(str(game / "data.json"), str(game / "scenario.json"))

    def close(self) -> None:
        """Free the process's one place for an emulator."""
        del self.emulator
        gc.collect()

    def load(self, name: str, seed: int = 0) -> None:
        """Go to the state ``name``; ``seed`` (0 .. 65535) decides what the CPU will do."""
        self.emulator.set_state(gzip.decompress((self.game / f"{name}.state").read_bytes()))
        self.data.update_ram()
        self.data.set_value("cpu_seed", seed)

    def frames(self, n: int, *pressed: str, second: tuple[str, ...] = ()) -> None:
        """Run ``n`` frames with these buttons held on the first (and ``second`` on the second) pad."""
        for player, names in enumerate((pressed, second)):
            mask = np.array([button in names for button in BUTTONS], np.uint8)
            self.emulator.set_button_mask(mask, player)
        for _ in range(n):
            self.emulator.step()
        self.data.update_ram()

    def __getitem__(self, name: str) -> int:
        return int(self.data.lookup_value(name))

    def __setitem__(self, name: str, value: int) -> None:
        self.data.set_value(name, value)

    def values(self) -> dict[str, int]:
        """All variables of data.json."""
        return dict(self.data.lookup_all())
