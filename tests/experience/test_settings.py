from __future__ import annotations

import pytest

from mk_lightning.errors import UserError
from mk_lightning.experience.settings import EnvSettings, EvaluationSettings, RecordingSettings, ReplaySettings


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EnvSettings(num_envs=0), "data.env.num_envs must be at least 1, got 0"),
        (lambda: EnvSettings(frame_skip=0), "data.env.frame_skip must be at least 1, got 0"),
        (lambda: EnvSettings(release_frames=-1), "data.env.release_frames must be at least 0, got -1"),
        (lambda: EnvSettings(max_noops=-1), "data.env.max_noops must be at least 0, got -1"),
        (lambda: EnvSettings(max_env_steps=0), "data.env.max_env_steps must be at least 1, got 0"),
        (lambda: ReplaySettings(capacity=-5), "data.replay.capacity must be at least 1, got -5"),
        (lambda: ReplaySettings(n_step=0), "data.replay.n_step must be at least 1, got 0"),
        (lambda: ReplaySettings(batch_size=0), "data.replay.batch_size must be at least 1, got 0"),
        (lambda: ReplaySettings(gamma=1.5), "data.replay.gamma must be between 0 and 1, got 1.5"),
        (lambda: EvaluationSettings(every=0), "data.evaluation.every must be at least 1, got 0"),
        (lambda: EvaluationSettings(matches=0), "data.evaluation.matches must be at least 1, got 0"),
        (lambda: EvaluationSettings(test_matches=-1), "data.evaluation.test_matches must be at least 1, got -1"),
        (lambda: EvaluationSettings(epsilon=-0.1), "an epsilon must be between 0 and 1, got -0.1"),
        (lambda: EvaluationSettings(test_epsilons=[0.0, 2.0]), "an epsilon must be between 0 and 1, got 2.0"),
        (lambda: EvaluationSettings(test_epsilons=[]), "test_epsilons must name at least one"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_the_defaults_are_valid():
    for settings in (EnvSettings, ReplaySettings, RecordingSettings, EvaluationSettings):
        assert settings() == settings()
