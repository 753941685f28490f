"""The real ROM in the emulator: the rules, the moves as the action table reaches them, the seeds, the states."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mk_lightning.games import load_game

SOURCE = Path(__file__).resolve().parents[2] / "dojo"
sys.path.insert(0, str(SOURCE))

import machine as dojo  # noqa: E402
import make_states  # noqa: E402

GAME = load_game("dojo")
HELD = {action: GAME.action_buttons(action) for action in GAME.actions}
FIGHT, ROUND_OVER, INTRO = (dojo.PHASES.index(name) for name in ("FIGHT", "ROUND_OVER", "INTRO"))


@pytest.fixture(scope="module")
def machine() -> Iterator[dojo.Machine]:
    """The module's one emulator."""
    machine = dojo.Machine()
    yield machine
    machine.close()


@pytest.fixture
def duel(machine: dojo.Machine) -> dojo.Machine:
    """Two players: the second does what the test's ``second`` pad says."""
    machine.load(dojo.duel_name(1))
    return machine


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


# ---------------------------------------------------------------- seeds


def fight(machine: dojo.Machine, seed: int) -> list[dict[str, int]]:
    """RAM after each of 80 decisions of a fixed player."""
    machine.load("Medium.Mirage-08", seed)
    trace = []
    for n in range(80):
        decide(machine, GAME.actions[n * 7 % 26])
        trace.append(machine.values())
    return trace


def test_same_seed_same_fight(machine: dojo.Machine) -> None:
    first = fight(machine, 4711)
    picture = machine.emulator.get_screen().copy()
    assert fight(machine, 4711) == first
    assert np.array_equal(machine.emulator.get_screen(), picture)


@pytest.mark.parametrize("other", [0, 4710, 4712, 65535])
def test_other_seed_other_fight(machine: dojo.Machine, other: int) -> None:
    """Neighbouring seeds, too, part within five seconds."""

    def places(seed: int) -> list[int]:
        return [values["enemy_x_position"] for values in fight(machine, seed)]

    assert places(4711) != places(other)


def test_the_seed_is_the_only_variation(machine: dojo.Machine) -> None:
    """Setting the value that the state already holds changes nothing."""
    assert fight(machine, 0) == fight(machine, 0)


# ---------------------------------------------------------------- moves


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


# ---------------------------------------------------------------- rules


@pytest.mark.parametrize("guard", ["B", "START"])
@pytest.mark.parametrize(
    ("actions", "gap", "standing", "crouching"),
    [
        (["X"], 40, 0, 0),  # over a croucher's head
        (["C"], 50, 8, 0),
        (["R+D+A"], 40, 1, 1),
        (["R+D", "C"], 54, 12, 0),
        (["R+U+C"], 110, 0, 10),
        (["Y"], 120, 0, 0),
        (["A"], 34, 16, 16),  # the throw beats guard
    ],
)
def test_guard(duel: dojo.Machine, guard: str, actions: list[str], gap: int, standing: int, crouching: int) -> None:
    for second, expected in (((guard,), standing), ((guard, "DOWN"), crouching)):
        duel.load(dojo.duel_name(1))
        place(duel, gap)
        duel.frames(6, second=second)
        assert damage(duel, *actions, second=second) == expected


def test_the_agents_own_guard(duel: dojo.Machine) -> None:
    for action, kick, expected in (("B", ("X",), 0), ("START", ("X",), 0), ("D+B", ("C",), 0), ("B", ("C",), 8)):
        duel.load(dojo.duel_name(1))
        place(duel, 40)
        decide(duel, action)
        decide(duel, *[action] * 8, second=kick)
        assert 120 - duel["health"] == expected, (action, kick)


@pytest.mark.parametrize(("actions", "gap"), [(["X"], 40), (["Z"], 52), (["Y"], 120)])
def test_crouch_under_high_attacks(duel: dojo.Machine, actions: list[str], gap: int) -> None:
    place(duel, gap)
    duel.frames(4, second=("DOWN",))
    assert damage(duel, *actions, second=("DOWN",)) == 0


def test_jump_over_a_sweep(duel: dojo.Machine) -> None:
    place(duel, 54)
    decide(duel, "R+D", second=("UP",))
    assert damage(duel, "C", wait=30) == 0


def test_jump_over_a_shot(duel: dojo.Machine) -> None:
    place(duel, 120)
    decide(duel, "Y", "none", "none", "none")
    duel.frames(8)
    duel.frames(2, second=("UP",))
    duel.frames(60)
    assert (duel["enemy_health"], duel["shot_on"]) == (120, 0)


def test_one_shot_each(duel: dojo.Machine) -> None:
    place(duel, 150, 100)
    decide(duel, "Y", *["none"] * 4)
    assert (duel["shot_on"], duel["enemy_shot_on"]) == (1, 0)
    assert duel["shot_x"] > 100


def test_shots_stop_each_other(duel: dojo.Machine) -> None:
    place(duel, 160, 80)
    duel.frames(3, "Y", second=("Y",))
    duel.frames(60)
    assert (duel["health"], duel["enemy_health"], duel["shot_on"], duel["enemy_shot_on"]) == (120, 120, 0, 0)


def test_throw_whiffs_on_a_staggered_or_flying_enemy(duel: dojo.Machine) -> None:
    place(duel, 34)
    duel.frames(2, second=("UP",))
    duel.frames(4)
    decide(duel, "A")
    assert dojo.ATTACKS[duel["attack"]] == "LOW_PUNCH"


def test_a_blow_beats_a_throw(duel: dojo.Machine) -> None:
    place(duel, 34)
    duel.frames(2, second=("X",))
    duel.frames(20, "A")
    assert (duel["health"], duel["enemy_health"]) == (112, 120)


def test_uppercut_beats_a_jump_kick(duel: dojo.Machine) -> None:
    place(duel, 90)
    duel.frames(3, second=("LEFT", "UP", "C"))
    duel.frames(20)
    decide(duel, "R+D+A")
    duel.frames(30)
    assert (duel["health"], duel["enemy_health"]) == (120, 96)


def test_nobody_is_hit_on_the_floor(duel: dojo.Machine) -> None:
    place(duel, 40)
    decide(duel, "R+D+A")
    seen = []
    for _ in range(120):
        duel.frames(1)
        name = dojo.STATES[duel["enemy_state"]]
        if name == "STAND" and "RISE" in seen:
            break
        seen.append(name)
        if name != "RISE" or duel["enemy_t"] < 2:  # a later kick would meet him on his feet
            place(duel, 40)
            duel.frames(1, "C")
    assert duel["enemy_health"] == 96
    assert list(dict.fromkeys(seen))[-3:] == ["FALL", "LIE", "RISE"]


def test_knocked_down_by_uppercut_sweep_and_throw_only(duel: dojo.Machine) -> None:
    for actions, gap, falls in ((["R+D+A"], 40, True), (["R+D", "C"], 54, True), (["A"], 34, True), (["Z"], 52, False)):
        duel.load(dojo.duel_name(1))
        place(duel, gap)
        decide(duel, *actions)
        assert ("LIE" in states_seen(duel, 70)) is falls, actions


def test_fighters_face_each_other_keep_apart_and_stay_inside(duel: dojo.Machine) -> None:
    duel.frames(120, "RIGHT", second=("LEFT",))
    assert duel["enemy_x_position"] - duel["x_position"] == 28
    duel.frames(200, "LEFT", second=("LEFT",))
    assert (duel["x_position"], duel["enemy_x_position"]) == (24, 52)
    assert (duel["faces_left"], duel["enemy_faces_left"]) == (0, 1)
    duel.frames(4, "RIGHT", "UP")
    duel.frames(60)
    assert duel["x_position"] > duel["enemy_x_position"]
    assert (duel["faces_left"], duel["enemy_faces_left"]) == (1, 0)


# ---------------------------------------------------------------- rounds and matches


def test_a_round_is_won_in_the_frame_in_which_health_is_gone(duel: dojo.Machine) -> None:
    duel["enemy_health"] = 5
    place(duel, 40)
    duel.frames(1, "X")
    while duel["enemy_health"]:
        assert duel["rounds_won"] == 0
        duel.frames(1)
    assert (duel["rounds_won"], duel["enemy_rounds_won"], duel["health"]) == (1, 0, 120)
    pause = 0
    while duel["phase"] == ROUND_OVER:
        assert duel["enemy_health"] == 0
        duel.frames(1)
        pause += 1
    assert (pause, duel["phase"]) == (36, INTRO)
    assert (duel["enemy_health"], duel["rounds_won"], duel["clock"]) == (120, 1, 30)
    duel.frames(20)
    assert duel["phase"] == FIGHT


def test_two_rounds_are_a_match(duel: dojo.Machine) -> None:
    for rounds in (1, 2):
        duel["enemy_health"] = 1
        place(duel, 40)
        decide(duel, "X", "none", "none")
        assert (duel["rounds_won"], duel["wins"]) == (rounds, rounds // 2)
        duel.frames(60)
    assert (duel["rounds_won"], duel["enemy_health"], duel["phase"]) == (0, 120, FIGHT)


@pytest.mark.parametrize(("mine", "his", "rounds"), [(60, 59, (1, 0)), (59, 60, (0, 1)), (60, 60, (0, 0))])
def test_the_clock_decides_on_health_and_a_draw_is_played_again(
    duel: dojo.Machine, mine: int, his: int, rounds: tuple[int, int]
) -> None:
    duel["health"], duel["enemy_health"], duel["clock"] = mine, his, 1
    duel.frames(70)
    assert (duel["rounds_won"], duel["enemy_rounds_won"]) == rounds
    duel.frames(60)
    assert (duel["rounds_won"], duel["enemy_rounds_won"]) == rounds
    assert (duel["health"], duel["enemy_health"], duel["phase"]) == (120, 120, FIGHT)


def test_the_clock_runs_thirty_seconds(duel: dojo.Machine) -> None:
    duel.frames(29 * 60)
    assert (duel["clock"], duel["phase"]) == (1, FIGHT)
    duel.frames(60)
    assert duel["phase"] == ROUND_OVER


# ---------------------------------------------------------------- files


def test_every_state_is_what_its_name_says(machine: dojo.Machine) -> None:
    expected = {
        dojo.state_name(tier, opponent): (tier, opponent, False) for tier in range(5) for opponent in range(1, 9)
    }
    expected |= {dojo.duel_name(opponent): (None, opponent, True) for opponent in range(1, 9)}
    assert {path.stem for path in dojo.GAME.glob("*.state")} == set(expected)
    for name, (tier, opponent, two_players) in expected.items():
        machine.load(name)
        make_states.verify(machine, machine["tier"] if tier is None else tier, opponent, two_players)


@pytest.mark.skipif(shutil.which("m68k-linux-gnu-gcc") is None, reason="needs Debian's gcc-m68k-linux-gnu")
def test_rebuilt_rom_is_byte_identical(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("build", "__pycache__"))
    command = ["make", "-s", "-C", str(copy), f"PYTHON={sys.executable}", f"GAME={tmp_path}"]
    subprocess.run(command, check=True, timeout=300)
    for name in ("rom.md", "rom.sha"):
        assert (tmp_path / name).read_bytes() == (dojo.GAME / name).read_bytes(), name
