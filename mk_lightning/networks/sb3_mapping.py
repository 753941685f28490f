"""The weights of a DQN of Stable-Baselines3 and those of `NatureDueling`, one out of the other.

Both read four frames of 84x84 pixels, the oldest first, as C, H, W and divided by 255, through the three convolutions
of Mnih 2015 and one hidden layer, so these weights are the same and stand under other names. The heads differ:

- DQN and Double DQN (`CnnPolicy`): one layer, `q = W h + b`. As a dueling network, `V + A - mean A` is just that where
  the advantage is (W, b) and the value the mean of its rows. The other way round, the rows `value + A - mean A` are W.
- Dueling and Dueling Double DQN (a policy of the user's): `value_net` and `advantage_net`, as ours.

Q-values there have the unit of their rewards, here that of learning: the heads differ by a factor, too.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

Weights = dict[str, torch.Tensor]

ONLINE, TARGET = "q_net.", "q_net_target."
"""Prefixes of the Q-network and its copy in a policy's state_dict."""

BODY = {
    "convolutions.0": "features_extractor.cnn.0",
    "convolutions.2": "features_extractor.cnn.2",
    "convolutions.4": "features_extractor.cnn.4",
    "features.1": "features_extractor.linear.0",
}
"""Layers of `NatureDueling` but for the heads, and what they are called there."""
PLAIN = "q_net.0"
"""The head of DQN and Double DQN there."""
DUELING = {"value": "value_net.0", "advantage": "advantage_net.0"}
"""The heads of a dueling network, and what they are called there."""
KINDS = ("weight", "bias")


def layer_names(*, dueling: bool) -> set[str]:
    """Names of a Q-network's weights there, without the prefix."""
    layers = [*BODY.values(), *(DUELING.values() if dueling else [PLAIN])]
    return {f"{layer}.{kind}" for layer in layers for kind in KINDS}


def from_sb3(theirs: Mapping[str, torch.Tensor], reward_scale: float = 1.0) -> Weights:
    """Return the weights of a `NatureDueling` with the Q-values of a network there, divided by `reward_scale`.

    Args:
        theirs: a Q-network's weights, float32, by the names of `layer_names`.
        reward_scale: units of their rewards in a learning unit.
    """
    mine = {f"{ours}.{kind}": theirs[f"{layer}.{kind}"].clone() for ours, layer in BODY.items() for kind in KINDS}
    for kind in KINDS:
        if f"{PLAIN}.{kind}" in theirs:
            head = theirs[f"{PLAIN}.{kind}"].double() / reward_scale
            mine |= {f"advantage.{kind}": head.float(), f"value.{kind}": head.mean(0, keepdim=True).float()}
        else:
            for ours, layer in DUELING.items():
                mine[f"{ours}.{kind}"] = theirs[f"{layer}.{kind}"] / reward_scale
    return mine


def to_sb3(mine: Mapping[str, torch.Tensor], reward_scale: float = 1.0, *, dueling: bool) -> Weights:
    """Return the weights of a network there with the Q-values of a `NatureDueling`, times `reward_scale`.

    Args:
        mine: its state_dict, float32.
        reward_scale: units of their rewards in a learning unit.
        dueling: with two heads, or the one of DQN and Double DQN.
    """
    theirs = {f"{layer}.{kind}": mine[f"{ours}.{kind}"].contiguous() for ours, layer in BODY.items() for kind in KINDS}
    for kind in KINDS:
        if dueling:
            theirs |= {f"{layer}.{kind}": mine[f"{ours}.{kind}"] * reward_scale for ours, layer in DUELING.items()}
        else:
            value, advantage = (mine[f"{ours}.{kind}"].double() for ours in ("value", "advantage"))
            head = value + advantage - advantage.mean(0, keepdim=True)
            theirs[f"{PLAIN}.{kind}"] = (head * reward_scale).float()
    return theirs
