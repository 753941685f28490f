"""An agent as the zip file of a DQN of Stable-Baselines3."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete

from mk_lightning.interop.agent import Agent
from mk_lightning.networks.base import FRAME_SIZE, STACK
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.networks.sb3_mapping import ONLINE, TARGET, Weights, to_sb3
from mk_lightning.networks.sb3_zip import POLICY, read_parts, read_sb3
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.optional import import_optional
from mk_lightning.utils.tensor_files import parse_tensors

OPTIMIZER = "policy.optimizer.pth"


def sb3_bytes(agent: Agent, template: Path | None = None) -> bytes:
    """Return a zip that `DQN.load` of Stable-Baselines3 takes; its Q-values are in game units, where those are known.

    Args:
        agent: with a `NatureDueling`; there is no other network there that is one of ours.
        template: zip of an agent with the same network there, plain or dueling; what it says beside the weights stays.
            Without it, SB3 itself writes a plain one: a dueling network is a DQN's, once its heads are added up.

    Raises:
        UserError: it has another network, or Q-values beyond floating point; or the template is none; or SB3 is not
            installed and no template is given.
    """
    network = agent.network
    if type(network) is not NatureDueling:
        raise UserError(
            f"export to sb3 takes a NatureDueling, which is its NatureCNN, got a {type(network).__name__}; onnx and "
            "torchscript take any network"
        )
    if template is None:
        return _written_by_sb3(agent)
    there = read_sb3(template)
    if (there.num_actions, there.hidden) != (network.num_actions, network.arguments["hidden"]):
        raise UserError(
            f"template {template} has {there.num_actions} actions and {there.hidden} hidden units, {agent.source} "
            f"{network.num_actions} and {network.arguments['hidden']}"
        )
    parts = read_parts(template, every=True)
    parts[POLICY] = _saved(_policy(agent, dueling=there.dueling))
    if OPTIMIZER in parts:  # its moments are of the template's weights
        optimizer = parse_tensors(parts[OPTIMIZER], template, "agent of Stable-Baselines3")
        if not isinstance(optimizer, dict):
            raise UserError(f"template {template} cannot be used: its {OPTIMIZER} is not the state of an optimizer")
        parts[OPTIMIZER] = _saved({**optimizer, "state": {}})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def _policy(agent: Agent, *, dueling: bool) -> Weights:
    """The state_dict of a policy there: the Q-network, and the target network as its copy."""
    scale = 1.0 if agent.reward_scale is None else agent.reward_scale
    weights = to_sb3(agent.network.state_dict(), scale, dueling=dueling)
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise UserError(f"export: {agent.source} times a reward_scale of {scale:g} is beyond floating point")
    return {f"{prefix}{name}": tensor for prefix in (ONLINE, TARGET) for name, tensor in weights.items()}


def _written_by_sb3(agent: Agent) -> bytes:
    library = import_optional("stable_baselines3", "export to sb3 without a template", "stable-baselines3")
    hidden = agent.network.arguments["hidden"]
    made = library.DQN(
        "CnnPolicy",
        _Spaces(agent.network.num_actions),
        buffer_size=1,
        device="cpu",
        policy_kwargs={"features_extractor_kwargs": {"features_dim": hidden}},
    )
    made.policy.load_state_dict(_policy(agent, dueling=False))
    made.num_timesteps = agent.env_steps
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def _saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


class _Spaces(gymnasium.Env[Any, Any]):
    """An environment of which SB3 only asks what is observed and done."""

    def __init__(self, num_actions: int) -> None:
        self.observation_space = Box(0, 255, (STACK, FRAME_SIZE, FRAME_SIZE), np.uint8)
        self.action_space = Discrete(num_actions)
