"""A recipe: the shipped config of a game's fine-tuning, with overlays, made into objects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, Namespace
from pytorch_lightning import Callback, seed_everything

import mk_lightning
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.games.catalog import load_game
from mk_lightning.games.names import suggestion
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError, known_cause
from mk_lightning.utils.files import SHIPPED, find_file, shipped_configs
from mk_lightning.workflows.checks import check_config
from mk_lightning.workflows.parser import Parser, add_run_options, link_options
from mk_lightning.workflows.run_parts import TRAINER_DEFAULTS
from mk_lightning.workflows.trainer_options import RunTrainer, check_run_parts, check_trainer, set_threads

BASE = "finetune"
"""Name of the config that the others are laid over."""
FALLBACK = "dojo"
"""Folder of the configs for a game that has none of its own: the same for a game of the user's."""


@dataclass(frozen=True)
class Recipe:
    """What a fit is made of.

    Attributes:
        data: the DataModule.
        model: the module.
        callbacks: of the config, without those that every run has.
        trainer: options of the Trainer.
        monitor: metric by which the best checkpoint is chosen.
        checkpoint: options of `ResumableCheckpoint`.
        text: the whole config, as YAML that `mk-lightning fit -c` takes.
    """

    data: ExperienceDataModule
    model: DuelingDoubleDQN
    callbacks: list[Callback]
    trainer: Namespace
    monitor: str
    checkpoint: dict[str, Any]
    text: str


def config_files(game: str, recipes: Sequence[str | Path], *, states_given: bool) -> list[Path]:
    """Return the configs of a recipe, each to be laid over those before it.

    Args:
        game: as `load_game` takes it.
        recipes: names of shipped overlays of the game, such as `recommended`, or files.
        states_given: whether original and challenging states are given; a game without configs of its own needs them.

    Raises:
        UserError: there is no such recipe; the nearest is named.
    """
    ids = {folder: load_game(folder).id for folder in _folders()}
    wanted = load_game(game).id
    own = next((name for name, game_id in ids.items() if game_id == wanted), None)
    if own is None and not states_given:
        raise UserError(f"{wanted} has no recipes of its own: name its states, original=... and challenging=...")
    folder = own or FALLBACK
    names = [Path(name).stem for name in shipped_configs() if Path(name).parent.name == folder]
    files = [SHIPPED / "configs" / folder / f"{BASE}.yaml"]
    for recipe in recipes:
        if str(recipe) in names:
            files.append(SHIPPED / "configs" / folder / f"{recipe}.yaml")
        elif (file := find_file(recipe)).is_file():
            check_config(file)
            files.append(file)
        elif Path(recipe).name != str(recipe) or Path(recipe).suffix:
            raise UserError(f"no recipe file {recipe}")
        else:
            raise UserError(f"no recipe {str(recipe)!r} for {wanted}{suggestion(str(recipe), names)}")
    return files


def read_recipe(files: Sequence[Path], changes: Mapping[str, Any], *, begins: bool = True) -> Recipe:
    """Return the objects that configs describe, as the command line does, and set torch's threads.

    Args:
        files: configs, each laid over those before it.
        changes: values by the name of their option, such as `data.max_env_steps`, laid over all.
        begins: whether a run begins with it; one that is resumed does not read `model.init_from`.

    Raises:
        UserError: something in a config or a change cannot be used.
    """
    for name in mk_lightning.__all__:
        getattr(mk_lightning, name)  # imports it: the parser knows subclasses that have been
    parser = _parser()
    words = [word for file in files for word in ("--config", str(file))]
    words += [f"--{name}={json.dumps(value) if isinstance(value, list) else value}" for name, value in changes.items()]
    try:
        config = parser.parse_args(words)
        if config.ckpt_path:
            raise UserError(f"ckpt_path {config.ckpt_path} has no place in a recipe: resume=True continues a run")
        text = parser.dump(config, skip_none=False)
        set_threads(config.torch_threads)
        check_trainer(config.trainer)
        if not begins:
            config.model.init_from = None
        seed_everything(config.seed_everything, verbose=False)
        made = parser.instantiate_classes(config)
    except (ValueError, ArgumentError) as error:
        if known := known_cause(error):
            raise known from None
        raise
    callbacks = made.trainer.callbacks or []
    check_run_parts(callbacks, made.trainer)
    return Recipe(
        data=made.data,
        model=made.model,
        callbacks=callbacks,
        trainer=made.trainer,
        monitor=made.monitor,
        checkpoint=made.checkpoint.as_dict(),
        text=yaml.safe_dump(yaml.safe_load(text), sort_keys=False),
    )


def _folders() -> list[str]:
    """Folders of shipped configs that fine-tune a game."""
    return [Path(name).parent.name for name in shipped_configs() if Path(name).stem == BASE]


@cache
def _parser() -> Parser:
    """The parser of recipes: to build one takes as long as to parse."""
    return new_parser()


def new_parser() -> Parser:
    """Return a parser of the options of the command line's `fit`."""
    parser = Parser()
    parser.add_argument("--config", action="config")
    parser.add_argument("--seed_everything", type=bool | int, default=1)
    parser.add_argument("--ckpt_path", type=str | None, default=None)  # in the config.yaml of every run
    parser.add_lightning_class_args(RunTrainer, "trainer")
    parser.set_defaults({f"trainer.{name}": value for name, value in TRAINER_DEFAULTS.items()})
    parser.add_lightning_class_args(DuelingDoubleDQN, "model")
    parser.add_lightning_class_args(ExperienceDataModule, "data")
    add_run_options(parser)
    link_options(parser)
    return parser
