from __future__ import annotations

from pathlib import Path

import pytest

from mk_lightning.evaluation.climb import Climb, Round

STATES = ["A", "B", "C", "D"]


def climb(rows: list[list[float]], *rounds: tuple[list[str], bool], **arguments: object) -> Climb:
    asked = {"states": STATES, "target": 0.9, "rounds": 9, "budget": None, "at_once": 2, "env_steps": 100,
             "checkpoint": "base.ckpt", "matches": 10}  # fmt: skip
    played = [Round(n, states, [], 100, kept, "", f"round-{n}") for n, (states, kept) in enumerate(rounds, 1)]
    returns = [[10 * rate for rate in row] for row in rows]
    returns[-1][3] -= 5  # D is farthest from being won
    return Climb(Path("ladder"), asked | arguments, played, rows, returns)


FIRST = [1.0, 0.7, 0.2, 0.2]


def test_a_round_is_for_what_is_nearest_to_being_won() -> None:
    assert climb([FIRST]).lost() == ["B", "C", "D"]
    assert climb([FIRST]).next_challenging() == ["B", "C"]
    assert climb([FIRST], at_once=1).next_challenging() == ["B"]


def test_it_keeps_what_is_won_and_leaves_other_lost_states_for_later() -> None:
    assert climb([FIRST]).original(["C"]) == ["A", "B"]
    assert climb([FIRST]).original(["B", "C"]) == ["A"]


def test_what_failed_together_is_tried_one_by_one() -> None:
    failed = [(["B", "C"], False)]
    assert climb([FIRST], *failed).next_challenging() == ["D"]
    failed.append((["D"], False))
    assert climb([FIRST], *failed).next_challenging() == ["B"]
    failed.append((["B"], False))
    assert climb([FIRST], *failed).next_challenging() == ["C"]
    failed.append((["C"], False))
    assert climb([FIRST], *failed).next_challenging() == []
    assert climb([FIRST], *failed).why_end().startswith("B, C, D resisted: try more env_steps")


def test_another_policy_may_try_again() -> None:
    rows = [FIRST, [1.0, 0.7, 0.2, 1.0]]
    assert climb(rows, (["B", "C"], False), (["D"], True)).next_challenging() == ["B", "C"]


@pytest.mark.parametrize(
    ("rates", "arguments", "reason"),
    [
        ([1.0, 0.9, 0.95, 0.9], {}, "every state is won in 90% of the matches or more"),
        (FIRST, {"rounds": 1}, "1 rounds were asked for"),
        (FIRST, {"budget": 199}, "100 of 199 env_steps are spent, and a round takes 100"),
        (FIRST, {"budget": 200}, ""),
    ],
)
def test_why_it_ends(rates: list[float], arguments: dict[str, object], reason: str) -> None:
    assert climb([FIRST, rates], (["B"], True), **arguments).why_end() == reason


def test_the_policy_is_that_of_the_last_round_kept() -> None:
    assert climb([FIRST], (["B"], False)).checkpoint == Path("base.ckpt")
    rounds = [(["B"], True), (["C"], False)]
    assert climb([FIRST, FIRST], *rounds).checkpoint == Path("ladder/round-1/checkpoints/best.ckpt")


def test_the_figures_are_those_of_the_matrix() -> None:
    rows = [FIRST, [0.9, 1.0, 0.4, 0.1], [1.0, 0.8, 1.0, 0.5]]
    figures = climb(rows, (["B"], True), (["D"], False), (["C"], True)).figures()
    assert (figures["rounds"], figures["kept"], figures["env_steps"]) == (3, 2, 300)
    assert figures["average_final"] == pytest.approx(0.825)
    assert figures["worst_final"] == 0.5
    assert figures["forgetting_mean"] == pytest.approx(0.2 / 4)
    assert figures["backward_transfer"] == pytest.approx(-0.2)
    assert figures["forward_transfer"] == pytest.approx(0.2)
