from __future__ import annotations

import numpy as np
import torch

from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.networks.nature import NatureDueling


def networks():
    torch.manual_seed(0)
    return NatureDueling(26, hidden=8), NatureDueling(26, hidden=8)


def test_the_action_with_the_highest_value():
    network, _ = networks()
    stacks = np.random.default_rng(0).integers(0, 256, (9, 4, 84, 84), dtype=np.uint8)
    actions = GreedyPolicy(network)(stacks)
    assert (actions.shape, actions.dtype) == ((9,), np.int64)
    for stack, action in zip(stacks, actions, strict=True):
        values = network(torch.from_numpy(stack)[None])[0].tolist()
        assert values[action] == max(values)


def test_loaded_weights_are_a_copy():
    mine, theirs = networks()
    policy = GreedyPolicy(mine)
    policy.load_weights(theirs)
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.data_ptr() != b.data_ptr()
