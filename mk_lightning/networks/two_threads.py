"""A learner_step's work on two threads of a CPU: both halves of a batch at once, both halves of a linear layer."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.jit import is_scripting  # type: ignore[attr-defined]
from torch.nn.functional import linear

LEAST = 16
"""Samples of which it is worth while."""
_here = threading.local()
"""Has `second` on a second thread, which would wait for itself."""


def in_halves(layers: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Return `layers(batch)`, where a CPU computes it with the halves of the batch on two threads.

    It is for convolutions, whose time goes with the samples; a linear layer's goes with its weights, which both halves
    would read and add up gradients for. The result is that of two halves on however many cores: it does not depend on
    which thread is faster. On other devices, in a small batch, in inference mode (whoever plays leaves the thread to
    the learner) and while torch traces the network, it is the plain one.

    Args:
        layers: of a network; no layer may look at other samples than its own.
        batch: (B, ...). One that needs a gradient itself is taken whole.
    """
    if not _worth_while(batch) or batch.requires_grad:
        output: torch.Tensor = layers(batch)
        return output
    parameters = [parameter for parameter in layers.parameters() if parameter.requires_grad]
    if torch.is_grad_enabled() and parameters:
        halves: torch.Tensor = _Halves.apply(layers, batch, *parameters)  # type: ignore[no-untyped-call]
        return halves
    first, second = batch.chunk(2)
    other = _start(layers, second)
    return torch.cat([layers(first), other.result()])


class WideLinear(nn.Linear):
    """A linear layer of many weights, half of whose outputs a CPU computes on another thread.

    Of its gradients, which have none themselves, the second thread computes the weights' and this one the inputs'. In a
    small batch, on other devices, in inference mode, while torch traces the network, and where numbers are cast
    automatically, it is the plain layer.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs (B, out_features) of inputs (B, in_features)."""
        if is_scripting():  # which knows no threads
            return linear(inputs, self.weight, self.bias)
        if not _worth_while(inputs) or torch.is_autocast_enabled(inputs.device.type):
            return linear(inputs, self.weight, self.bias)
        outputs: torch.Tensor = _Linear.apply(inputs, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return outputs


def _worth_while(batch: torch.Tensor) -> bool:
    # Neither a compiler nor a tracer sees what another thread does.
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    whole = traced or torch.is_inference_mode_enabled() or batch.device.type != "cpu" or hasattr(_here, "second")
    return not whole and len(batch) >= LEAST


class _Halves(torch.autograd.Function):
    """Keeps a graph of each half, and adds up their gradients, the first half's first."""

    @staticmethod
    def forward(context: Any, layers: nn.Module, batch: torch.Tensor, *parameters: nn.Parameter) -> torch.Tensor:
        first, second = batch.chunk(2)
        with torch.enable_grad():
            other = _start(layers, second)
            context.outputs = (layers(first), other.result())
        context.parameters = parameters
        return torch.cat([output.detach() for output in context.outputs])

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: torch.Tensor) -> Any:
        (one, two), parameters = context.outputs, context.parameters
        first, second = gradients[0].chunk(2)
        other = _start(torch.autograd.grad, two, parameters, second, retain_graph=True)
        own = torch.autograd.grad(one, parameters, first, retain_graph=True)
        return None, None, *(mine.add_(theirs) for mine, theirs in zip(own, other.result(), strict=True))


class _Linear(torch.autograd.Function):
    """`inputs @ weight.T + bias`, and its gradients."""

    @staticmethod
    def forward(context: Any, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        context.save_for_backward(inputs, weight)
        (one, two), (here, there) = weight.tensor_split(2), bias.tensor_split(2)
        other = _start(linear, inputs, two, there)
        return torch.cat([linear(inputs, one, here), other.result()], 1)

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: torch.Tensor) -> Any:
        inputs, weight = context.saved_tensors
        (of_outputs,) = gradients
        for_inputs, for_weight, for_bias = context.needs_input_grad
        other = _start(torch.mm, of_outputs.t(), inputs) if for_weight else None
        return (
            of_outputs @ weight if for_inputs else None,
            other.result() if other else None,
            of_outputs.sum(0) if for_bias else None,
        )


@cache
def _thread(process: int) -> ThreadPoolExecutor:
    """The second thread of a process; a fork has none of its parent's."""
    return ThreadPoolExecutor(1, "second half", initializer=_begin)


def _begin() -> None:
    _here.second = True
    torch.get_num_threads()  # gives a new thread the number that is set; or its first layer would take all


def _start(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Call a function on the second thread, in the modes that torch is in here: a thread has none of another's."""
    modes = torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")
    return _thread(os.getpid()).submit(_run, modes, function, args, kwargs)


def _run(modes: tuple[bool, bool, torch.dtype], function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    gradients, casts, dtype = modes
    with torch.set_grad_enabled(gradients), torch.autocast("cpu", dtype, enabled=casts):
        return function(*args, **kwargs)
