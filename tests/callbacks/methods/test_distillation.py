"""Cloning and kickstarting: what they draw, and that they do what they are for."""

from __future__ import annotations

import copy

import pytest
import torch

from mk_lightning.callbacks.methods.distillation import Cloning, Kickstarting
from mk_lightning.experience.transition import Batch, Transition
from mk_lightning.learning.losses import distillation_loss
from mk_lightning.schedules import Linear
from mk_lightning.utils.errors import UserError
from tests.callbacks.quadratic import Quadratic, train


class Distilled(Quadratic):
    """A learner without a loss of its own: what moves it is the callback alone."""

    def __init__(self) -> None:
        super().__init__(curvature=0.0, learning_rate=0.3)
        self.inputs = torch.randn(16, 3)


class Towards(Kickstarting):
    """From another base than the one training starts from, or there would be nothing to do."""

    def on_train_start(self, trainer, pl_module) -> None:
        super().on_train_start(trainer, pl_module)
        torch.manual_seed(5)
        self._base = torch.nn.Linear(3, 2).requires_grad_(False)


def batches_with(module: Distilled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every batch of `train` carry the module's inputs as observations."""
    none = torch.zeros(0)
    transition = Transition(module.inputs, none, none, none, none)
    real = Batch._replace
    monkeypatch.setattr(
        "tests.callbacks.quadratic.Batch",
        lambda *fields: real(Batch(*fields), transition=transition),
    )


@pytest.mark.parametrize("distance", ["kl", "mse"])
def test_the_loss_falls(distance, tmp_path, monkeypatch):
    module = Distilled()
    batches_with(module, monkeypatch)
    callback = Towards(1.0, distance, temperature=1.0, batch_size=16)
    start = copy.deepcopy(module.online)
    train(module, [callback], 200, tmp_path)
    assert callback._base is not None
    wanted = callback._base(module.inputs)
    before, after = (float(distillation_loss(net(module.inputs), wanted, distance)) for net in (start, module.online))
    assert before > 0.05
    assert after < before / 50


def test_a_weight_that_has_decayed_to_zero_moves_nothing(tmp_path, monkeypatch):
    module = Distilled()
    batches_with(module, monkeypatch)
    train(module, [Towards(weight=Linear(1.0, 0.0, 8))], 1, tmp_path)  # the first batch is at 0 env_steps
    once = module.online.weight.detach().clone()
    module = Distilled()
    train(module, [Towards(weight=Linear(1.0, 0.0, 8))], 20, tmp_path)
    assert not torch.equal(once, module.start["weight"])
    assert torch.equal(once, module.online.weight)


def test_kickstarting_resumes_with_the_base_it_began_with(tmp_path, monkeypatch):
    module = Distilled()
    batches_with(module, monkeypatch)
    first = Towards()
    train(module, [first], 1, tmp_path)
    resumed = Kickstarting()
    resumed.load_state_dict(first.state_dict())
    train(Distilled(), [resumed], 1, tmp_path)
    assert first._base is not None
    assert resumed._base is not None
    assert torch.equal(first._base.get_parameter("weight"), resumed._base.get_parameter("weight"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": -1.0}, "weight must not be negative, got -1.0"),
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
        ({"batch_size": 0}, "batch_size must be between 1 and 16,384, got 0"),
    ],
)
@pytest.mark.parametrize("kind", [Cloning, Kickstarting])
def test_bad_arguments(kind, arguments, message):
    with pytest.raises(UserError, match=f"{kind.__name__}: {message}"):
        kind(**arguments)
