"""What hits, what is blocked, who is thrown."""

from __future__ import annotations

import machine as dojo
import pytest

from tests.dojo.duels import damage, decide, place, states_seen


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
