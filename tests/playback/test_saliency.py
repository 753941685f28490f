from __future__ import annotations

import numpy as np
import pytest
import torch

from mk_lightning.networks.nature import NatureDueling
from mk_lightning.playback.saliency import look_into


@pytest.fixture
def stack() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 84, 84), np.uint8)


def test_the_q_values_are_the_networks_and_v_is_its_value(stack: np.ndarray) -> None:
    torch.manual_seed(0)
    network = NatureDueling(26, hidden=16)
    insight = look_into(network, stack)
    observation = torch.from_numpy(stack[None])
    with torch.no_grad():
        value = network.value(network.features(network.convolutions(observation))).item()
        assert insight.q_values == pytest.approx(network(observation)[0].numpy())
    assert insight.value == pytest.approx(value, abs=1e-6)
    assert insight.saliency is None


class Corner(NatureDueling):
    """Its Q-values hang on the upper left of the picture alone."""

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return observations.float()[:, :, :8, :20].square().mean((1, 2, 3))[:, None] * torch.arange(1.0, 27.0)


def test_the_saliency_is_where_the_q_values_hang_on(stack: np.ndarray) -> None:
    saliency = look_into(Corner(26, hidden=16), stack, saliency=True).saliency
    assert saliency is not None
    assert saliency.shape == (84, 84)
    assert saliency.max() == 1
    row, column = np.unravel_index(saliency.argmax(), saliency.shape)
    assert row < 12
    assert column < 24
    assert saliency[30:].max() < 0.01
    assert saliency[:, 50:].max() < 0.01
