"""Both halves of a batch at once, on two threads of a CPU."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.autograd.function import once_differentiable

LEAST = 16
"""Samples of which it is worth while."""


def in_halves(layers: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Return `layers(batch)`, where a CPU computes it with the halves of the batch on two threads.

    It is for convolutions, whose time goes with the samples; a linear layer's goes with its weights, which both halves
    would read and add up gradients for. The result is that of two halves on however many cores: it does not depend on
    which thread is faster. On other devices, in a small batch, in inference mode (whoever plays leaves the thread to
    the learner) and while torch traces the network, it is the plain one.

    Args:
        layers: of a network; no layer may look at other samples than its own, or do this itself.
        batch: (B, ...). One that needs a gradient itself is taken whole.
    """
    # Neither sees what another thread does.
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if (
        traced
        or torch.is_inference_mode_enabled()
        or batch.device.type != "cpu"
        or batch.requires_grad
        or len(batch) < LEAST
    ):
        output: torch.Tensor = layers(batch)
        return output
    parameters = [parameter for parameter in layers.parameters() if parameter.requires_grad]
    if torch.is_grad_enabled() and parameters:
        halves: torch.Tensor = _Halves.apply(layers, batch, *parameters)  # type: ignore[no-untyped-call]
        return halves
    first, second = batch.chunk(2)
    other = _thread(os.getpid()).submit(_run, layers, second, _Modes.here(gradients=False))
    return torch.cat([layers(first), other.result()])


class _Halves(torch.autograd.Function):
    """Keeps a graph of each half, and adds up their gradients, the first half's first."""

    @staticmethod
    def forward(context: Any, layers: nn.Module, batch: torch.Tensor, *parameters: nn.Parameter) -> torch.Tensor:
        first, second = batch.chunk(2)
        modes = _Modes.here(gradients=True)
        other = _thread(os.getpid()).submit(_run, layers, second, modes)
        context.outputs = (_run(layers, first, modes), other.result())
        context.parameters = parameters
        return torch.cat([output.detach() for output in context.outputs])

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: torch.Tensor) -> Any:
        (one, two), parameters = context.outputs, context.parameters
        first, second = gradients[0].chunk(2)
        other = _thread(os.getpid()).submit(torch.autograd.grad, two, parameters, second, retain_graph=True)
        own = torch.autograd.grad(one, parameters, first, retain_graph=True)
        return None, None, *(mine.add_(theirs) for mine, theirs in zip(own, other.result(), strict=True))


@cache
def _thread(process: int) -> ThreadPoolExecutor:
    """The second thread of a process; a fork has none of its parent's."""
    # Asked for its number of threads, torch gives a new thread the one that is set; or its first layer would take all.
    return ThreadPoolExecutor(1, "second half", initializer=torch.get_num_threads)


class _Modes(NamedTuple):
    """What a thread has set of torch's modes: a new one has none of it."""

    gradients: bool
    autocast: bool
    dtype: torch.dtype

    @classmethod
    def here(cls, *, gradients: bool) -> _Modes:
        return cls(gradients, torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu"))


def _run(layers: nn.Module, batch: torch.Tensor, modes: _Modes) -> torch.Tensor:
    autocast = torch.autocast("cpu", modes.dtype, enabled=modes.autocast)
    with torch.set_grad_enabled(modes.gradients), autocast:
        output: torch.Tensor = layers(batch)
        return output
