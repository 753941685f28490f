from itertools import pairwise

import pytest

from mk_lightning.envs.rewards import DamageReward, Fight, match_over, match_won, round_bonus

FRESH = Fight(health=120, enemy_health=120, rounds_won=0, enemy_rounds_won=0)


def paid(before: Fight, after: Fight, full_health: int = 120) -> float:
    return DamageReward()(before, after, full_health)


def total(*fights: Fight) -> float:
    return sum(paid(before, after) for before, after in pairwise(fights))


def test_nothing_happens_nothing_is_earned() -> None:
    assert paid(FRESH, FRESH) == 0


def test_damage_dealt_counts_for_and_damage_taken_against() -> None:
    assert paid(FRESH, Fight(120, 113, 0, 0)) == 7
    assert paid(FRESH, Fight(115, 120, 0, 0)) == -5
    assert paid(FRESH, Fight(115, 113, 0, 0)) == 2


def test_a_perfect_match_earns_480_and_a_perfect_defeat_loses_it() -> None:
    won = (FRESH, Fight(120, 0, 0, 0), Fight(120, 0, 1, 0), Fight(120, 120, 1, 0), Fight(120, 0, 2, 0))
    assert total(*won) == pytest.approx(480)
    mirrored = [Fight(b, a, d, c) for a, b, c, d, _ in won]
    assert total(*mirrored) == pytest.approx(-480)


def test_the_round_bonus_is_the_seeds() -> None:
    assert round_bonus(120, 120) == pytest.approx(120)
    assert round_bonus(59, 120) == pytest.approx(120 ** (60 / 121))
    assert round_bonus(0, 120) == pytest.approx(120 ** (1 / 121))
    won = paid(Fight(60, 10, 0, 0), Fight(60, 0, 1, 0))
    assert won == pytest.approx(10 + 120 ** (61 / 121))
    lost = paid(Fight(10, 37, 1, 0), Fight(0, 37, 1, 1))
    assert lost == pytest.approx(-10 - 120 ** (38 / 121))


def test_health_that_rises_for_a_new_round_is_no_damage() -> None:
    assert paid(Fight(30, 0, 1, 0), Fight(120, 120, 1, 0)) == 0
    assert paid(Fight(0, 55, 0, 1), Fight(120, 120, 0, 1)) == 0


def test_a_round_that_ends_and_begins_within_one_step_is_paid_by_the_old_health() -> None:
    assert paid(Fight(60, 10, 0, 0), Fight(120, 120, 1, 0)) == pytest.approx(120 ** (61 / 121))


def test_a_double_knock_out_pays_and_costs() -> None:
    both = paid(Fight(5, 5, 0, 0), Fight(0, 0, 1, 1))
    assert both == pytest.approx(0)


def test_another_games_health_scales_the_bonus() -> None:
    assert paid(Fight(50, 9, 0, 0), Fight(50, 0, 1, 0), 50) == pytest.approx(9 + 50)


@pytest.mark.parametrize(
    ("rounds", "over", "won"),
    [
        ((0, 0), False, False),
        ((1, 1), False, False),
        ((2, 1), True, True),
        ((1, 2), True, False),
        ((2, 2), True, False),
    ],
)
def test_a_match_ends_with_two_rounds(rounds: tuple[int, int], over: bool, won: bool) -> None:
    fight = Fight(120, 120, *rounds)
    assert match_over(fight, 2) is over
    assert match_won(fight, 2) is won
