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

OPTIONS = [
    "model.learning_rate.init_args.env_steps",
    "model.learning_rate_warmup",
    "data.epsilon.init_args.env_steps",
    "data.evaluation.every",
    "checkpoint.every_env_steps",
]
OF_CALLBACKS = [
    "trainer.callbacks.0.init_args.every",
    "trainer.callbacks.1.init_args.unfreeze_at.heads",
    "trainer.callbacks.2.init_args.phases.0.env_steps",
    "trainer.callbacks.3.init_args.weight.init_args.period",
]
"""Every option that is a length, and where `WRITTEN` has it."""
WRITTEN = """
model:
  learning_rate: {class_path: Linear, init_args: {start: 1.0, end: 0.1, env_steps: LENGTH}}
  learning_rate_warmup: LENGTH
data:
  epsilon: {class_path: Linear, init_args: {start: 1.0, end: 0.1, env_steps: LENGTH}}
  evaluation: {every: LENGTH}
checkpoint: {every_env_steps: LENGTH}
trainer:
  callbacks:
    - {class_path: WeaknessTargeting, init_args: {every: LENGTH}}
    - {class_path: FreezeLayers, init_args: {unfreeze_at: {heads: LENGTH}}}
    - class_path: Curriculum
      init_args: {phases: [{states: [original], env_steps: LENGTH}, {states: [original]}]}
    - class_path: Kickstarting
      init_args: {weight: {class_path: Cyclical, init_args: {low: 0, high: 1, period: LENGTH}}}
"""


def found(config: Any, option: str) -> Any:
    for key in option.split("."):
        config = config[int(key) if key.isdigit() else key]
    return config


@pytest.mark.parametrize(("text", "length"), {"1": 1, "1.0": 1.0, "0.67": 0.67, "128000": 128_000, "1e-1": 0.1}.items())
def test_a_config_keeps_what_is_written(
    text: str, length: Length, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what a run writes of it is read again as the same."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(WRITTEN.replace("LENGTH", text))
    for _ in range(2):
        with pytest.raises(SystemExit) as stop:
            main(["fit", "-c", "c.yaml", "--print_config"])
        printed = capsys.readouterr().out
        assert not stop.value.code
        config = yaml.safe_load(printed)
        for option in (*OPTIONS, *OF_CALLBACKS):
            value = found(config, option)
            assert (value, type(value)) == (length, type(length)), option
        (tmp_path / "c.yaml").write_text(printed)


@pytest.mark.parametrize(
    ("word", "length"), {"1": 1, "1.0": 1.0, "0.67": 0.67, "128000": 128_000, "2e-1": 0.2, "1_000": 1000}.items()
)
def test_the_command_line_keeps_what_is_written(word: str, length: Length, capsys: pytest.CaptureFixture[str]) -> None:
    linear = ["--model.learning_rate=Linear", "--data.epsilon=Linear"]
    with pytest.raises(SystemExit) as stop:
        main(["fit", *linear, *(f"--{name.replace('.init_args', '')}={word}" for name in OPTIONS), "--print_config"])
    assert not stop.value.code
    config = yaml.safe_load(capsys.readouterr().out)
    for name in OPTIONS:
        assert (found(config, name), type(found(config, name))) == (length, type(length)), name
