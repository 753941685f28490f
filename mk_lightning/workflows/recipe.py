"""A recipe: the shipped config of a game's fine-tuning, with overlays, made into objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace
from pytorch_lightning import Callback, seed_everything

import mk_lightning
from mk_lightning.callbacks.checkpoints.resumable import ResumableCheckpoint
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.games.catalog import load_game
from mk_lightning.games.names import suggestion
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.documents import read_yaml
from mk_lightning.utils.errors import UserError, one_line
from mk_lightning.utils.files import SHIPPED, find_file, shipped_configs

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
        trainer: other options of the Trainer.
        monitor: metric by which the best checkpoint is chosen.
        checkpoint: options of `ResumableCheckpoint`.
        torch_threads: of this process.
        text: the whole config, as YAML that `mk-lightning fit -c` takes.
    """

    data: ExperienceDataModule
    model: DuelingDoubleDQN
    callbacks: list[Callback]
    trainer: dict[str, Any]
    monitor: str
    checkpoint: dict[str, Any]
    torch_threads: int
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
            read_yaml(file, "recipe")
            files.append(file)
        else:
            raise UserError(f"no recipe {str(recipe)!r} for {wanted}{suggestion(str(recipe), names)}")
    return files


def read_recipe(files: Sequence[Path], changes: Mapping[str, Any], *, begins: bool = True) -> Recipe:
    """Return the objects that configs describe.

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
    try:
        words = [word for file in files for word in ("--config", str(file))]
        config = parser.parse_args(words)
        for name, value in changes.items():
            config[name] = value
        config = parser.parse_object(config.clone())
        text = parser.dump(config, skip_none=False)
        if not begins:
            config.model.init_from = None
        seed_everything(config.seed_everything, verbose=False)
        objects = parser.instantiate_classes(config)
    except ArgumentError as error:
        raise UserError(one_line(error)) from None
    return _recipe(objects, text)


def _folders() -> list[str]:
    """Folders of shipped configs that fine-tune a game."""
    return [Path(name).parent.name for name in shipped_configs() if Path(name).stem == BASE]


def _parser() -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_argument("--seed_everything", type=int, default=1)
    parser.add_argument("--run_dir", type=str, default="runs/finetune")
    parser.add_argument("--monitor", type=str, default="val/win_rate/all")
    parser.add_argument("--torch_threads", type=int, default=1)
    parser.add_class_arguments(ResumableCheckpoint, "checkpoint", skip={"folder", "interruption"}, instantiate=False)
    parser.add_class_arguments(DuelingDoubleDQN, "model", skip={"num_actions"}, instantiate=False)
    parser.add_class_arguments(ExperienceDataModule, "data", skip={"seed"}, instantiate=False)
    parser.add_argument("--trainer.callbacks", type=list[Callback], default=[])
    parser.add_argument("--trainer.accelerator", type=str, default="auto")
    parser.add_argument("--trainer.gradient_clip_val", type=float | None, default=None)
    parser.add_argument("--trainer.log_every_n_steps", type=int, default=50)
    return parser


def _recipe(objects: Namespace, text: str) -> Recipe:
    trainer = objects.trainer.as_dict()
    data = ExperienceDataModule(**objects.data, seed=objects.seed_everything)
    return Recipe(
        data=data,
        model=DuelingDoubleDQN(**objects.model, num_actions=data.num_actions),
        callbacks=trainer.pop("callbacks"),
        trainer=trainer,
        monitor=objects.monitor,
        checkpoint=objects.checkpoint.as_dict(),
        torch_threads=objects.torch_threads,
        text=yaml.safe_dump(yaml.safe_load(text), sort_keys=False),
    )
