from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.callbacks import Callback
from torch import nn

from mk_lightning.callbacks.methods.freeze import FreezeLayers
from mk_lightning.callbacks.methods.weight_decay import WeightDecay
from mk_lightning.utils.errors import UserError
from tests.callbacks import tiny
from tests.learning.batches import new_trainer

EVERYTHING = ["*"]


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-2)


def trained(folder, optimizer, *callbacks, batches: int = 20, **options) -> dict[str, torch.Tensor]:
    module = tiny.Tiny(optimizer)
    new_trainer(folder, *callbacks, **options).fit(module, tiny.TinyBatches(batches))
    return tiny.weights_of(module.online)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


# -- closed forms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize(
    ("kind", "peer"),
    [
        ("decoupled", lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.3)),
        ("l2", lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.3)),
    ],
)
def test_it_equals_the_optimizer_s_own_bit_for_bit(tmp_path, kind, peer, accumulate):
    """Also when batches are accumulated: the pull comes once per learner_step."""
    mine = trained(tmp_path, adam, WeightDecay(0.3, kind, EVERYTHING), accumulate_grad_batches=accumulate)
    assert same(mine, trained(tmp_path, peer, accumulate_grad_batches=accumulate))
    assert not same(mine, trained(tmp_path, adam, accumulate_grad_batches=accumulate))


def test_decoupled_decay_follows_each_group_s_learning_rate(tmp_path):
    """A learning rate that changes with every step, and another for the first layer."""

    class Rates(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            first, rest = trainer.optimizers[0].param_groups
            first["lr"], rest["lr"] = 1e-2 / (batch_idx + 1), 1e-3 * (batch_idx + 1)

    def groups(kind, **options):
        return lambda p: (lambda first, *rest: kind([{"params": [first]}, {"params": rest}], **options))(*p)

    mine = trained(tmp_path, groups(torch.optim.Adam), WeightDecay(0.3, patterns=EVERYTHING), Rates())
    assert same(mine, trained(tmp_path, groups(torch.optim.AdamW, weight_decay=0.3), Rates()))


def test_l2_is_clipped_with_the_gradient(tmp_path):
    """As a penalty within the loss would be."""
    options: dict[str, Any] = {"gradient_clip_val": 0.05, "batches": 1}
    mine = trained(tmp_path, torch.optim.SGD, WeightDecay(50.0, "l2"), **options)
    start = tiny.weights_of(tiny.Tiny(adam).online)
    step = torch.cat([(mine[name] - start[name]).flatten() for name in mine])
    assert float(step.norm()) == pytest.approx(1e-3 * 0.05, rel=1e-3)


class Quadratic(LightningModule):
    """Loss `stiffness / 2 * |w - 3|**2`, from w = -1."""

    def __init__(self, stiffness: float) -> None:
        super().__init__()
        self.online = nn.Linear(4, 1, bias=False)
        nn.init.constant_(self.online.weight, -1.0)
        self.stiffness = stiffness

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch, batch_idx):
        return self.stiffness / 2 * (self.online.weight - 3.0).square().sum()


@pytest.mark.parametrize(("kind", "centre"), [("l2_sp", -1.0), ("l2", 0.0)])
@pytest.mark.parametrize("rate", [0.5, 2.0, 6.0])
def test_the_minimum_lies_between_the_loss_s_and_the_penalty_s(tmp_path, kind, centre, rate):
    """Where `stiffness * (w - 3) + rate * (w - centre) = 0`."""
    module = Quadratic(stiffness=2.0)
    new_trainer(tmp_path, WeightDecay(rate, kind)).fit(module, tiny.TinyBatches(200))
    torch.testing.assert_close(module.online.weight.detach(), torch.full((1, 4), (6.0 + rate * centre) / (2.0 + rate)))


# -- what it leaves alone ----------------------------------------------------------------------------------------------


def one_pull(decay: WeightDecay, module: LightningModule) -> tuple[set[str], set[str]]:
    """Names of the parameters whose weights, and whose gradients, a pull changes, one unit away from the start."""
    trainer: Any = SimpleNamespace(log_every_n_steps=0, global_step=0, datamodule=None)
    decay.setup(trainer, module, "fit")
    decay.on_train_start(trainer, module)
    for p in module.parameters():
        p.data += 1.0
        p.grad = torch.zeros_like(p) if p.requires_grad else None
    weights = tiny.weights_of(module)
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.Optimizer)
    decay.on_before_optimizer_step(trainer, module, optimizer)
    pulled = {name for name, p in module.named_parameters() if p.grad is not None and p.grad.any()}
    return tiny.changed(module, weights), pulled


WEIGHTS = {f"online.{name}.weight" for name in ("convolutions.0", "features.1", "value", "advantage")}


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [(None, WEIGHTS), (["heads"], {f"online.{p}.{k}" for p in ("value", "advantage") for k in ("weight", "bias")})],
)
@pytest.mark.parametrize("kind", ["decoupled", "l2", "l2_sp"])
def test_it_pulls_what_it_is_told_to_and_no_biases_otherwise(kind, patterns, expected):
    changed, pulled = one_pull(WeightDecay(0.3, kind, patterns), tiny.Tiny(adam))
    assert (changed, pulled) == ((expected, set()) if kind == "decoupled" else (set(), expected))


@pytest.mark.parametrize("kind", ["decoupled", "l2", "l2_sp"])
def test_frozen_parameters_and_those_without_a_gradient_are_left_alone(kind):
    module = tiny.Tiny(adam)
    module.online.value.requires_grad_(False)
    changed, pulled = one_pull(WeightDecay(0.3, kind), module)
    assert changed | pulled == WEIGHTS - {"online.value.weight"}


def test_what_is_unfrozen_is_pulled_to_where_it_started(tmp_path):
    module, decay = tiny.Tiny(adam), WeightDecay(0.3, "l2_sp")
    start = tiny.weights_of(module.online)
    freeze = FreezeLayers(unfreeze_at={"convolutions": 30})
    new_trainer(tmp_path, freeze, decay).fit(module, tiny.TinyBatches(5))
    assert same(decay.state_dict()["start"], start)


# -- state -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["decoupled", "l2", "l2_sp"])
def test_a_resumed_run_is_pulled_to_the_same_point(tmp_path, kind):
    """Two epochs at once and in two halves."""
    start, results = tiny.weights_of(tiny.Tiny(adam).online), []
    for stops in ((2,), (1, 2)):
        path = None
        for epochs in stops:
            module, batches, decay = tiny.Tiny(adam), tiny.TinyBatches(5), WeightDecay(0.3, kind)
            if path:
                module.online.load_state_dict({name: 0 * w for name, w in start.items()})  # must not become w0
            batches.trainer = trainer = new_trainer(tmp_path, decay, epochs=epochs)
            trainer.fit(module, batches, ckpt_path=path, weights_only=True)
            path = tmp_path / f"{epochs}.ckpt"
            trainer.save_checkpoint(path)
        kept = decay.state_dict()["start"]
        assert kept.keys() == ({name for name in start if name.endswith("weight")} if kind == "l2_sp" else set())
        assert same(kept, start)
        results.append(tiny.weights_of(module.online))
    assert same(*results)


def test_two_of_them_keep_their_own_state(tmp_path):
    """Each has its own rate and parameters, and both are in one checkpoint."""
    callbacks = WeightDecay(0.3, "l2_sp", ["convolutions"]), WeightDecay(0.1, "l2_sp", ["heads"])
    trainer = new_trainer(tmp_path, *callbacks)
    trainer.fit(tiny.Tiny(adam), tiny.TinyBatches(1))
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    states = torch.load(tmp_path / "a.ckpt", weights_only=True)["callbacks"]
    assert [set(states[callback.state_key]["start"]) for callback in callbacks] == [
        {"convolutions.0.weight", "convolutions.0.bias"},
        {"value.weight", "value.bias", "advantage.weight", "advantage.bias"},
    ]


# -- logging -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("kind", ["decoupled", "l2", "l2_sp"])
def test_the_penalty_is_logged_with_the_other_figures(tmp_path, monkeypatch, kind, accumulate):
    module, calls, squares = tiny.Tiny(adam), [], []
    monkeypatch.setattr(module, "log", lambda name, value: calls.append((name, value)))
    start = tiny.weights_of(module.online)

    class Squares(Callback):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            now = tiny.weights_of(pl_module.online)
            away = [now[n] - (start[n] if kind == "l2_sp" else 0) for n in now if n.endswith("weight")]
            squares.append(sum(float(d.square().sum()) for d in away))

    trainer = new_trainer(
        tmp_path, Squares(), WeightDecay(0.3, kind), log_every_n_steps=2, accumulate_grad_batches=accumulate
    )
    trainer.fit(module, tiny.TinyBatches(5 * accumulate))
    assert [name for name, _ in calls] == [f"weight_decay/{kind}"] * 2
    assert [value for _, value in calls] == pytest.approx([0.15 * squares[1], 0.15 * squares[3]])
    assert calls[0][1] > 0


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0,), "WeightDecay: rate must be above 0, got 0.0"),
        ((-1e-4,), "WeightDecay: rate must be above 0, got -0.0001"),
        ((float("nan"),), "WeightDecay: rate must be above 0, got nan"),
        ((0.1, "l2sp"), "WeightDecay: there is no kind 'l2sp'; did you mean 'l2_sp'"),
        ((0.1, "l2", []), "WeightDecay: patterns is empty"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(UserError, match=message):
        WeightDecay(*arguments)


def test_a_pattern_that_matches_nothing_stops_the_run(tmp_path):
    with pytest.raises(UserError, match="WeightDecay: pattern 'head' matches no parameter; did you mean 'heads'"):
        trained(tmp_path, adam, WeightDecay(0.3, patterns=["head"]))


@pytest.mark.parametrize("kind", ["decoupled", "l2"])
def test_an_optimizer_that_decays_weights_itself_is_refused(tmp_path, kind):
    """AdamW does unless it is told not to."""
    with pytest.raises(
        UserError, match=f"optimizer has a weight_decay of 0.01, and kind '{kind}' would decay .* twice"
    ):
        trained(tmp_path, torch.optim.AdamW, WeightDecay(0.3, kind))


def test_an_optimizer_that_decays_weights_goes_with_a_pull_to_the_start(tmp_path):
    assert not same(
        trained(tmp_path, torch.optim.AdamW, WeightDecay(0.3, "l2_sp")), trained(tmp_path, torch.optim.AdamW)
    )
