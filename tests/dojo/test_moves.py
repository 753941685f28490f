"""The moves, as the action table reaches them."""

from __future__ import annotations

import machine as dojo
import pytest

from tests.dojo.duels import decide, place

MOVES = [
    ("HIGH_PUNCH", ["X"], 40, 8),
    ("LOW_PUNCH", ["A"], 40, 6),
    ("HIGH_KICK", ["Z"], 52, 10),
    ("LOW_KICK", ["C"], 50, 8),
    ("UPPERCUT", ["R+D+A"], 40, 24),
    ("UPPERCUT", ["L+D", "A"], 40, 24),
    ("UPPERCUT", ["R+D", "X"], 40, 24),
    ("SWEEP", ["R+D", "C"], 54, 12),
    ("SWEEP", ["L+D", "C"], 54, 12),
    ("JUMP_KICK", ["R+U+C"], 110, 10),
    ("JUMP_KICK", ["R+U+A"], 110, 10),
    ("JUMP_KICK", ["R+U", "none", "none", "Z"], 110, 10),
    ("THROW", ["A"], 34, 16),
    ("CAST", ["Y"], 120, 8),
]


@pytest.mark.parametrize("mirrored", [False, True], ids=["right", "left"])
@pytest.mark.parametrize(("attack", "actions", "gap", "expected"), MOVES)
def test_every_move_is_in_the_action_table(
    duel: dojo.Machine, attack: str, actions: list[str], gap: int, expected: int, mirrored: bool
) -> None:
    if mirrored:
        turn = str.maketrans("LR", "RL")
        actions = [actions[0] if "+D+" in actions[0] else action.translate(turn) for action in actions]
    place(duel, -gap if mirrored else gap, 160)
    duel.frames(2)
    for action in actions:
        decide(duel, action)
        if duel["state"] == dojo.STATES.index("ATTACK"):
            break
    else:
        duel.frames(14)  # jump and kick pressed together: the kick comes on the way
    assert dojo.ATTACKS[duel["attack"]] == attack
    duel.frames(50)
    assert 120 - duel["enemy_health"] == expected


def test_jumps_walks_and_mode(duel: dojo.Machine) -> None:
    x = duel["x_position"]
    decide(duel, "MODE", "none")
    assert (duel["state"], duel["x_position"]) == (dojo.STATES.index("STAND"), x)
    decide(duel, "R", "R")
    assert duel["x_position"] == x + 16
    decide(duel, "U", "none", "none", "none")
    assert (duel["x_position"], dojo.GROUND - duel["y_position"] > 50) == (x + 16, True)
    duel.frames(40)
    decide(duel, "R+U", *["none"] * 10)
    assert (duel["x_position"] > x + 100, duel["y_position"]) == (True, dojo.GROUND)
    decide(duel, "L+U", *["none"] * 10)
    assert duel["x_position"] < x + 40


@pytest.mark.parametrize("hold", [40, 200])
def test_a_held_button_attacks_once(duel: dojo.Machine, hold: int) -> None:
    place(duel, 40)
    duel.frames(hold, "X")
    assert duel["enemy_health"] == 112


def test_released_buttons_attack_again(duel: dojo.Machine) -> None:
    for _ in range(12):
        place(duel, 40)
        decide(duel, "X")
    assert duel["enemy_health"] <= 120 - 2 * 8
