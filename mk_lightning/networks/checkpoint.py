"""Read a network's weights out of a checkpoint and say what matched."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mk_lightning.networks.base import QNetwork, QNetworkCallable
from mk_lightning.networks.impala import ImpalaDueling
from mk_lightning.networks.nature import NatureDueling, SmallDueling
from mk_lightning.networks.safetensors_file import SUFFIX, read_safetensors
from mk_lightning.networks.sb3_mapping import from_sb3
from mk_lightning.networks.sb3_zip import is_sb3_zip, read_sb3
from mk_lightning.networks.weights import PREFIX, problem_with
from mk_lightning.utils.errors import UserError, check_between, check_positive, shortened
from mk_lightning.utils.files import find_file, made_by
from mk_lightning.utils.tensor_files import read_tensors

log = logging.getLogger(__name__)

KINDS = (".ckpt", ".zip", SUFFIX)
"""Endings of the files that can be read: checkpoints, agents of Stable-Baselines3, weights by themselves."""
OWN = "mk_lightning"
NETWORKS: dict[str, type[QNetwork]] = {
    f"{OWN}.{kind.__name__}": kind for kind in (NatureDueling, SmallDueling, ImpalaDueling)
}
"""The package's own networks, by the name that a checkpoint notes."""


ABOUT = "about"
"""Key of a checkpoint that comes from elsewhere: a line for the user on what it needs."""

MAX_COUNT = 10**15
"""Of env_steps and of learner_steps: thousands of years."""
MAX_ACTIONS = 2**16
"""In a game's table."""


class MissingCheckpointError(UserError):
    """There is no such checkpoint."""


def find_checkpoint(path: str | Path) -> Path:
    """Return the file of a checkpoint, the user's or one that ships.

    Raises:
        MissingCheckpointError: no such file; names the checkpoints beside it, and the shipped config that makes it.
        UserError: it is a directory.
    """
    path = find_file(path)
    if path.is_dir():
        raise UserError(f"{path} is a directory, not a checkpoint")
    if not path.is_file():
        near = sorted(p.name for p in path.parent.iterdir() if p.suffix in KINDS) if path.parent.is_dir() else []
        hint = f"; there: {', '.join(near)}" if near else ""
        raise MissingCheckpointError(f"no checkpoint {path}{hint}{made_by(path)}")
    return path


def read_checkpoint(path: str | Path, reward_scale: float = 1.0) -> dict[str, Any]:
    """Load a checkpoint, tensors and plain Python only: Lightning's, or what a file from elsewhere comes to.

    Args:
        path: of the file.
        reward_scale: game units per learning unit that the Q-values of such an agent, whose unit is its rewards', are
            brought to; a Lightning checkpoint says its own, which stays.

    Raises:
        MissingCheckpointError: no such file.
        UserError: not a checkpoint, or one of a run whose weights are no longer numbers; or the scale is none.
    """
    path = find_checkpoint(path)
    check_positive("reward_scale", reward_scale)
    if is_sb3_zip(path):
        converted = _converted(path, reward_scale)
        check_numbers(converted, str(path))
        return converted
    checkpoint = read_safetensors(path) if path.suffix == SUFFIX else read_tensors(path, "checkpoint")
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), dict):
        raise UserError(f"{path} is not a Lightning checkpoint: it has no state_dict")
    for name, weights in checkpoint["state_dict"].items():
        if problem := problem_with(name, weights):
            raise UserError(f"{path} cannot be used: {shortened(name)} {problem}")
    check_numbers(checkpoint, str(path))
    return checkpoint


def check_numbers(checkpoint: Mapping[str, Any], name: str = "the checkpoint") -> None:
    """Check the counters and the unit that a checkpoint notes.

    Args:
        checkpoint: what it holds.
        name: of it, for the message.

    Raises:
        UserError: one is not a number that it could be.
    """
    counters = {"env_steps": checkpoint.get("env_steps", 0)}
    if "optimizer_states" in checkpoint:
        counters["global_step"] = checkpoint.get("global_step")
    for what, count in counters.items():
        if type(count) is not int or not 0 <= count <= MAX_COUNT:
            raise UserError(
                f"{name} cannot be used: its {what} is {shortened(count)}, not a whole number from 0 to {MAX_COUNT:,}"
            )
    scale = checkpoint.get("reward_scale")
    if scale is not None and (type(scale) not in (int, float) or not 0 < scale <= sys.float_info.max):
        raise UserError(f"{name} cannot be used: its reward_scale is {shortened(scale)}, not a finite number above 0")


def is_of_lightning(path: Path) -> bool:
    """Whether a checkpoint is Lightning's, and not from elsewhere."""
    return path.suffix != SUFFIX and not is_sb3_zip(path)


def _converted(path: Path, reward_scale: float) -> dict[str, Any]:
    """The checkpoint of weights that an agent of Stable-Baselines3 comes to."""
    agent = read_sb3(path)
    weights = from_sb3(agent.weights, reward_scale)
    return {
        "state_dict": {f"{PREFIX}{name}": tensor for name, tensor in weights.items()},
        "network": {"num_actions": agent.num_actions, "hidden": agent.hidden},
        "env_steps": agent.env_steps,
        "global_step": 0,
        "epoch": 0,
        "reward_scale": reward_scale,
        ABOUT: agent.about(path),
    }


def log_about(checkpoint: Mapping[str, Any]) -> None:
    """Tell what a checkpoint that comes from elsewhere needs."""
    if ABOUT in checkpoint:
        log.info(checkpoint[ABOUT])


def about_network(network: nn.Module) -> dict[str, Any]:
    """Return what a checkpoint notes of its `QNetwork`: arguments, and the class where it is not `NatureDueling`."""
    assert isinstance(network, QNetwork)
    kind = type(network)
    name = f"{OWN}.{kind.__name__}" if kind in NETWORKS.values() else kind.__qualname__
    return {"num_actions": network.num_actions, **network.arguments} | (
        {} if kind is NatureDueling else {"class": name}
    )


def noted_num_actions(checkpoint: Mapping[str, Any]) -> int:
    """Return the number of actions of the network that a checkpoint holds.

    Raises:
        UserError: it notes none, or one that no game's table has.
    """
    noted = checkpoint.get("network")
    if not isinstance(noted, Mapping) or type(noted.get("num_actions")) is not int:
        raise UserError(f"the checkpoint does not say which network it holds, its `network` is {shortened(noted)}")
    check_between("num_actions of the checkpoint's network", noted["num_actions"], 1, MAX_ACTIONS)
    return int(noted["num_actions"])


def noted_network(checkpoint: Mapping[str, Any]) -> QNetworkCallable:
    """Return the network that a checkpoint notes; only the package's own, as a checkpoint runs no code.

    Raises:
        UserError: it notes none, or one that is not the package's own.
    """
    num_actions, noted = noted_num_actions(checkpoint), checkpoint["network"]
    arguments = {str(name): value for name, value in noted.items() if name not in ("num_actions", "class")}
    name = noted.get("class", f"{OWN}.{NatureDueling.__name__}")
    kind = NETWORKS.get(str(name))
    if kind is None:
        raise UserError(
            f"the checkpoint holds a network of another's making, {shortened(name)}: give its class, "
            "DuelingDoubleDQN.load_from_checkpoint(path, network=...)"
        )
    try:
        inspect.signature(kind).bind(num_actions, **arguments)
        if not all(type(value) is int for value in arguments.values()):
            raise TypeError
    except TypeError:
        raise UserError(f"the checkpoint notes a network that there is not: {shortened(noted)}") from None
    return partial(kind, **arguments)


def load_network(path: str | Path) -> QNetwork:
    """Return the Q-network of a checkpoint.

    Raises:
        MissingCheckpointError: no such file.
        UserError: it is no checkpoint of a `DuelingDoubleDQN`, or its network is not the package's own.
    """
    return network_in(read_checkpoint(path), path)


def network_in(checkpoint: Mapping[str, Any], path: str | Path) -> QNetwork:
    """Return the Q-network of a checkpoint that has been read.

    Args:
        checkpoint: what `read_checkpoint` returns.
        path: of its file, for messages.

    Raises:
        UserError: it is no checkpoint of a `DuelingDoubleDQN`, or its network is not the package's own.
    """
    log_about(checkpoint)
    network = noted_network(checkpoint)(noted_num_actions(checkpoint))
    report = load_matching(network, checkpoint["state_dict"])
    if not report.complete:
        raise UserError(f"{path} does not fit the network that it names ({report})")
    return network


@dataclass(frozen=True)
class LoadReport:
    """What became of each parameter when weights were loaded into a network."""

    matched: list[str]
    missing: list[str]
    """In the network, not in the checkpoint."""
    unexpected: list[str]
    """In the checkpoint, not in the network."""
    reshaped: list[str]
    """In both with different shapes; each with both shapes."""

    @property
    def complete(self) -> bool:
        """Every parameter matched and nothing was left over."""
        return not (self.missing or self.unexpected or self.reshaped)

    def __str__(self) -> str:
        """One line."""
        rest = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.reshaped}
        parts = (f"{what}: {_listed(names)}" for what, names in rest.items() if names)
        return "; ".join([f"{len(self.matched)} parameters matched", *parts])


def _listed(names: list[str], most: int = 4) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(shortened(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def load_matching(network: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> LoadReport:
    """Load the parameters of a module checkpoint's Q-network that match `network` by name and shape.

    Args:
        network: is changed in place.
        state_dict: of a `DuelingDoubleDQN`; keys with the prefix `online.`.
    """
    theirs = {name.removeprefix(PREFIX): t for name, t in state_dict.items() if name.startswith(PREFIX)}
    mine = network.state_dict()
    report = compare_weights(mine, theirs)
    network.load_state_dict(mine | {name: theirs[name] for name in report.matched})
    return report


def compare_weights(mine: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor]) -> LoadReport:
    """What would become of each parameter if `theirs` were loaded into the network whose weights are `mine`."""
    both = [name for name in mine if name in theirs]
    return LoadReport(
        matched=[name for name in both if theirs[name].shape == mine[name].shape],
        missing=[name for name in mine if name not in theirs],
        unexpected=[name for name in theirs if name not in mine],
        reshaped=[
            f"{name} {tuple(theirs[name].shape)} -> {tuple(mine[name].shape)}"
            for name in both
            if theirs[name].shape != mine[name].shape
        ],
    )
