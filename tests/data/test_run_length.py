from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mk_lightning.data.run_length import RunLength

ENV_STEPS = st.integers(1, 10**12)


@pytest.mark.parametrize(
    ("asked", "epochs", "learner_steps", "env_steps", "every"),
    [
        ((192_000, 48_000, 8), 4, 6_000, 192_000, 48_000),
        ((10_000, 48_000, 8), 1, 1_250, 10_000, 10_000),
        ((2_000_000, 250_000, 32), 8, 7_812, 1_999_872, 249_984),
        ((100, 60, 8), 2, 6, 96, 48),
        ((90, 40, 8), 2, 6, 96, 48),
        ((960, 8, 96), 10, 1, 960, 96),
        ((1, 1, 8), 1, 1, 8, 8),
    ],
)
def test_lengths_are_rounded_to_what_can_be_played(
    asked: tuple[int, int, int], epochs: int, learner_steps: int, env_steps: int, every: int
) -> None:
    length = RunLength.nearest(*asked, warmup_env_steps=24)
    assert (length.epochs, length.learner_steps_per_epoch) == (epochs, learner_steps)
    assert (length.env_steps, length.every, length.end) == (env_steps, every, env_steps + 24)


@given(ENV_STEPS, ENV_STEPS, st.integers(1, 10**6))
def test_a_run_is_never_half_a_learner_step_an_epoch_longer_or_shorter_than_asked(
    max_env_steps: int, every: int, per_step: int
) -> None:
    length = RunLength.nearest(max_env_steps, every, per_step)
    assert abs(length.env_steps - max_env_steps) <= max(per_step, length.epochs * per_step / 2)
    assert length.env_steps == length.epochs * length.learner_steps_per_epoch * per_step


@given(st.integers(1, 1000), st.integers(1, 1000), st.integers(1, 1000))
def test_what_divides_evenly_is_what_is_played(epochs: int, learner_steps: int, per_step: int) -> None:
    every = learner_steps * per_step
    length = RunLength.nearest(epochs * every, every, per_step)
    assert length == RunLength(epochs, learner_steps, per_step)
    assert length.rounding(epochs * every, every) is None


def test_what_became_of_the_numbers_is_said() -> None:
    assert RunLength.nearest(10_000, 48_000, 8).rounding(10_000, 48_000) == (
        "the run trains for 10,000 env_steps, in 1 epoch of 10,000 with a validation after each: "
        "ExperienceDataModule.max_env_steps 10,000 and EvaluationSettings.every 48,000 are rounded to whole epochs "
        "and learner_steps"
    )
    assert "in 8 epochs of 249,984" in str(RunLength.nearest(2_000_000, 250_000, 32).rounding(2_000_000, 250_000))
