from __future__ import annotations

import pytest
import torch
from torch import nn

from mk_lightning.networks.nature import NatureDueling


@pytest.fixture
def network():
    torch.manual_seed(0)
    return NatureDueling(26, hidden=32)


@pytest.fixture
def observations():
    return torch.randint(0, 256, (5, 4, 84, 84), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def streams(network, observations):
    """Value (B, 1) and advantage (B, actions), layer by layer in the ordinary layout."""
    x = observations.float().contiguous() / 255
    for layer in network.convolutions:
        if isinstance(layer, nn.Conv2d):
            x = nn.functional.conv2d(x, layer.weight.contiguous(), layer.bias, layer.stride)
        else:
            x = x.clamp(min=0)
    hidden = (x.flatten(1) @ network.features[1].weight.T + network.features[1].bias).clamp(min=0)
    return [hidden @ head.weight.T + head.bias for head in (network.value, network.advantage)]


def test_equals_the_streams_put_together_by_hand(network, observations):
    """Also: channels_last is a layout and changes no value."""
    value, advantage = streams(network, observations)
    expected = value + advantage - advantage.mean(1, keepdim=True)
    torch.testing.assert_close(network(observations), expected)


def test_the_mean_advantage_is_zero(network, observations):
    value, _ = streams(network, observations)
    torch.testing.assert_close(network(observations).mean(1, keepdim=True), value)


def test_a_constant_in_the_advantage_changes_nothing(network, observations):
    before = network(observations)
    with torch.no_grad():
        network.advantage.bias += 3.0
    torch.testing.assert_close(network(observations), before)


def test_channels_last_is_really_used(network):
    assert network.convolutions[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_parameters_lie_in_four_named_groups(network):
    groups = [name.split(".")[0] for name, _ in network.named_parameters()]
    assert list(dict.fromkeys(groups)) == ["convolutions", "features", "value", "advantage"]
    assert len(groups) == 12


def test_the_size_of_the_original():
    """NatureCNN with 512 units: 1,684,128 parameters below the heads."""
    network = NatureDueling(26)
    count = sum(p.numel() for p in network.parameters())
    assert count == 1_684_128 + (512 + 1) + 26 * (512 + 1)


def test_output_and_input_types(network, observations):
    q_values = network(observations)
    assert (q_values.shape, q_values.dtype) == ((5, 26), torch.float32)
    assert network.double()(observations).dtype == torch.float64
