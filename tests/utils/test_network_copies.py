"""A network is copied without what has been hung onto it."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning.profilers.pytorch import RegisterRecordFunction

from mk_lightning.networks.nature import NatureDueling
from mk_lightning.utils.network_copies import bare_copy, uncompiled
from tests.lightning.probe import new_module


def test_a_network_that_is_being_profiled_can_be_copied():
    module = new_module()
    observations = torch.zeros(1, 4, 84, 84, dtype=torch.uint8)
    with RegisterRecordFunction(module):
        q_values = module(observations)
        hooks = len(module.online.get_submodule("value")._forward_hooks)
        copied = bare_copy(module.online)
        assert len(module.online.get_submodule("value")._forward_hooks) == hooks == 1
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in copied.modules())
    assert torch.equal(copied(observations), q_values)
    assert copied.get_parameter("value.weight").data_ptr() != module.online.get_parameter("value.weight").data_ptr()


def test_a_user_s_own_hooks_are_copied():
    network = NatureDueling(5, hidden=8)
    network.value.register_forward_hook(lambda module, inputs, output: output + 7)
    observations = torch.zeros(1, 4, 84, 84, dtype=torch.uint8)
    assert torch.equal(bare_copy(network)(observations), network(observations))


def test_uncompiled_is_the_network_itself():
    network = NatureDueling(5, hidden=8)
    compiled: Any = torch.compile(network, backend="eager")
    assert uncompiled(compiled) is uncompiled(network) is network
