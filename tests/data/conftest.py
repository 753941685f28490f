"""The environments of the collector's tests serve the loaders', too."""

from tests.experience.conftest import short_envs as short_envs
