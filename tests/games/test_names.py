import pytest

from mk_lightning.games.names import nearest, suggestion

STATES = ["VeryEasy.LiuKang-04", "VeryEasy.LiuKang-14", "VeryHard.LiuKang-04", "Level1.LiuKangVsJax"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("VeryEasy.LiuKang-4", "VeryEasy.LiuKang-04"),  # by value, although -14 is as many letters away
        ("VeryEasy.LiuKang-14", "VeryEasy.LiuKang-14"),
        ("veryeasy.liukang-04", "VeryEasy.LiuKang-04"),
        ("VeryEasy LiuKang 04", "VeryEasy.LiuKang-04"),
        ("VeryHard.LuiKang-04", "VeryHard.LiuKang-04"),
        ("Level1.LiuKangVsJaxx", "Level1.LiuKangVsJax"),
    ],
)
def test_the_nearest_name_is_the_one_that_was_meant(typed: str, meant: str) -> None:
    assert nearest(typed, STATES) == meant


def test_nothing_near_is_no_guess_but_the_choices() -> None:
    assert nearest("qqqqqqq", STATES) is None
    assert suggestion("qqqqqqq", ["one", "two"]) == "; valid: one, two"
    assert suggestion("q", [str(i) for i in range(9)]).endswith("7, ...")
    assert suggestion("anything", []) == ""


def test_the_first_of_two_choices_that_look_alike_wins() -> None:
    assert nearest("a-1", ["A-01", "A-001"]) == "A-01"
