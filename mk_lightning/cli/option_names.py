"""What a library class says of its arguments, in the words of the command line."""

from __future__ import annotations

import logging
import re

PATHS = {
    "DuelingDoubleDQN": "model",
    "ExperienceDataModule": "data",
    "EnvConfig": "data.env",
    "ReplaySettings": "data.replay",
    "Priorities": "data.replay.priorities",
    "RecordingSettings": "data.recording",
    "EvaluationSettings": "data.evaluation",
    "ResumableCheckpoint": "checkpoint",
    "FilmSettings": "film",
}
"""Where a class's arguments stand in a config."""
ARGUMENT = re.compile(rf"(?<![\w/.])({'|'.join(PATHS)})\.(?!configure_|ya?ml\b|py\b|ckpt\b)([a-z]\w*)")
SEED = "data.seed"
"""Which follows from `seed_everything`."""


def as_options(text: str) -> str:
    """Return a message with the names of options in place of those of arguments.

    Example:
        >>> as_options("ReplaySettings.capacity must be at least 1, got 0")
        'data.replay.capacity must be at least 1, got 0'
    """
    named = ARGUMENT.sub(lambda match: f"{PATHS[match[1]]}.{match[2]}", text)
    return named.replace(f"{SEED} must", "seed_everything must")


class OptionNames(logging.Formatter):
    """Formats log messages so."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return as_options(super().format(record))
