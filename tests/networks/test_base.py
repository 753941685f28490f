"""What holds for every Q-network of the package, and what is told of one that is none."""

from __future__ import annotations

import itertools
import re
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mk_lightning.callbacks.methods.parameters import matching_names
from mk_lightning.networks.base import PixelConv2d, QNetwork, QNetworkCallable, dueling, pixels
from mk_lightning.networks.checkpoint import NETWORKS, about_network, noted_network, noted_num_actions
from mk_lightning.networks.factory import make_network
from mk_lightning.networks.impala import ImpalaDueling
from mk_lightning.networks.nature import NatureDueling, SmallDueling
from mk_lightning.networks.weights import PREFIX
from mk_lightning.utils.errors import UserError

TINY: dict[type[QNetwork], QNetworkCallable] = {
    NatureDueling: partial(NatureDueling, hidden=8),
    SmallDueling: partial(SmallDueling, hidden=8),
    ImpalaDueling: partial(ImpalaDueling, width=1, hidden=8),
}
each = pytest.mark.parametrize("kind", TINY, ids=lambda kind: kind.__name__)


def test_every_network_of_the_package_is_tested_here() -> None:
    assert set(TINY) == set(NETWORKS.values())


@each
def test_q_values_have_a_column_for_each_action_and_every_parameter_learns(kind: type[QNetwork]) -> None:
    network = TINY[kind](7)
    observations = torch.randint(0, 256, (3, 4, 84, 84), dtype=torch.uint8)
    q_values = network(observations)
    assert (q_values.shape, q_values.dtype) == ((3, 7), torch.float32)
    torch.testing.assert_close(network(observations[1:2])[0], q_values[1])
    q_values.square().sum().backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in network.parameters())


@each
def test_its_checkpoint_makes_it_again(kind: type[QNetwork]) -> None:
    network = TINY[kind](7)
    checkpoint = {"network": about_network(network)}
    other = noted_network(checkpoint)(noted_num_actions(checkpoint))
    assert type(other) is kind
    assert {k: v.shape for k, v in other.state_dict().items()} == {k: v.shape for k, v in network.state_dict().items()}


@each
def test_groups_are_parts_that_it_has_and_none_is_in_two(kind: type[QNetwork]) -> None:
    network = TINY[kind](7)
    groups = [matching_names(network, [group], "test") for group in kind.parameter_groups]
    assert all(groups)
    assert {"first_linear", "heads"} <= kind.parameter_groups.keys()
    assert not any(one & other for one, other in itertools.combinations(groups, 2))


def test_convolutions_can_be_frozen_by_that_name_in_every_network() -> None:
    for make in TINY.values():
        network = make(7)
        names = matching_names(network, ["convolutions"], "test")
        rest = matching_names(network, ["features", "heads"], "test")
        assert names | rest == {name for name, _ in network.named_parameters()}
        assert not names & rest


def test_pixels_are_from_zero_to_one_in_the_weights_type() -> None:
    found = pixels(torch.tensor([[[[0, 51], [204, 255]]]], dtype=torch.uint8), torch.zeros(1, dtype=torch.bfloat16))
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), torch.tensor([[[[0.0, 0.2], [0.8, 1.0]]]]), atol=2e-3, rtol=0)


def test_a_convolution_of_pixels_is_one_of_pixels_from_zero_to_one() -> None:
    torch.manual_seed(0)
    ours, plain = PixelConv2d(4, 3, 8, 4), torch.nn.Conv2d(4, 3, 8, 4)
    plain.load_state_dict(ours.state_dict())
    observations = torch.randint(0, 256, (2, 4, 84, 84), dtype=torch.uint8)
    outputs = ours(observations), plain(pixels(observations, plain.weight))
    torch.testing.assert_close(*outputs)
    for output in outputs:
        output.square().sum().backward()
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        assert theirs.grad is not None
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-4 * float(theirs.grad.abs().max()))


def test_dueling_streams_put_together() -> None:
    found = dueling(torch.tensor([[10.0]]), torch.tensor([[1.0, 2.0, 6.0]]))
    assert found.tolist() == [[8.0, 9.0, 13.0]]


def test_impala_s_first_block_adds_to_what_it_gets() -> None:
    """With the second convolution of each block at zero, a block is the identity."""
    network = ImpalaDueling(3, width=1, hidden=4)
    stage: Any = network.stages[0]
    x = torch.rand(2, 4, 84, 84)
    for block in stage.blocks:
        nn.init.zeros_(block.second.weight)
        nn.init.zeros_(block.second.bias)
    torch.testing.assert_close(stage(x), stage.pool(stage.convolution(x)))
    assert stage(x).shape == (2, 16, 42, 42)


class Other(QNetwork):
    """Returns whatever it is told to."""

    def __init__(self, num_actions: int, returns: str = "rows") -> None:
        super().__init__(num_actions, returns=returns)
        self.head = nn.Linear(1, num_actions)

    def forward(self, observations: torch.Tensor) -> Any:
        rows: torch.Tensor = self.head(observations.float().mean((1, 2, 3))[:, None] / 255)
        return {"rows": rows, "one": rows[0], "list": [], "whole": rows.long()}[str(self.arguments["returns"])]


class Buffered(Other):
    """Has an index table, which no checkpoint may hold."""

    def __init__(self, num_actions: int) -> None:
        super().__init__(num_actions)
        self.register_buffer("table", torch.arange(3))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (QNetwork, "QNetwork(5) makes no network: Can't instantiate abstract class QNetwork"),
        (
            partial(NatureDueling, width=3),  # type: ignore[call-arg]
            "NatureDueling(5) makes no network: .* unexpected keyword argument 'width'",
        ),
        (nn.Flatten, "network must make a mk_lightning.QNetwork, Flatten made a Flatten"),
        (NatureDueling(5, hidden=2), "network must make a network, got one (NatureDueling); give its class"),
        (partial(Other, returns="one"), "Other must return Q-values (B, 5) float32, .* it returned (5,)"),
        (partial(Other, returns="list"), "Other must return Q-values (B, 5) float32, .* it returned list"),
        (partial(Other, returns="whole"), "Other must return Q-values"),
        (partial(Other, returns="x"), "Other cannot value observations (B, 4, 84, 84) uint8: KeyError: 'x'"),
        (
            partial(Other, returns=[1]),  # type: ignore[arg-type]
            "Other: returns must be a number, a word or a truth value .* got [1]",
        ),
        (Buffered, "Buffered: table is of type torch.int64, not floating point, and no checkpoint of it"),
        (partial(Other, returns=np.str_("rows")), "Other: returns must be a number, a word or a truth value"),
        (partial(NatureDueling, hidden=0), "NatureDueling: hidden must be at least 1, got 0"),
        (partial(ImpalaDueling, width=99), "ImpalaDueling: width must be between 1 and 16, got 99"),
    ],
)  # fmt: skip
def test_what_is_no_q_network_is_told_in_one_line(make: Any, complaint: str) -> None:
    pattern = ".*".join(re.escape(part) for part in complaint.split(" .* "))
    with pytest.raises(UserError, match=pattern) as error:
        make_network(make, 5)
    assert "\n" not in str(error.value)


def test_making_a_network_leaves_the_random_numbers_as_without() -> None:
    torch.manual_seed(3)
    make_network(Other, 5)
    after = torch.rand(1)
    torch.manual_seed(3)
    Other(5)
    assert torch.rand(1) == after


@pytest.mark.parametrize(
    ("noted", "complaint"),
    [
        (None, "does not say which network"),
        ({"hidden": 8}, "does not say which network"),
        ({"num_actions": 5, "class": "own.Wide"}, "a network of another's making, own.Wide: give its class"),
        ({"num_actions": 5, "class": "os.system"}, "a network of another's making"),
        ({"num_actions": 5, "width": 8}, "notes a network that there is not"),
        ({"num_actions": 5, "hidden": "8"}, "notes a network that there is not"),
    ],
)  # fmt: skip
def test_a_checkpoint_names_no_code(noted: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        noted_network({"network": noted})


def test_a_shipped_checkpoint_s_note_is_nature_dueling_s() -> None:
    assert about_network(NatureDueling(5, hidden=8)) == {"num_actions": 5, "hidden": 8}
    assert about_network(SmallDueling(5)) == {"num_actions": 5, "hidden": 256, "class": "mk_lightning.SmallDueling"}
    assert PREFIX == "online."
