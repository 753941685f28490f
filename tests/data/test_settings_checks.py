from __future__ import annotations

import pytest

from mk_lightning.data.datamodule import ExperienceDataModule
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
