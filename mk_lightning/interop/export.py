"""Export an agent: to Stable-Baselines3, as a graph that runs without this package, or to the Hugging Face Hub."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from mk_lightning.games.names import suggestion
from mk_lightning.interop.agent import Agent, agent_of
from mk_lightning.interop.graphs import onnx_bytes, torchscript_bytes
from mk_lightning.interop.hub import hub_files
from mk_lightning.interop.sb3 import sb3_bytes
from mk_lightning.networks.checkpoint import find_checkpoint
from mk_lightning.networks.safetensors_file import SUFFIX, write_safetensors
from mk_lightning.utils.errors import UserError, check_positive
from mk_lightning.utils.files import check_directory, check_file, find_file, replacing

log = logging.getLogger(__name__)

SB3, HUB = "sb3", "hub"
FILES: dict[str, Callable[[Agent], bytes]] = {
    "onnx": onnx_bytes,
    "torchscript": torchscript_bytes,
    "safetensors": lambda agent: write_safetensors(agent.network.state_dict(), agent.config),
}
"""Formats that are one file and take no options."""
FORMATS = (SB3, *FILES, HUB)


def export(
    policy: str | Path | torch.nn.Module,
    out: str | Path,
    to: str,
    *,
    template: str | Path | None = None,
    reward_scale: float | None = None,
    evaluation: str | Path | None = None,
    film: str | Path | None = None,
) -> Path:
    """Write an agent in the format of another program.

    - `sb3`: the zip of a DQN of Stable-Baselines3, for its `DQN.load`; Q-values in game units, where they are known.
    - `onnx`: `observations` (batch, 4, 84, 84) uint8 to `q_values` (batch, actions) float32, learning units.
    - `torchscript`: the same, for `torch.jit.load`.
    - `safetensors`: the weights and which network they are of; a checkpoint for everything here that takes one.
    - `hub`: a folder with these weights and a model card, for `hf upload`; `from_pretrained` reads it.

    Args:
        policy: a checkpoint, or a `DuelingDoubleDQN` or Q-network in memory.
        out: file to write, of `hub` the folder; a file that is there is replaced.
        to: the format.
        template: for `sb3`, the zip of an agent with the same network there, whose other contents are kept; a dueling
            agent's is needed to write a dueling one.
        reward_scale: for `sb3`, game units in a learning unit (`data.reward_scale` of the run that trained it), where
            the checkpoint does not note them; without it, such a one is written in learning units, with a warning.
        evaluation: for `hub`, file of an evaluation of the agent, which the card is to have.
        film: for `hub`, an `.mp4` of a match.

    Returns:
        What was written.

    Raises:
        UserError: an argument cannot be used, or a package that the format needs is not installed; nothing is written.

    Example:
        >>> export("checkpoints/dojo-base.ckpt", "agent.onnx", "onnx")  # doctest: +SKIP
    """
    if to not in FORMATS:
        raise UserError(f"export to {to!r}: no such format{suggestion(to, FORMATS)}")
    options = {"template": template, "reward_scale": reward_scale, "evaluation": evaluation, "film": film}
    for name, value in options.items():
        wanted = HUB if name in ("evaluation", "film") else SB3
        if value is not None and to != wanted:
            raise UserError(f"export: {name} is for {wanted}, not for {to}")
    if reward_scale is not None:
        check_positive("export: reward_scale", reward_scale)
    out = Path(out)
    if to == "safetensors" and out.suffix != SUFFIX:
        raise UserError(f"export: the name of a safetensors file ends in {SUFFIX}, by which it is known, got {out}")
    if to == HUB:
        check_directory("export: out", out)
        if out.exists() and any(out.iterdir()):
            raise UserError(f"export: {out} is there and not empty; name a new folder")
    else:
        read = [Path(path) for path in (policy, template) if isinstance(path, (str, Path))]
        check_file("export: out", out, keep=[find_file(path) for path in read])
    agent = agent_of(policy)
    if to == HUB:
        files = hub_files(agent, *(None if path is None else Path(path) for path in (evaluation, film)))
        out.mkdir(parents=True, exist_ok=True)
        _write({out / name: content for name, content in files.items()})
    elif to == SB3:
        agent = _in_units(agent, reward_scale)
        _write({out: sb3_bytes(agent, None if template is None else find_checkpoint(template))})
        if agent.reward_scale is None:
            log.warning(
                f"{agent.source} does not say how many game units a learning unit is: the Q-values in {out} are in "
                "learning units; export with `--reward_scale`, data.reward_scale of the run that trained it"
            )
    else:
        _write({out: FILES[to](agent)})
    return out


def _in_units(agent: Agent, reward_scale: float | None) -> Agent:
    """The agent with the scale that is given, if it does not note its own."""
    noted = agent.reward_scale
    if noted is None or reward_scale in (None, noted):
        return replace(agent, reward_scale=noted if reward_scale is None else reward_scale)
    raise UserError(f"export: {agent.source} notes a reward_scale of {noted:g}, got {reward_scale:g}; leave it out")


def _write(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        with replacing(path) as file:
            file.write(content)
