from __future__ import annotations

import pytest

from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings_checks import collected_at_once, pace
from mk_lightning.envs.config import EnvConfig


@pytest.mark.parametrize(("fraction", "env_steps"), [(0.25, 26), (1.0, 100), (0.01, 6)])
def test_a_warm_up_that_is_a_fraction_of_the_run(fraction, env_steps):
    """The last is what a first transition of three env_steps needs, less the learner_step's two."""
    data = ExperienceDataModule(
        original_states=["VeryEasy.Bramble-01"],
        max_env_steps=100,
        warmup_env_steps=fraction,
        env_steps_per_learner_step=2,
        env=EnvConfig(num_envs=2),
    )
    assert data.length.warmup_env_steps == env_steps
    assert data.length.progress(0).warmup_env_steps == env_steps


@pytest.mark.parametrize(("num_envs", "most"), [(2, 8), (8, 8), (3, 9), (16, 16)])
def test_any_number_of_environments_keeps_pace_with_the_learner(num_envs, most):
    data = ExperienceDataModule(
        original_states=["VeryEasy.Bramble-01"], env_steps_per_learner_step=8, env=EnvConfig(num_envs=num_envs)
    )
    assert collected_at_once(data) == most
    assert (pace(data) is None) == (8 % num_envs == 0)
    assert data.length.env_steps == 192_000


def test_how_they_keep_pace_is_told():
    data = ExperienceDataModule(
        original_states=["VeryEasy.Bramble-01"], env_steps_per_learner_step=8, env=EnvConfig(num_envs=3)
    )
    assert pace(data) == (
        "3 environments are stepped together, and a learner_step is due every 8 env_steps: some learner_steps have 9 "
        "new env_steps and some 6, 8 on average"
    )
