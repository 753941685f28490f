"""A network without what tools have wrapped around it or hung onto it."""

from __future__ import annotations

import copy
from functools import partial

from pytorch_lightning.profilers.pytorch import RegisterRecordFunction
from torch import nn


def uncompiled(network: nn.Module) -> nn.Module:
    """The network itself, where `torch.compile(network)` has been put in its place."""
    original: nn.Module = getattr(network, "_orig_mod", network)
    return original


def bare_copy(network: nn.Module) -> nn.Module:
    """A copy that is neither compiled nor recorded by Lightning's `PyTorchProfiler`, whose hooks cannot be copied."""
    network = uncompiled(network)
    hooked = [
        (hooks, key, hook)
        for module in network.modules()
        for hooks in (module._forward_hooks, module._forward_pre_hooks)
        for key, hook in hooks.items()
        if isinstance(hook, partial) and isinstance(getattr(hook.func, "__self__", None), RegisterRecordFunction)
    ]
    for hooks, key, _ in hooked:
        del hooks[key]
    try:
        return copy.deepcopy(network)
    finally:
        for hooks, key, hook in hooked:
            hooks[key] = hook
