"""A batch, and a layer, in halves on two threads is as it is whole, and the same to the bit however the threads run."""

from __future__ import annotations

import multiprocessing
import threading
import time

import pytest
import torch
from torch import nn

from mk_lightning.networks.nature import SmallDueling
from mk_lightning.networks.two_threads import LEAST, WideLinear, in_halves


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.Flatten())


BATCH = torch.randn(LEAST + 5, 2, 9, 9, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("frozen", [(), ("0.weight", "0.bias")])
def test_values_and_gradients_are_those_of_the_whole_batch(frozen: tuple[str, ...]) -> None:
    ours, plain = layers(), layers()
    for network in (ours, plain):
        for name in frozen:
            network.get_parameter(name).requires_grad_(False)
    found, expected = in_halves(ours, BATCH), plain(BATCH)
    torch.testing.assert_close(found, expected)
    for output in (found, expected):
        output.square().sum().backward()
    for name, parameter in ours.named_parameters():
        wanted = plain.get_parameter(name).grad
        assert (parameter.grad is None) == (wanted is None) == (name in frozen)
        if wanted is not None:
            torch.testing.assert_close(parameter.grad, wanted)


class Slow(nn.Module):
    """Lets the other half be first, or this one."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.first = first
        self.threads: set[str] = set()

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        name = threading.current_thread().name
        self.threads.add(name)
        if name.startswith("second half") != self.first:
            time.sleep(0.05)
        return batch


def test_whichever_thread_is_faster_the_bits_are_the_same() -> None:
    results = []
    for first in (False, True):
        network, slow = layers(), Slow(first)
        output = in_halves(nn.Sequential(network, slow), BATCH)
        assert len(slow.threads) == 2
        output.square().sum().backward()
        results.append([output.detach(), *(parameter.grad for parameter in network.parameters())])
    for one, other in zip(*results, strict=True):
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients_it_keeps_no_graph(mode: type[torch.no_grad]) -> None:
    with mode():
        found = in_halves(layers(), BATCH)
    assert found.grad_fn is None
    assert found.is_inference() == (mode is torch.inference_mode)
    torch.testing.assert_close(found.clone(), layers()(BATCH).detach())


def test_both_halves_are_computed_in_the_precision_that_is_set() -> None:
    ours, plain = layers(), layers()
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = in_halves(ours, BATCH), plain(BATCH)
        with torch.no_grad():
            assert in_halves(ours, BATCH).dtype == torch.bfloat16
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected)
    for output in (found, expected):
        output.float().square().sum().backward()
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=0.1, rtol=0.02)


def test_layers_that_learn_nothing_keep_no_graph() -> None:
    assert in_halves(layers().requires_grad_(False), BATCH).grad_fn is None


def test_a_mistake_in_either_half_is_raised() -> None:
    for wrong in (slice(0, 1), slice(LEAST, None)):
        batch = BATCH.clone()
        batch[wrong] = float("nan")

        def check(half: torch.Tensor) -> torch.Tensor:
            if half.isnan().any():
                raise ValueError("not a number")
            return half

        network = layers()
        network.append(Checked(check))
        with pytest.raises(ValueError, match="not a number"):
            in_halves(network, batch)
        assert in_halves(network, BATCH).shape == (LEAST + 5, 100), "and the next batch is none the worse"


class Checked(nn.Module):
    def __init__(self, check) -> None:
        super().__init__()
        self.check = check

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        checked: torch.Tensor = self.check(batch)
        return checked


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = layers()

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return in_halves(self.layers, batch)


def test_a_trace_has_both_halves_of_any_batch() -> None:
    network = Net()
    traced = torch.jit.trace(network, BATCH)
    other = BATCH.flip(0)[:18]
    torch.testing.assert_close(traced(other), network.layers(other))


def test_a_forked_process_has_a_thread_of_its_own() -> None:
    in_halves(layers(), BATCH)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=in_halves, args=(layers(), BATCH))
    process.start()
    process.join(30)
    assert process.exitcode == 0


def test_a_small_batch_is_played_whole() -> None:
    """A batch of another size may round differently, and a match must not depend on how many are played at once."""
    network = SmallDueling(5, hidden=8)
    observations = torch.randint(0, 256, (8, 4, 84, 84), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(in_halves(network.convolutions, observations), network.convolutions(observations))


@pytest.mark.parametrize("outputs", [1, 2, 7])
@pytest.mark.parametrize("frozen", [(), ("weight", "bias"), ("bias",)])
def test_a_wide_layer_is_a_linear_one(outputs: int, frozen: tuple[str, ...]) -> None:
    torch.manual_seed(2)
    plain, ours = nn.Linear(5, outputs), WideLinear(5, outputs)
    ours.load_state_dict(plain.state_dict())
    gradients = []
    for layer in (plain, ours):
        for name in frozen:
            layer.get_parameter(name).requires_grad_(False)
        inputs = torch.randn(LEAST + 3, 5, generator=torch.Generator().manual_seed(3), requires_grad=True)
        output = layer(inputs)
        output.square().sum().backward()
        gradients.append([output.detach(), inputs.grad, *(parameter.grad for parameter in layer.parameters())])
    for expected, found in zip(*gradients, strict=True):
        assert (expected is None) == (found is None)
        if expected is not None:
            torch.testing.assert_close(found, expected)


def test_a_wide_layer_keeps_no_graph_where_none_is_wanted() -> None:
    layer = WideLinear(5, 4)
    with torch.no_grad():
        assert layer(torch.ones(LEAST, 5)).grad_fn is None
    assert layer.requires_grad_(False)(torch.ones(LEAST, 5)).grad_fn is None


def test_a_wide_layer_is_played_whole_and_cast_whole() -> None:
    layer, plain = WideLinear(5, 4), nn.Linear(5, 4)
    plain.load_state_dict(layer.state_dict())
    few, many = torch.randn(8, 5), torch.randn(LEAST, 5)
    assert torch.equal(layer(few), plain(few))
    with torch.inference_mode():
        assert torch.equal(layer(many), plain(many))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(many), plain(many))
        assert layer(many).dtype == torch.bfloat16


def test_a_wide_layer_in_halves_does_not_wait_for_itself() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), WideLinear(2 * 9 * 9, 7))
    found, expected = in_halves(network, BATCH), network(BATCH)
    torch.testing.assert_close(found, expected)
    (one,), (other,) = (torch.autograd.grad(values.sum(), [*network.parameters()][:1]) for values in (found, expected))
    torch.testing.assert_close(one, other)
