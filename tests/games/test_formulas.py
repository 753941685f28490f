import pytest

from mk_lightning.games.formulas import check_formula, compute
from mk_lightning.games.names import GameError

VALUES = {"score1": 7, "score2": 20, "raw": 192, "health_2": -3}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("score1", 7),
        (" 100 - score2 ", 80),
        ("100 - score2 - 80 * (raw // 192)", 0),
        ("-score1 + 2 * (score2 - health_2)", 39),
        ("score1 * score1 - raw // 16", 37),
        ("health_2 // 2", -2),
    ],
)
def test_arithmetic_is_pythons(text: str, value: int) -> None:
    assert check_formula("it", text, VALUES) is None
    assert compute(text, VALUES) == value


@pytest.mark.parametrize(
    "text",
    ["", "1 +", "score1.x", "f(1)", "score1 ** 2", "score1 / 2", "score1 % 2", "1.5", "True", "None", "'a'", "[1]",
     "raw if raw else 1", "score1 < 3", "not score1", "+score1", "~score1", "score1; score2", "score1 = 3", "(x := 3)",
     "lambda: 1", "score1\0", "__import__('os').system('true')", "99999999999", "1 << 9", "raw[0]", "*raw",
     "(" * 99 + "1" + ")" * 98],
)  # fmt: skip
def test_whatever_else_python_has_is_refused(text: str) -> None:
    with pytest.raises(GameError, match=r"^g: health: .* is not a formula of integers, names") as caught:
        check_formula("g: health", text, VALUES)
    assert "\n" not in str(caught.value)


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant() -> None:
    with pytest.raises(GameError, match=r"g: health: no variable 'scor1'; did you mean 'score1'\?"):
        check_formula("g: health", "100 - scor1", VALUES)


@pytest.mark.parametrize("text", ["raw // 0", "raw // score1", "raw // -3", "raw // (2 - 2)"])
def test_a_division_that_could_fail_is_refused(text: str) -> None:
    with pytest.raises(GameError, match="// must divide by a positive integer, such as 16"):
        check_formula("it", text, VALUES)


def test_a_formula_has_an_end_and_so_has_its_value() -> None:
    with pytest.raises(GameError, match="a formula has at most 200 characters, not 203"):
        check_formula("it", "1" + "+1" * 101, VALUES)
    with pytest.raises(GameError, match="does not fit into 64 bits"):
        compute("raw * raw * raw * raw * raw * raw * raw * raw * raw", VALUES)
