"""Gradients of methods beside the loss's, at the place where both have the same unit."""

from __future__ import annotations

import pytest
import torch
from pytorch_lightning import Callback
from pytorch_lightning.plugins.precision import MixedPrecision

from mk_lightning.callbacks.methods.weight_decay import WeightDecay
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.learning.optimizer import adam
from mk_lightning.utils.errors import UserError
from tests.learning.batches import ACTIONS, new_trainer, random_batches
from tests.networks.narrow import narrow


def plain_adam(parameters) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters)


def fused_adam(parameters) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, fused=True)


class Away(Callback):
    """Before the method: moves the weights away from where it wants them, and notes their gradients."""

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        for p in pl_module.online.parameters():
            p.data += 0.01
        self.gradients = [p.grad.clone() for p in pl_module.online.parameters()]


class Added(Callback):
    """After the method: what it added."""

    def __init__(self, before: Away) -> None:
        self.before = before

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        pairs = zip(pl_module.online.named_parameters(), self.before.gradients, strict=True)
        self.gradients = {name: p.grad - before for (name, p), before in pairs}


def half_precision() -> MixedPrecision:
    return MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu", init_scale=2.0**16))


@pytest.mark.parametrize("optimizer", [adam, plain_adam])
@pytest.mark.parametrize("options", [{}, {"plugins": half_precision}, {"plugins": half_precision, "clip": 10.0}])
def test_it_is_added_to_gradients_that_are_unscaled(tmp_path, optimizer, options):
    module = DuelingDoubleDQN(num_actions=ACTIONS, network=narrow(8), optimizer=optimizer)
    away = Away()
    added = Added(away)
    trainer = new_trainer(
        tmp_path, away, WeightDecay(1.0, "l2_sp"), added,
        plugins=[options["plugins"]()] if "plugins" in options else [], gradient_clip_val=options.get("clip"),
    )  # fmt: skip
    trainer.fit(module, random_batches(1))
    for name, gradient in added.gradients.items():
        expected = 0.0 if name.endswith("bias") else 0.01
        torch.testing.assert_close(gradient, torch.full_like(gradient, expected), rtol=0, atol=1e-4)


def test_an_optimizer_that_unscales_by_itself_is_refused(tmp_path):
    module = DuelingDoubleDQN(num_actions=ACTIONS, network=narrow(8), optimizer=fused_adam)
    trainer = new_trainer(tmp_path, WeightDecay(1.0, "l2_sp"), plugins=[half_precision()])
    with pytest.raises(UserError, match=r"with trainer\.precision 16-mixed it must not be fused"):
        trainer.fit(module, random_batches(1))
