"""Make the dojo's save states: every one at the first frame of FIGHT of round 1.

    python make_states.py [FOLDER]

They hold the emulator's whole memory, the ROM's variables among them: remake them whenever the ROM changes.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

from machine import GAME, OPPONENTS, PHASES, TIERS, Machine, duel_name, state_name

FIGHT = PHASES.index("FIGHT")


def capture(machine: Machine, tier: int, opponent: int, two_players: bool) -> bytes:
    """Choose on the title screen, start, and return the emulator's state when the fight begins."""
    machine["tier"], machine["opponent"], machine["two_players"] = tier, opponent, two_players
    machine.frames(4, "START")
    for _ in range(120):
        if machine["phase"] == FIGHT:
            break
        machine.frames(1)
    verify(machine, tier, opponent, two_players)
    return bytes(machine.emulator.get_state())


def verify(machine: Machine, tier: int, opponent: int, two_players: bool) -> None:
    """Raise unless the machine stands at the start of exactly this fight."""
    expected = {
        **{"health": 120, "enemy_health": 120, "rounds_won": 0, "enemy_rounds_won": 0, "wins": 0},
        **{"tier": tier, "opponent": opponent, "two_players": int(two_players), "phase": FIGHT, "clock": 30},
    }
    values = machine.values()
    wrong = {name: values[name] for name, value in expected.items() if values[name] != value}
    if wrong:
        raise RuntimeError(f"the state for tier {tier}, opponent {opponent} is wrong: {wrong}, expected {expected}")


def main(game: Path) -> None:
    """Write all states and load each again."""
    for old in game.glob("*.state"):
        old.unlink()
    machine = Machine(game)
    machine.frames(30)
    title = machine.emulator.get_state()
    jobs = [(tier, opponent, False) for tier in range(len(TIERS)) for opponent in range(1, len(OPPONENTS) + 1)]
    jobs += [(2, opponent, True) for opponent in range(1, len(OPPONENTS) + 1)]
    for tier, opponent, two_players in jobs:
        machine.emulator.set_state(title)
        machine.data.update_ram()
        state = capture(machine, tier, opponent, two_players)
        name = duel_name(opponent) if two_players else state_name(tier, opponent)
        (game / f"{name}.state").write_bytes(gzip.compress(state, 9, mtime=0))
        machine.load(name)
        verify(machine, tier, opponent, two_players)
    print(f"{len(jobs)} states in {game}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else GAME)
