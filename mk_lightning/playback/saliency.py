"""What the network thought, and what it looked at."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mk_lightning.networks.base import QNetwork

EVERY = 7
"""Pixels between two places that are blurred to see what becomes of the Q-values."""
RADIUS = 5.0
"""Of a blurred place, and of the blur: standard deviations, pixels."""


class Insight(NamedTuple):
    """Of one observation.

    Attributes:
        q_values: (actions,) float32, learning units.
        value: V of the state.
        saliency: (84, 84) float32 from 0 to 1, how much the Q-values hang on each place; None when not asked.
    """

    q_values: NDArray[np.float32]
    value: float
    saliency: NDArray[np.float32] | None


@torch.inference_mode()
def look_into(network: QNetwork, stack: NDArray[np.uint8], *, saliency: bool = False) -> Insight:
    """Q-values, value, and on request the saliency of an observation.

    V is the mean of the Q-values, for the advantages are taken off their mean.

    Args:
        network: the Q-network.
        stack: (4, 84, 84) uint8.
        saliency: whether to compute it, too; takes as long as 144 observations.
    """
    q_values = _q_values(network, stack[None].astype(np.float32))[0]
    return Insight(q_values, float(q_values.mean()), _saliency(network, stack, q_values) if saliency else None)


def _saliency(network: QNetwork, stack: NDArray[np.uint8], q_values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Half the squared change of the Q-values when a place is blurred (Greydanus 2018, arXiv:1711.00138, eq. 2)."""
    frames = stack.astype(np.float32)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), RADIUS) for frame in frames]).astype(np.float32)
    masks = _masks(stack.shape[-1])
    changed = frames * (1 - masks) + blurred * masks
    scores = 0.5 * np.square(_q_values(network, changed) - q_values).sum(1)
    side = round(len(scores) ** 0.5)
    found = cv2.resize(scores.reshape(side, side), stack.shape[-2:], interpolation=cv2.INTER_LINEAR)
    strongest: NDArray[np.float32] = found / max(float(found.max()), 1e-12)
    return strongest


@cache
def _masks(size: int) -> NDArray[np.float32]:
    """Bells of height 1 around the places of a grid, (places, 1, size, size) float32."""
    centres = np.arange(EVERY / 2, size, EVERY)
    bell = np.exp(-0.5 * ((np.arange(size) + 0.5 - centres[:, None]) / RADIUS) ** 2)
    grid = bell[:, None, :, None] * bell[None, :, None, :]
    return grid.reshape(-1, 1, size, size).astype(np.float32)


def _q_values(network: QNetwork, observations: NDArray[np.float32]) -> NDArray[np.float32]:
    pixels = torch.from_numpy(observations).to(next(network.parameters()).device)
    values: NDArray[np.float32] = network(pixels).cpu().numpy()
    return values
