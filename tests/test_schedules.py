from __future__ import annotations

import copy
import csv
import importlib
import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mk_lightning.cli.main import main
from mk_lightning.schedules import Constant, Cyclical, Exponential, Linear, Schedule, as_schedule, bounds, first_value
from mk_lightning.utils.errors import UserError
from tests.test_parity import by_script
from tests.test_resume import CONFIG


def test_constant():
    assert [Constant(0.3)(t) for t in (0, 1, 10**9)] == [0.3] * 3


def test_linear():
    schedule = Linear(1.0, 0.2, 400)
    assert [schedule(t) for t in (0, 100, 200, 400, 401, 10**9)] == pytest.approx([1, 0.8, 0.6, 0.2, 0.2, 0.2])
    assert Linear(0.0, 5.0, 10)(3) == pytest.approx(1.5)


def test_exponential():
    """Equal factors over equal times: a quarter of the way is the fourth root of the whole ratio."""
    schedule = Exponential(1.0, 1e-4, 400)
    assert [schedule(t) for t in (0, 100, 200, 300, 400, 10**9)] == pytest.approx([1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-4])
    assert schedule(57) == pytest.approx(math.exp(57 / 400 * math.log(1e-4)))


def test_cyclical():
    schedule = Cyclical(0.1, 0.5, 80)
    wave = [0.1, 0.3, 0.5, 0.3]
    assert [schedule(t) for t in range(0, 240, 20)] == pytest.approx(wave * 3)
    assert schedule(10) == pytest.approx(0.2)


def test_cyclical_of_odd_and_of_least_period():
    assert [Cyclical(0.0, 1.0, 5)(t) for t in range(6)] == pytest.approx([0, 0.4, 0.8, 0.8, 0.4, 0])
    assert [Cyclical(0.0, 1.0, 1)(t) for t in range(3)] == [0, 0, 0]


def test_a_number_is_the_constant_schedule_and_a_schedule_itself():
    assert as_schedule(0.25)(7) == 0.25
    linear = Linear(1, 0, 10)
    assert as_schedule(linear) is linear


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(0.3), (0.3, 0.3)),
        (Linear(0.2, 0.9, 50), (0.2, 0.9)),
        (Linear(0.9, -0.2, 50), (-0.2, 0.9)),
        (Exponential(1e-3, 1e-5, 50), (1e-5, 1e-3)),
        (Cyclical(0.1, 0.4, 50), (0.1, 0.4)),
    ],
)
def test_bounds_are_what_the_schedule_reaches(schedule, expected):
    values = [schedule(t) for t in range(0, 60)]
    assert bounds(schedule) == expected == pytest.approx((min(values), max(values)))


@pytest.mark.parametrize(
    ("by_fraction", "by_env_steps"),
    [
        (Linear(1.0, 0.2, 0.5), Linear(1.0, 0.2, 200)),
        (Linear(1.0, 0.2, 1.0), Linear(1.0, 0.2, 400)),
        (Exponential(1.0, 1e-4, 0.25), Exponential(1.0, 1e-4, 100)),
        (Cyclical(0.1, 0.5, 0.2), Cyclical(0.1, 0.5, 80)),
        (Constant(0.3), Constant(0.3)),
        (Linear(1.0, 0.2, 1), Linear(1.0, 0.2, 1)),
    ],
)
def test_a_fraction_of_the_run_is_the_env_steps_that_it_comes_to(by_fraction, by_env_steps):
    before = vars(by_fraction).copy()
    of_run = by_fraction.over(400)
    assert [of_run(t) for t in range(500)] == [by_env_steps(t) for t in range(500)]
    assert vars(by_fraction) == before, "the next run may be of another length"
    assert first_value(by_fraction) == by_env_steps(0)
    assert bounds(by_fraction) == bounds(by_env_steps)


def test_a_class_below_one_of_ours_stays_what_it_is():
    class Doubled(Linear):
        def __call__(self, env_steps: int) -> float:
            return 2 * super().__call__(env_steps)

    assert Doubled(1.0, 0.0, 0.5).over(200)(50) == 1.0


class Steps(Schedule):
    """A user's own."""

    def __call__(self, env_steps: int) -> float:
        return 0.5 ** (env_steps // 100)


def test_of_a_users_own_schedule_the_first_value_is_known():
    assert bounds(Steps()) == (1.0, 1.0)
    assert Steps().over(10)(100) == 0.5


# -- the schedule of the docs ------------------------------------------------------------------------------------------


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The config of the page, and the class of the page in the working directory."""
    page = (Path(__file__).parents[1] / "docs/extend/schedule.md").read_text()
    (code,), (config,) = (re.findall(rf"```{kind}\n(.*?)```", page, re.S) for kind in ("python", "yaml"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "staircase", raising=False)
    Path("staircase.py").write_text(code)
    settings: dict[str, Any] = yaml.safe_load(config)
    settings["data"]["epsilon"]["init_args"]["stair"] = 144  # of the 320 env_steps of `CONFIG`
    return settings


def rates(run: str) -> list[tuple[float, float]]:
    """Of every row of a run that it logged: learning rate and epsilon."""
    with (Path(run) / "metrics.csv").open() as file:
        return [(float(r["learning_rate"]), float(r["epsilon"])) for r in csv.DictReader(file) if r["learning_rate"]]


def test_the_schedule_of_the_docs_trains_from_a_config_and_from_python(docs: dict[str, Any]) -> None:
    config = {**copy.deepcopy(CONFIG), "trainer": CONFIG["trainer"] | {"callbacks": [], "logger": False}}
    for group in ("model", "data"):
        config[group] |= docs[group]
    Path("c.yaml").write_text(yaml.safe_dump(config))
    main(["fit", "-c", "c.yaml", "--run_dir", "by_config"])
    staircase = importlib.import_module("staircase").Staircase
    assert [staircase(3e-4, 0.5, 0.25).over(192_000)(t) for t in (0, 96_000)] == [3e-4, 3e-4 / 4]
    by_script(320, run="by_script", learning_rate=staircase(3e-4, 0.5, 0.25), epsilon=staircase(0.2, 0.1, 144))
    steps = range(40 + 4 * 16, 361, 64)  # a row every four learner_steps, after a warm-up of 40
    expected = [(3e-4 * 0.5 ** (t // 80), 0.2 * 0.1 ** (t // 144)) for t in steps]
    assert rates("by_config") == [pytest.approx(pair) for pair in expected]
    assert Path("by_config/metrics.csv").read_text() == Path("by_script/metrics.csv").read_text()


@pytest.mark.parametrize(
    ("argument", "message"),
    [("stair=1.5", "Staircase: stair must be a whole number of env_steps"), ("factor=2", "Staircase: factor must be")],
)
def test_a_mistake_in_ones_own_schedule_is_told_like_any_other(
    docs: dict[str, Any], argument: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("c.yaml").write_text(yaml.safe_dump({"model": docs["model"]}))
    with pytest.raises(SystemExit):
        main(["fit", "-c", "c.yaml", "--data.original_states=Easy", f"--model.learning_rate.{argument}"])
    (line,) = capfd.readouterr().err.splitlines()
    assert message in line
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(math.nan), "value must be a finite number, got nan"),
        (lambda: Linear(math.inf, 0, 10), "start must be a finite number, got inf"),
        (lambda: Linear(1, 0, 0), "Linear: env_steps must be a whole number of env_steps, 1 or more, or .* got 0"),
        (lambda: Linear(1, 0, -5), "env_steps must be .* got -5"),
        (lambda: Linear(1, 0, 1.5), "env_steps must be .* at most 1.0, got 1.5"),
        (lambda: Exponential(1, 0, 10), "end must be above 0, got 0"),
        (lambda: Exponential(-1, 1, 10), "start must be above 0, got -1"),
        (lambda: Exponential(math.inf, 1, 10), "start must be above 0, got inf"),
        (lambda: Exponential(1, 1, 0), "Exponential: env_steps must be .* got 0"),
        (lambda: Cyclical(0.5, 0.1, 10), "low 0.5 is above high 0.1; swap them"),
        (lambda: Cyclical(0.1, 0.5, 0), "Cyclical: period must be .* got 0"),
        (lambda: Linear(1, 0, 0.5)(3), "length is 0.5 of a run; schedule.over"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(UserError, match=message):
        make()
