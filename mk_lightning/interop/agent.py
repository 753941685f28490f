"""What is exported: a Q-network, and what there is to know of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import mk_lightning
from mk_lightning.networks.base import FRAME_SIZE, STACK, QNetwork
from mk_lightning.networks.checkpoint import about_network, network_in, read_checkpoint
from mk_lightning.utils.documents import read_yaml
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import as_named, find_file
from mk_lightning.utils.network_copies import bare_copy, uncompiled
from mk_lightning.utils.run_files import CHECKPOINTS

OBSERVATIONS, Q_VALUES = "observations", "q_values"
"""Names of what an exported network takes and returns."""


@dataclass(frozen=True)
class Agent:
    """A Q-network to be exported.

    Attributes:
        network: on the CPU, a copy.
        source: where it came from, for people.
        file: that it came from; None where it was in memory.
        env_steps: that it was trained for.
        reward_scale: game units in one of its Q-values' units; None where that is not known.
        base: the checkpoint that its run began with, for people; empty where that is not known.
    """

    network: QNetwork
    source: str
    file: Path | None
    env_steps: int
    reward_scale: float | None
    base: str = ""

    @property
    def config(self) -> dict[str, Any]:
        """What stands beside the weights in every format that has room for it; plain values."""
        kind = {"class": f"mk_lightning.{type(self.network).__name__}"}
        return {
            "library": f"mk_lightning {mk_lightning.__version__}",
            "network": kind | about_network(self.network),
            OBSERVATIONS: f"uint8 (batch, {STACK}, {FRAME_SIZE}, {FRAME_SIZE}): grey frames, the newest last",
            Q_VALUES: "float32 (batch, actions), learning units; the action is the greatest's row",
            "reward_scale": self.reward_scale,
            "env_steps": self.env_steps,
        }

    @property
    def example(self) -> torch.Tensor:
        """Observations to trace the network with, (2, 4, 84, 84) uint8."""
        return torch.zeros(2, STACK, FRAME_SIZE, FRAME_SIZE, dtype=torch.uint8)


def agent_of(policy: str | Path | torch.nn.Module) -> Agent:
    """Return what is to be exported.

    Args:
        policy: a checkpoint, a `DuelingDoubleDQN` or a Q-network.

    Raises:
        UserError: there is no such checkpoint, or it is no Q-network.
    """
    if isinstance(policy, (str, Path)):
        noted = read_checkpoint(policy)
        network = network_in(noted, policy).eval()
        file, scale = find_file(policy), noted.get("reward_scale")
        return Agent(network, as_named(policy), file, noted.get("env_steps", 0), scale, _base(file))
    online = uncompiled(getattr(policy, "online", policy))
    if not isinstance(online, QNetwork):
        raise UserError(f"export takes a checkpoint, a DuelingDoubleDQN or a QNetwork, got a {type(policy).__name__}")
    copied = bare_copy(online).cpu().eval()
    assert isinstance(copied, QNetwork)
    scale = getattr(policy, "reward_scale", None)
    return Agent(copied, type(policy).__name__, None, getattr(policy, "env_steps", 0), scale)


def _base(file: Path) -> str:
    """Of a checkpoint in a run's directory, the one that the run began with and its env_steps, for people."""
    config = file.resolve().parent.with_name("config.yaml")
    with contextlib.suppress(UserError, TypeError, LookupError):
        if file.resolve().parent.name == CHECKPOINTS and config.is_file():
            base = read_yaml(config, "config")["model"]["init_from"]
            return f"{as_named(base)} ({read_checkpoint(base).get('env_steps', 0):,} env_steps)"
    return ""
