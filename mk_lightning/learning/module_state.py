"""The weights in a checkpoint of the module: which of them, and by which names."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import nn

from mk_lightning.learning.averaging import NOT_AVERAGED, put_average
from mk_lightning.learning.optimizer import OPTIMIZER, about_optimizer
from mk_lightning.networks.checkpoint import (
    about_network,
    check_numbers,
    load_matching,
    log_about,
    noted_network,
    noted_num_actions,
)
from mk_lightning.networks.compiled import names_in, plain_names
from mk_lightning.networks.weights import PREFIX
from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.network_copies import uncompiled

log = logging.getLogger(__name__)

TARGET_PREFIX = "target."

Weights = Mapping[str, torch.Tensor]


def begin_with(network: nn.Module, checkpoint: Mapping[str, Any], path: str, *, strict: bool) -> None:
    """Give a Q-network the weights of a checkpoint, and say what became of each parameter.

    Args:
        network: is changed in place.
        checkpoint: what `read_checkpoint` returns.
        path: of the checkpoint, for messages.
        strict: refuse one of which not every parameter matches.

    Raises:
        UserError: it does not match.
    """
    report = load_matching(network, checkpoint["state_dict"])
    if strict and not report.complete:
        noted, mine = checkpoint.get("network"), about_network(uncompiled(network))
        other = f"; it holds {shortened(noted)}, here is {mine}" if noted is not None and noted != mine else ""
        raise UserError(
            f"{path} does not fit the network ({report}){other}; DuelingDoubleDQN.init_strict=false takes what fits"
        )
    log_about(checkpoint)
    log.info(f"initialised from {path}: {report}")


def noted_numbers(checkpoint: Mapping[str, Any]) -> tuple[int, float | None]:
    """Return the env_steps of a checkpoint, and game units per learning unit of its play where that is known.

    Raises:
        UserError: they are not numbers that they could be.
    """
    check_numbers(checkpoint)
    scale = checkpoint.get("reward_scale")
    return checkpoint.get("env_steps", 0), None if scale is None else float(scale)


def plain_number(value: Any) -> Any:
    """Return a number as Python's own: NumPy's cannot be loaded from a checkpoint without running code."""
    return value.item() if hasattr(value, "item") else value


def arguments_of(cls: type[LightningModule], checkpoint: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a module that is made from a checkpoint.

    Args:
        cls: of the module.
        checkpoint: what `read_checkpoint` returns.
        given: by the user; they come first.

    Raises:
        UserError: it notes no network, or one that is not the package's own and none is given.
    """
    arguments = {"num_actions": noted_num_actions(checkpoint), **given}
    if "network" not in given and "network" in inspect.signature(cls.__init__).parameters:
        arguments["network"] = noted_network(checkpoint)
    if len(target := {"target_every", "target_tau"} & given.keys()) == 1:
        arguments |= dict.fromkeys({"target_every", "target_tau"} - target)  # or the noted one would be there, too
    return arguments


def device_of(map_location: Any, hparams_file: Any, path: Path) -> torch.device | None:
    """Return where a module is to be that is made from a file which is not Lightning's; None is where modules are made.

    Args:
        map_location: as `load_from_checkpoint` is given it.
        hparams_file: as it is given it.
        path: of the file, for the message.

    Raises:
        UserError: one of them is for Lightning's own files.
    """
    if hparams_file is not None:
        raise UserError(f"hparams_file is for Lightning's checkpoints, {path} is none; give arguments by their names")
    try:
        return None if map_location is None else torch.device(map_location)
    except (TypeError, RuntimeError):  # a function or a mapping, or a word that is none
        raise UserError(
            f"map_location must be a device, such as 'cpu', for {path}, got {shortened(map_location)}"
        ) from None


def check_whole(checkpoint: Mapping[str, Any]) -> None:
    """Check that a fit can go on from a checkpoint.

    Raises:
        UserError: it holds weights alone.
    """
    if "optimizer_states" not in checkpoint:
        raise UserError(
            "the checkpoint holds weights alone, a fit cannot be resumed from it; resume from last.ckpt, or start a "
            "fit with DuelingDoubleDQN(init_from=...)"
        )


def save_weights(module: LightningModule, checkpoint: dict[str, Any]) -> None:
    """Give a checkpoint's weights the names they have without `torch.compile`.

    One of weights alone gets the Q-network, as it is validated: the average where weights are averaged. A whole one
    notes which optimizer its state is of.
    """
    whole = "optimizer_states" in checkpoint
    if not whole:
        put_average(module.trainer, module, checkpoint)
    elif module.trainer.optimizers:
        checkpoint[OPTIMIZER] = about_optimizer(module.trainer.optimizers[0])
    for key in {"state_dict", NOT_AVERAGED} & checkpoint.keys():
        weights = plain_names(checkpoint[key])
        checkpoint[key] = {k: v for k, v in weights.items() if whole or not k.startswith(TARGET_PREFIX)}


def load_weights(module: LightningModule, checkpoint: dict[str, Any]) -> None:
    """Give a checkpoint's weights the names they have in the module; a missing target network is the Q-network."""
    weights: Weights = plain_names(checkpoint["state_dict"])
    target = {TARGET_PREFIX + k.removeprefix(PREFIX): v for k, v in weights.items() if k.startswith(PREFIX)}
    checkpoint["state_dict"] = names_in(module, target | dict(weights))
    if NOT_AVERAGED in checkpoint:
        checkpoint[NOT_AVERAGED] = names_in(module, checkpoint[NOT_AVERAGED])
