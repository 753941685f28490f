from __future__ import annotations

import pytest

from mk_lightning.evaluation.match import summarise
from mk_lightning.games.catalog import load_game
from tests.evaluation.records import record

GAME = load_game("dojo")
NONE, LEFT, RIGHT, GUARD, PUNCH = (GAME.action_index(name) for name in ("none", "L", "R", "B", "A"))


def test_the_result_is_handed_on():
    match = summarise(record([NONE] * 3, "Hard.Heron-06", 99, won=False, total=-33.25, truncated=True), GAME, 4)
    assert (match.episode, match.state, match.seed) == (4, "Hard.Heron-06", 99)
    assert (match.reward, match.won, match.truncated, match.env_steps) == (-33.25, False, True, 3)


def test_damage_counts_what_is_lost_and_not_what_a_new_round_gives_back():
    played = record([NONE] * 5, health=[120, 110, 110, 120, 105, 105], enemy_health=[120, 120, 0, 120, 119, 100])
    match = summarise(played, GAME, 1)
    assert (match.damage_dealt, match.damage_taken, match.perfect) == (120 + 1 + 19, 10 + 15, False)


def test_a_perfect_match_is_won_without_a_scratch():
    assert summarise(record([NONE] * 2, enemy_health=[120, 50, 0]), GAME, 1).perfect
    assert not summarise(record([NONE] * 2, won=False), GAME, 1).perfect


def test_rounds_that_the_clock_decides():
    played = record(
        [NONE] * 9,
        #       knocked out     next round, both alive at its end   knocked out, counted two steps later
        health=[120, 80, 80, 120, 90, 90, 120, 120, 0, 120],
        enemy_health=[120, 0, 0, 120, 120, 95, 120, 40, 40, 120],
        rounds_won=[0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        enemy_rounds_won=[0, 0, 0, 0, 0, 1, 1, 1, 1, 2],
    )
    assert summarise(played, GAME, 1).rounds_on_time == 1


def test_shares_of_what_is_pressed():
    match = summarise(record([PUNCH, GUARD, GUARD, NONE]), GAME, 1)
    assert (match.attacking, match.guarding) == (0.25, 0.5)
    assert (match.distance, match.closing) == (None, None)


@pytest.mark.parametrize(("mine", "his", "expected"), [(100, 160, 0.5), (160, 100, -0.5)])
def test_closing_in_depends_on_where_the_enemy_stands(mine, his, expected):
    played = record([RIGHT, RIGHT, RIGHT, LEFT], x_position=[mine] * 5, enemy_x_position=[his] * 5)
    match = summarise(played, GAME, 1)
    assert match.closing == expected
    assert match.distance == 60
