"""What is a length, through whichever door it comes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mk_lightning.cli.main import main
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.lengths import Length, check_length, in_env_steps

RUN = 192_000


@pytest.mark.parametrize(
    ("length", "env_steps"),
    [
        (1, 1),
        (1.0, RUN),
        (0.67, 128_640),
        (1e-9, 1),
        (192_000, 192_000),
        (10**9, 10**9),
        (np.int64(7), 7),
        (np.float64(0.5), RUN // 2),
    ],
)
def test_an_int_is_env_steps_and_a_float_a_fraction_of_the_run(length: Length, env_steps: int) -> None:
    check_length("every", length)
    assert in_env_steps(length, RUN) == env_steps


@pytest.mark.parametrize("length", [0, -1, 0.0, -0.5, 1.5, 2e5, math.nan, math.inf, -math.inf, True, False, None, "1"])
def test_anything_else_is_refused_in_one_line(length: Any) -> None:
    with pytest.raises(UserError, match="every must be a whole number of env_steps, 1 or more, or a fraction") as error:
        check_length("every", length)
    hint = "; write 200000" if length == 2e5 else ""
    assert str(error.value).endswith(f"above 0 and at most 1.0, got {length}{hint}")


def test_a_length_may_be_zero_env_steps_where_that_does_without() -> None:
    check_length("warmup", 0, 0)
    assert in_env_steps(0, RUN) == 0
    with pytest.raises(UserError, match=r"0 or more, .* got 0\.0; write 0"):
        check_length("warmup", 0.0, 0)


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_a_fraction_comes_to_the_env_steps_that_it_was_made_of(part: int, run: int) -> None:
    part, run = sorted((part, run))
    assert in_env_steps(part / run, run) == part


# -- through a config and the command line -----------------------------------------------------------------------------

OPTIONS: dict[str, Any] = {
    "model.learning_rate.init_args.env_steps": None,
    "model.learning_rate_warmup": None,
    "data.epsilon.init_args.env_steps": None,
    "data.evaluation.every": None,
    "checkpoint.every_env_steps": None,
    "trainer.callbacks.0.init_args.every": "WeaknessTargeting",
    "trainer.callbacks.0.init_args.unfreeze_at.heads": "FreezeLayers",
    "trainer.callbacks.0.init_args.phases.0.env_steps": "Curriculum",
    "trainer.callbacks.0.init_args.weight.init_args.period": "Kickstarting",
}
"""Every option that is a length, and the callback that has it."""


def config_with(option: str, text: str) -> str:
    """A config in which an option stands as it is written."""
    callbacks = {
        "WeaknessTargeting": "{every: LENGTH}",
        "FreezeLayers": "{unfreeze_at: {heads: LENGTH}}",
        "Curriculum": "{phases: [{states: [original], env_steps: LENGTH}, {states: [original]}]}",
        "Kickstarting": "{weight: {class_path: Cyclical, init_args: {low: 0, high: 1, period: LENGTH}}}",
    }
    linear = "{class_path: Linear, init_args: {start: 1.0, end: 0.1, env_steps: LENGTH}}"
    if (name := OPTIONS[option]) is not None:
        written = f"trainer: {{callbacks: [{{class_path: {name}, init_args: {callbacks[name]}}}]}}"
    elif option.endswith(".init_args.env_steps"):
        group, key, *_ = option.split(".")
        written = f"{group}: {{{key}: {linear}}}"
    else:
        *groups, key = option.split(".")
        written = "".join(f"{group}: {{" for group in groups) + f"{key}: LENGTH" + "}" * len(groups)
    return written.replace("LENGTH", text)


def found(config: Any, option: str) -> Any:
    for key in option.split("."):
        config = config[int(key) if key.isdigit() else key]
    return config


@pytest.mark.parametrize("option", OPTIONS)
def test_a_config_keeps_what_is_written(
    option: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what a run writes of it is read again as the same."""
    monkeypatch.chdir(tmp_path)
    for text, length in {"1": 1, "1.0": 1.0, "0.67": 0.67, "128000": 128_000, "1e-1": 0.1}.items():
        (tmp_path / "c.yaml").write_text(config_with(option, text))
        for _ in range(2):
            with pytest.raises(SystemExit) as stop:
                main(["fit", "-c", "c.yaml", "--print_config"])
            printed = capsys.readouterr().out
            assert not stop.value.code
            value = found(yaml.safe_load(printed), option)
            assert (value, type(value)) == (length, type(length)), text
            (tmp_path / "c.yaml").write_text(printed)


@pytest.mark.parametrize(
    ("word", "length"), {"1": 1, "1.0": 1.0, "0.67": 0.67, "128000": 128_000, "2e-1": 0.2, "1_000": 1000}.items()
)
def test_the_command_line_keeps_what_is_written(word: str, length: Length, capsys: pytest.CaptureFixture[str]) -> None:
    names = [name for name, callback in OPTIONS.items() if callback is None]
    linear = ["--model.learning_rate=Linear", "--data.epsilon=Linear"]
    with pytest.raises(SystemExit) as stop:
        main(["fit", *linear, *(f"--{name.replace('.init_args', '')}={word}" for name in names), "--print_config"])
    assert not stop.value.code
    config = yaml.safe_load(capsys.readouterr().out)
    for name in names:
        assert (found(config, name), type(found(config, name))) == (length, type(length)), name
