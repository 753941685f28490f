from __future__ import annotations

import pytest

from mk_lightning.data.settings import EvaluationSettings, RecordingSettings, ReplaySettings
from mk_lightning.envs.config import EnvConfig
from mk_lightning.utils.errors import UserError


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EnvConfig(num_envs=0), "EnvConfig.num_envs must be between 1 and 1,024, got 0"),
        (lambda: EnvConfig(frame_skip=0), "EnvConfig.frame_skip must be between 1 and 60 frames, got 0"),
        (lambda: EnvConfig(release_frames=-1), "EnvConfig.release_frames must be between 0 and 3 frames, got -1"),
        (lambda: EnvConfig(max_noops=-1), "EnvConfig.max_noops must be between 0 and 3,600 frames, got -1"),
        (
            lambda: EnvConfig(max_env_steps=0),
            "EnvConfig.max_env_steps must be between 1 and 1,000,000 env_steps, got 0",
        ),
        (lambda: ReplaySettings(capacity=-5), "ReplaySettings.capacity must be at least 1, got -5"),
        (lambda: ReplaySettings(n_step=0), "ReplaySettings.n_step must be between 1 and 100 env_steps, got 0"),
        (
            lambda: ReplaySettings(batch_size=0),
            "ReplaySettings.batch_size must be between 1 and 16,384 transitions, got 0",
        ),
        (lambda: ReplaySettings(gamma=1.5), "ReplaySettings.gamma must be between 0 and 1, got 1.5"),
        (
            lambda: EvaluationSettings(every=0),
            "EvaluationSettings.every must be a whole number of env_steps, 1 or more, or .* got 0",
        ),
        (lambda: EvaluationSettings(matches=0), "EvaluationSettings.matches must be between 1 and 10,000, got 0"),
        (
            lambda: EvaluationSettings(test_matches=-1),
            "EvaluationSettings.test_matches must be between 1 and 10,000, got -1",
        ),
        (lambda: EvaluationSettings(epsilon=-0.1), "EvaluationSettings.epsilon must be between 0 and 1, got -0.1"),
        (lambda: EvaluationSettings(test_epsilons=[0.0, 2.0]), "test_epsilons must be between 0 and 1, got 2.0"),
        (lambda: EvaluationSettings(test_epsilons=[]), "test_epsilons must name at least one"),
        (lambda: EvaluationSettings(test_epsilons=[0.05, 0.05]), "test_epsilons names 0.05 twice"),
        (lambda: EnvConfig(release_frames=4), "release_frames must be between 0 and 3 frames, got 4"),
        (lambda: ReplaySettings(capacity=10**15), "capacity 1,000,000,000,000,000 would need 7.1 EB of memory"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_the_defaults_are_valid():
    for settings in (EnvConfig, ReplaySettings, RecordingSettings, EvaluationSettings):
        assert settings() == settings()
