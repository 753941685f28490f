"""Runs pooled into arms, sorted by what they kept and gained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import rich
import yaml

from mk_lightning.evaluation.arm_runs import Given, compare
from mk_lightning.evaluation.arms import Arm, Arms
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.report import write_arms_page
from mk_lightning.metrics.pooling import PooledMean
from mk_lightning.utils.errors import UserError
from tests.evaluation.test_compare import A, B, C, evaluation

BASE = evaluation({A: 40, B: 40, C: 4}, policy="base.ckpt")
ORIGINAL = [A, B]


def after(a: int, b: int, c: int, policy: str = "best.ckpt") -> Evaluation:
    return evaluation({A: a, B: b, C: c}, policy=policy)


def arms(*given: Given, **named: Sequence[Given]) -> Arms:
    found = compare(*given, **named)
    assert isinstance(found, Arms)
    return found


def write_run(folder: Path, found: Evaluation, *, seed: int | None, **settings: Any) -> Path:
    """The directory of a finished fit, with what `compare` reads of it."""
    folder.mkdir(parents=True)
    BASE.write(folder / "before.json")
    found.write(folder / "after.json")
    if seed is not None:
        config = {"seed_everything": seed, "run_dir": str(folder), "data": {"n_step": 3, **settings}, "trainer": {}}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two arms of two seeds, the forgetful one first."""
    return [
        write_run(tmp_path / "none-1", after(20, 20, 40), seed=1),
        write_run(tmp_path / "none-2", after(24, 28, 40), seed=2),
        write_run(tmp_path / "ewc_seed1", after(40, 40, 30), seed=1, strength=2.0),
        write_run(tmp_path / "ewc_seed2", after(39, 40, 34), seed=2, strength=2.0),
    ]


def test_runs_of_one_config_but_for_the_seed_are_one_arm(runs: list[Path]) -> None:
    found = arms(*runs)
    assert [(arm.name, [run.seed for run in arm.runs]) for arm in found.arms] == [("ewc", [1, 2]), ("none", [1, 2])]
    assert found.differences() == {"data.strength": [2.0, None]}


def test_arms_that_differ_in_a_method_s_argument_name_it(tmp_path: Path) -> None:
    def methods(weight: float) -> list[dict[str, Any]]:
        return [
            {"class_path": "mk_lightning.WeaknessTargeting", "init_args": {"floor": 0.2}},
            {"class_path": "mk_lightning.Cloning", "init_args": {"weight": weight}},
        ]

    runs = [write_run(tmp_path / f"w{n}", after(40, 40, 30), seed=1, callbacks=methods(n / 10)) for n in (1, 9)]
    assert arms(*runs).differences() == {"data.callbacks.Cloning.weight": [0.1, 0.9]}


def test_an_arm_s_rates_are_pooled_over_its_seeds(runs: list[Path]) -> None:
    none = arms(*runs).arms[1].over(ORIGINAL)
    pooled = PooledMean.of_rates([0.5, 0.65], 80)
    assert (none.before, none.after) == (1.0, pooled)
    assert none.change == pooled.change_from(1.0, 80)
    assert none.verdict == "too few seeds to tell"  # two of them: [-100, +53]
    assert arms(*runs).arms[0].over(ORIGINAL).verdict == "same within noise"


def test_three_seeds_that_agree_tell() -> None:
    found = arms(BASE, x=[after(20, 20, 4), after(22, 18, 4), after(19, 23, 4)])
    assert found.arms[0].over(ORIGINAL).verdict == "worse"


def test_a_single_seed_has_the_interval_of_its_matches() -> None:
    one, two = after(40, 38, 30, "x.ckpt"), after(40, 40, 10, "y.ckpt")
    found = arms(BASE, one, two)
    assert [arm.name for arm in found.arms] == ["x", "y"]
    expected = Comparison(BASE, one).over([C])
    outcome = found.arms[0].over([C])
    assert (outcome.change.low, outcome.change.high) == expected.interval
    assert outcome.verdict == expected.verdict == "better"


def test_what_kept_the_originals_stands_before_what_gained_more() -> None:
    gains = {"greedy": (20, 40, 40), "meek": (40, 40, 6), "good": (39, 39, 30), "just": (38, 38, 31)}
    found = arms(BASE, **{name: [after(*won)] for name, won in gains.items()})
    assert [arm.name for arm in found.arms] == ["just", "good", "meek", "greedy"]  # exactly 5 points are allowed


def test_two_evaluations_and_one_run_give_a_comparison(runs: list[Path]) -> None:
    assert isinstance(compare(BASE, after(40, 40, 9)), Comparison)
    assert isinstance(compare(str(runs[0])), Comparison)
    assert compare(runs[0]) == compare(runs[0] / "before.json", runs[0] / "after.json")


def test_a_script_s_runs_without_a_config_are_arms_of_their_own(tmp_path: Path) -> None:
    pair = [write_run(tmp_path / name, after(40, 40, 9), seed=None) for name in ("x", "y")]
    assert [arm.name for arm in arms(*pair).arms] == ["x", "y"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["none-1", "ewc-1"], ["none", "ewc"]),
        (["fit", "fit-2"], ["fit", "fit-2"]),
        (["none/1", "ewc/1"], ["none", "ewc"]),
        (["none/seed_3", "ewc/seed_4"], ["none", "ewc"]),
        (["v2", "v3"], ["v2", "v3"]),
    ],
)
def test_an_arm_is_called_as_its_directory_without_the_seed(
    names: list[str], expected: list[str], tmp_path: Path
) -> None:
    pair = [write_run(tmp_path / name, after(40, 40, 9), seed=1, n_step=k) for k, name in enumerate(names)]
    assert [arm.name for arm in arms(*pair).arms] == expected


def test_a_run_played_twice_is_not_pooled(tmp_path: Path) -> None:
    pair = [write_run(tmp_path / name, after(40, 40, 9), seed=1) for name in ("x", "x-2")]
    with pytest.raises(UserError, match="arm x has two runs of seed 1 and one config"):
        arms(*pair)


def test_arms_of_other_groups_are_refused() -> None:
    other = evaluation({A: 40, B: 40, C: 9}, groups={"original": [A], "challenging": [B, C]})
    base = evaluation({A: 40, B: 40, C: 4}, groups={"original": [A], "challenging": [B, C]})
    one = arms(BASE, x=[after(40, 40, 9)]).arms[0]
    two = Arm("y", arms(base, y=[other]).arms[0].runs)
    with pytest.raises(UserError, match="their groups of states differ"):
        Arms([one, two])


def test_the_table_has_a_row_per_arm(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    rich.print(arms(*runs))
    printed = capsys.readouterr().out
    assert "2 arms of 4 runs, 40 matches a state" in " ".join(printed.split())
    rows = [line for line in printed.splitlines() if line.startswith(("ewc ", "none "))]
    assert [row.split()[0] for row in rows] == ["ewc", "none"]
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed


def test_a_gate_counts_every_run(runs: list[Path]) -> None:
    lost = arms(*runs).lost(5)
    assert {line.split(":")[0] for line in lost} == {str(runs[0]), str(runs[1])}


def test_the_page_has_one_table_and_a_dot_an_arm(runs: list[Path], tmp_path: Path) -> None:
    write_arms_page(tmp_path / "page.html", arms(*runs))
    text = (tmp_path / "page.html").read_text()
    assert "2 arms of 4 runs side by side" in text
    assert text.index("<td>ewc</td><td>1, 2</td>") < text.index("<td>none</td><td>1, 2</td>")
    assert text.count("<svg") == 1
    assert "gained on the challenging states, points" in text
    assert "data.strength" in text
    assert "#0102" not in text


def test_without_both_groups_there_is_no_scatter(tmp_path: Path) -> None:
    groups = {"all": [A, B, C]}
    base, one, two = (evaluation({A: 40, B: 40, C: c}, groups=groups) for c in (4, 9, 30))
    found = arms(base, one=[one], two=[two])
    assert [arm.name for arm in found.arms] == ["two", "one"]
    write_arms_page(tmp_path / "page.html", found)
    assert "<svg" not in (tmp_path / "page.html").read_text()
