"""The real ROM in the emulator, and the shortest way to say what two fighters do."""

from __future__ import annotations

import machine as dojo

from mk_lightning.games.catalog import load_game

GAME = load_game("dojo")
HELD = {action: GAME.action_buttons(action) for action in GAME.actions}


def place(machine: dojo.Machine, gap: int, x: int = 140) -> None:
    """Put the fighters this far apart (negative: the enemy on the left)."""
    machine["x_position"], machine["enemy_x_position"] = x, x + gap


def decide(machine: dojo.Machine, *actions: str, second: tuple[str, ...] = ()) -> None:
    """One decision per action: four frames, the attack buttons released in the last."""
    for action in actions:
        held = HELD[action]
        machine.frames(3, *held, second=second)
        machine.frames(1, *(button for button in held if button not in GAME.attack_buttons), second=second)


def damage(machine: dojo.Machine, *actions: str, second: tuple[str, ...] = (), wait: int = 60) -> int:
    """What the enemy has lost ``wait`` frames after these decisions."""
    decide(machine, *actions, second=second)
    machine.frames(wait, second=second)
    return 120 - machine["enemy_health"]


def states_seen(machine: dojo.Machine, frames: int, *pressed: str, second: tuple[str, ...] = ()) -> set[str]:
    """The enemy's states in the next frames."""
    seen = set()
    for _ in range(frames):
        machine.frames(1, *pressed, second=second)
        seen.add(dojo.STATES[machine["enemy_state"]])
    return seen
