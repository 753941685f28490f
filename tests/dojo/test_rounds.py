"""Rounds, matches and the clock."""

from __future__ import annotations

import machine as dojo
import pytest

from tests.dojo.duels import decide, place

FIGHT, ROUND_OVER, INTRO = (dojo.PHASES.index(name) for name in ("FIGHT", "ROUND_OVER", "INTRO"))


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
