from __future__ import annotations

import pytest
import torch

from mk_lightning.learning.losses import distillation_loss, double_q_target, huber_loss, td_errors


@pytest.fixture
def data():
    torch.manual_seed(0)
    q = {name: torch.randn(50, 6) for name in ("q_tm1", "q_t_online", "q_t_target")}
    return q | {"r_t": torch.randn(50), "discount_t": torch.rand(50).round(decimals=1), "a": torch.randint(0, 6, (50,))}


def test_the_target_equals_a_loop(data):
    """The online network chooses, the target network values."""
    got = double_q_target(data["r_t"], data["discount_t"], data["q_t_online"], data["q_t_target"])
    for b in range(50):
        online = data["q_t_online"][b].tolist()
        best = online.index(max(online))
        expected = data["r_t"][b].item() + data["discount_t"][b].item() * data["q_t_target"][b][best].item()
        assert got[b].item() == pytest.approx(expected, rel=1e-5)


def test_by_hand():
    online, target = torch.tensor([[1.0, 2.0], [5.0, 4.0]]), torch.tensor([[10.0, 20.0], [30.0, 40.0]])
    got = double_q_target(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.0]), online, target)
    assert got.tolist() == [1 + 0.5 * 20, 2.0]


def test_the_target_has_no_gradient(data):
    online, target = data["q_t_online"].requires_grad_(), data["q_t_target"].requires_grad_()
    assert not double_q_target(data["r_t"], data["discount_t"], online, target).requires_grad


def test_td_errors_equal_a_loop(data):
    got = td_errors(data["q_tm1"], data["a"], data["r_t"])
    for b in range(50):
        assert got[b] == data["r_t"][b] - data["q_tm1"][b][data["a"][b]]


@pytest.mark.parametrize("delta", [0.3, 1.0, 4.0])
def test_huber_loss_in_closed_form(delta):
    torch.manual_seed(1)
    errors, weights = 3 * torch.randn(200), torch.rand(200)
    total = 0.0
    for error, weight in zip(errors.tolist(), weights.tolist(), strict=True):
        size = abs(error)
        total += weight * (0.5 * size**2 if size <= delta else delta * (size - 0.5 * delta))
    assert huber_loss(errors, weights, delta).item() == pytest.approx(total / 200, rel=1e-5)


def test_huber_gradient_is_clipped_at_delta():
    errors = torch.tensor([-9.0, -0.5, 0.25, 7.0], requires_grad=True)
    huber_loss(errors, torch.tensor([1.0, 1.0, 2.0, 0.5]), delta=2.0).backward()
    assert errors.grad is not None
    assert (errors.grad * 4).tolist() == [-2.0, -0.5, 0.5, 1.0]


class TestDistillation:
    def test_mse_is_the_mean_square_over_batch_and_actions(self):
        q, wanted = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[1.0, 4.0], [1.0, 0.0]])
        assert distillation_loss(q, wanted, "mse") == (4 + 1) / 4

    def test_kl_is_the_mean_divergence_of_the_softmaxes(self):
        q, wanted, temperature = torch.randn(6, 4), torch.randn(6, 4), 0.3
        p, r = torch.softmax(wanted / temperature, 1), torch.softmax(q / temperature, 1)
        expected = (p * (p / r).log()).sum(1).mean()
        torch.testing.assert_close(distillation_loss(q, wanted, "kl", temperature), expected)

    def test_kl_leaves_the_level_of_the_values_free(self):
        q = torch.randn(6, 4)
        assert distillation_loss(q + 5.0, q, "kl", 0.1) < 1e-5
        assert distillation_loss(q + 5.0, q, "mse") == pytest.approx(25.0, rel=1e-4)
