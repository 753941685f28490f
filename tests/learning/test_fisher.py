"""The Fisher information against closed forms, and against itself in other batches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mk_lightning.learning.fisher import fisher_diagonal, normalised, sample_actions
from mk_lightning.networks.nature import NatureDueling


@pytest.fixture
def samples():
    generator = torch.Generator().manual_seed(0)
    observations = torch.randn(40, 3, generator=generator)
    return observations, torch.randint(0, 4, (40,), generator=generator)


def linear() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(3, 4)


def test_of_a_linear_q_function_it_is_the_mean_square_of_the_inputs(samples):
    """dQ(s, a)/dW[a] = s and dQ(s, a)/db[a] = 1, all else 0."""
    observations, actions = samples
    fisher = fisher_diagonal(linear(), observations, actions)
    chosen = nn.functional.one_hot(actions, 4).float()
    torch.testing.assert_close(fisher["weight"], chosen.T @ observations**2 / 40)
    torch.testing.assert_close(fisher["bias"], chosen.mean(0))


def test_of_a_linear_softmax_policy_it_is_the_analytic_one(samples):
    """d log pi(a)/dz = (1[a] - pi) / T; averaged over actions drawn from pi, the Fisher of z is pi (1 - pi) / T^2."""
    observations, _ = samples
    network, temperature = linear(), 0.7
    with torch.no_grad():
        policy = torch.softmax(network(observations) / temperature, 1)
    repeated = observations.repeat(400, 1)
    drawn = sample_actions(network(repeated).detach(), temperature, torch.Generator().manual_seed(2))
    fisher = fisher_diagonal(network, repeated, drawn, estimator="policy", temperature=temperature)
    expected = (policy * (1 - policy) / temperature**2).T @ observations**2 / 40
    torch.testing.assert_close(fisher["weight"], expected, rtol=0.05, atol=0.01)


def test_samples_one_by_one_and_all_at_once_agree():
    torch.manual_seed(0)
    network = NatureDueling(5, hidden=8)
    observations = torch.randint(0, 256, (64, 4, 84, 84), dtype=torch.uint8)
    actions = torch.randint(0, 5, (64,))
    at_once = fisher_diagonal(network, observations, actions)
    alone = [fisher_diagonal(network, observations[i : i + 1], actions[i : i + 1]) for i in range(64)]
    for name, part in at_once.items():
        torch.testing.assert_close(part, sum(f[name] for f in alone) / 64)


def test_a_policys_fisher_leaves_the_value_stream_out():
    """The softmax does not see what all actions have in common: why `q_value` is the default."""
    torch.manual_seed(0)
    network = NatureDueling(5, hidden=8)
    observations = torch.randint(0, 256, (4, 4, 84, 84), dtype=torch.uint8)
    actions = torch.arange(4)
    of_policy = fisher_diagonal(network, observations, actions, estimator="policy")
    of_value = fisher_diagonal(network, observations, actions)
    assert of_policy["value.weight"].max() < 1e-9
    assert of_value["value.weight"].max() > 1e-6


def test_normalised_has_mean_one_and_keeps_ratios():
    fisher = {"a": torch.tensor([1.0, 3.0]), "b": torch.tensor([[8.0], [0.0]])}
    result = normalised(fisher)
    assert torch.cat([part.flatten() for part in result.values()]).mean() == 1
    torch.testing.assert_close(result["a"][1] / result["a"][0], torch.tensor(3.0))
    assert normalised({"a": torch.zeros(2)})["a"].tolist() == [0.0, 0.0]
