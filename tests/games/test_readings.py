"""Rounds that are counted from knock-outs, on a tape of what memory says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game
from mk_lightning.games.readings import read_variables

TIMED = load_game("virtua-fighter-2")
UNTIMED = load_game("samurai-shodown")


def rounds(game: Game, tape: Iterable[tuple[int, ...]]) -> list[tuple[int, int]]:
    """Rounds won by both after each (health, enemy's health, time)."""
    counted, before = [], None
    for row in tape:
        before = read_variables(game, dict(zip(("health", "enemy_health", "time"), row, strict=False)), before)
        counted.append((before["rounds_won"], before["enemy_rounds_won"]))
    return counted


def test_a_knock_out_is_counted_once_however_long_it_lasts() -> None:
    tape = [(128, 128), (90, 3), (90, 0), (90, 0), (128, 0), (128, 128), (0, 128), (0, 128), (128, 128), (5, 0)]
    expected = [(0, 0)] * 2 + [(1, 0)] * 4 + [(1, 1)] * 3 + [(2, 1)]
    assert rounds(UNTIMED, tape) == expected


def test_a_double_knock_out_counts_for_both() -> None:
    assert rounds(UNTIMED, [(9, 9), (0, 0), (128, 128)]) == [(0, 0), (1, 1), (1, 1)]


def test_when_the_clock_has_run_out_more_health_has_won() -> None:
    tape = [(112, 112, 30), (80, 50, 1), (80, 50, 0), (80, 50, 0), (112, 112, 0), (112, 112, 30), (20, 50, 0)]
    assert rounds(TIMED, tape) == [(0, 0)] * 2 + [(1, 0)] * 4 + [(1, 1)]
    assert rounds(TIMED, [(50, 50, 1), (50, 50, 0)]) == [(0, 0), (1, 1)]


def test_a_variable_that_is_called_clock_is_none_unless_the_game_says_so() -> None:
    """The dojo has one in RAM; what it counts is not known where `clock:` is left out."""
    dojo = replace(load_game("dojo"), counts_knockouts=True)
    first = {"health": 120, "enemy_health": 5, "clock": 0}
    before = read_variables(dojo, dict(first), None)
    after = read_variables(dojo, first | {"enemy_health": 0}, before)
    assert (after["rounds_won"], after["enemy_rounds_won"]) == (1, 0)
    timed = replace(dojo, formulas={"clock": "clock"})
    assert (
        read_variables(timed, first | {"enemy_health": 0}, read_variables(timed, dict(first), None))["rounds_won"] == 0
    )


def test_a_round_that_has_not_begun_at_the_state_ends_nothing() -> None:
    assert rounds(TIMED, [(0, 0, 0), (112, 112, 0), (112, 112, 30), (112, 0, 30)]) == [(0, 0)] * 3 + [(1, 0)]


def test_health_is_never_below_zero() -> None:
    heroes = load_game("world-heroes")
    memory = {"health": -1, "enemy_health": -4, "rounds_won": 1, "enemy_rounds_won": 0}
    assert read_variables(heroes, dict(memory), None) == memory | {"health": 0, "enemy_health": 0}


def test_formulas_read_memory_and_not_each_other() -> None:
    game = replace(load_game("world-heroes"), formulas={"health": "enemy_health", "enemy_health": "health"})
    memory = {"health": 1, "enemy_health": 2, "rounds_won": 0, "enemy_rounds_won": 0}
    assert read_variables(game, memory, None) == {**memory, "health": 2, "enemy_health": 1}


def test_boxing_sees_a_hundred_punches_where_stable_retro_reads_twenty() -> None:
    boxing = load_game("boxing")
    memory = {"score1": 99, "score1_byte": 0x99, "score2": 3, "score2_byte": 3, "minutes": 16, "seconds": 9}
    before = read_variables(boxing, dict(memory), None)
    assert (before["health"], before["enemy_health"], before["clock"]) == (97, 1, 25)
    after = read_variables(boxing, memory | {"score1": 20, "score1_byte": 0xC0}, before)
    assert (after["health"], after["enemy_health"]) == (97, 0)
    assert (after["rounds_won"], after["enemy_rounds_won"]) == (1, 0)
