"""The parser of Lightning's commands, and what it works out of one option for another."""

from __future__ import annotations

import json
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning_utilities.core.enums import StrEnum
from pytorch_lightning.cli import LightningArgumentParser

from mk_lightning.callbacks.checkpoints.resumable import ResumableCheckpoint
from mk_lightning.data.run_length import RunLength
from mk_lightning.data.settings import MAX_ENV_STEPS
from mk_lightning.experience.match_seeds import MAX_SEED
from mk_lightning.games.game import Game
from mk_lightning.playback.recorder import FilmSettings
from mk_lightning.utils.errors import UserError, check_between
from mk_lightning.utils.lengths import Length, check_length
from mk_lightning.workflows.messages import readable

# Some of Lightning's callbacks have a default that is a name and a number at once, for which YAML has no word.
yaml.SafeDumper.add_multi_representer(StrEnum, lambda dumper, name: dumper.represent_str(name.value))


class Parser(LightningArgumentParser):
    """A parser whose errors are one line, and which takes no part of an option's name for the option."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.allow_abbrev = False

    def error(self, message: str, ex: Exception | None = None) -> None:  # type: ignore[override]
        """Raise instead of printing the usage and leaving.

        Raises:
            UserError: always.
        """
        options = [option.removeprefix("--") for option in self._option_string_actions]
        raise UserError(readable(message, options)) from ex


def add_run_options(parser: LightningArgumentParser) -> None:
    """Add the options of a run beside those of model, data and trainer."""
    parser.add_argument(
        "--run_dir",
        type=str,
        default="runs/dojo",
        help="directory of the run; a number is added when it exists, unless the run is resumed",
    )
    parser.add_argument(
        "--monitor",
        type=str,
        default="val/win_rate/all",
        help="metric by which the best checkpoint is chosen (highest)",
    )
    parser.add_argument(
        "--torch_threads",
        type=int,
        default=1,
        help="threads of torch, at most 256; part of what makes two runs equal",
    )
    parser.add_class_arguments(FilmSettings, "film", help="what predict films")
    parser.add_class_arguments(
        ResumableCheckpoint,
        "checkpoint",
        skip={"folder", "interruption"},
        instantiate=False,
        help="how often a fit is saved",
    )


def link_options(parser: LightningArgumentParser) -> None:
    """Take options from others, which spares the user from saying a thing twice.

    The DataModule is made before the module, for it knows the game: so its numbers are checked before a checkpoint is
    read.
    """
    parser.link_arguments("data.game", "model.num_actions", compute_fn=_num_actions, apply_on="instantiate")
    parser.link_arguments("data.reward_scale", "model.init_reward_scale")
    parser.link_arguments("seed_everything", "data.seed", compute_fn=_checked_seed)
    parser.link_arguments(
        ("data.max_env_steps", "data.evaluation.every", "data.env_steps_per_learner_step"),
        "trainer.max_epochs",
        compute_fn=_epochs,
    )


def as_plain(parser: LightningArgumentParser, config: Namespace, *, skip_link_targets: bool = True) -> dict[str, Any]:
    """Return a parsed config as mappings, lists, strings, numbers, booleans and None.

    Args:
        parser: that parsed it.
        config: what it is.
        skip_link_targets: leave out what follows from other options.
    """
    text = parser.dump(config, "json", skip_unset=False, skip_validation=True, skip_link_targets=skip_link_targets)
    plain: dict[str, Any] = json.loads(text)
    return plain


def _num_actions(game: Game) -> int:
    return len(game.actions)


def _checked_seed(seed: bool | int) -> int:
    """A seed that every library takes.

    Raises:
        UserError: it is none.
    """
    if isinstance(seed, bool):
        raise UserError(f"seed_everything must be a whole number from 0 on, got {seed}")
    check_between("seed_everything", seed, 0, MAX_SEED)
    return seed


def run_length(max_env_steps: int, every: Length, env_steps_per_learner_step: int) -> RunLength:
    """The length of a run whose config is still to be checked.

    Args:
        max_env_steps: `data.max_env_steps`.
        every: `data.evaluation.every`.
        env_steps_per_learner_step: of `data`.

    Raises:
        UserError: `every` is not a length; the DataModule checks the other numbers, which comes later.
    """
    check_length("data.evaluation.every", every)
    env_steps, per_step = (min(max(1, count), MAX_ENV_STEPS) for count in (max_env_steps, env_steps_per_learner_step))
    return RunLength.nearest(env_steps, every, per_step)


def _epochs(*lengths: Any) -> int:
    """Epochs of a run, by the arguments of `run_length`."""
    return run_length(*lengths).epochs
