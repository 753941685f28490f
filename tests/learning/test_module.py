from __future__ import annotations

import copy
import logging
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback

from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.schedules import Linear
from mk_lightning.utils.errors import Diverged, UserError
from tests.learning.batches import ACTIONS, Told, new_trainer, random_batch, random_batches
from tests.networks.narrow import narrow


def new_module(**options) -> DuelingDoubleDQN:
    torch.manual_seed(0)
    defaults: dict[str, Any] = {"num_actions": ACTIONS, "network": narrow(8), "learning_rate": 1e-2}
    return DuelingDoubleDQN(**defaults | options)


def weights_of(network) -> list[torch.Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


class Tape(Callback):
    """After every batch: learner_steps, and the weights of both networks; at every learner_step: rates."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, list[torch.Tensor], list[torch.Tensor]]] = []
        self.rates: list[list[float]] = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.rates.append([group["lr"] for group in optimizer.param_groups])

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        entry = trainer.global_step, weights_of(pl_module.online), weights_of(pl_module.target)
        self.batches.append(entry)


# -- loss --------------------------------------------------------------------------------------------------------------


def test_training_step_equals_the_formulas_written_out(tmp_path):
    module = new_module(huber_delta=0.7)
    with torch.no_grad():
        for p in module.target.get_submodule("advantage").parameters():
            p.mul_(-2)  # so that the two networks choose different actions
    batch, twin = random_batch(3, size=6), copy.deepcopy(module)
    module.trainer = new_trainer(tmp_path, log_every_n_steps=1000)
    loss = module.training_step(batch, 0)
    loss.backward()

    step, total, errors = batch.transition, torch.tensor(0.0), []
    for b in range(6):
        with torch.no_grad():
            best = twin.online(step.s_t)[b].argmax()
            value = step.r_t[b] + step.discount_t[b] * twin.target(step.s_t)[b, best]
        error = value - twin.online(step.s_tm1)[b, step.a_tm1[b]]
        errors.append(abs(error.item()))
        size = error.abs()
        total = total + batch.weights[b] * torch.where(size <= 0.7, size**2 / 2, 0.7 * (size - 0.35))
    (total / 6).backward()
    torch.testing.assert_close(loss, total.detach() / 6, check_stride=False)
    assert isinstance(batch.source, Told)
    np.testing.assert_allclose(batch.source.td_errors, errors, rtol=1e-6)
    for mine, theirs in zip(module.online.parameters(), twin.online.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-6)
    assert all(p.grad is None for p in module.target.parameters())


@pytest.mark.parametrize(("every", "logged"), [(0, 0), (2, 2), (3, 1)])
def test_figures_are_logged_every_n_learner_steps(tmp_path, monkeypatch, every, logged):
    module = new_module()
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "log_dict", lambda figures, **_: calls.append(figures))
    trainer = new_trainer(tmp_path, log_every_n_steps=every)
    trainer.fit(module, random_batches(5))
    rows = [of_all | own for of_all, own in zip(calls[::2], calls[1::2], strict=True)]
    assert len(rows) == logged
    assert ("loss" in trainer.progress_bar_metrics) == (logged > 0)
    for figures in rows:
        assert figures.keys() == {"q_value", "td_error", "learning_rate", "epsilon"}
        assert figures["learning_rate"] == 1e-2


# -- target network ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [1, 2])
def test_hard_updates_come_every_n_learner_steps(tmp_path, accumulate):
    module, tape = new_module(target_every=3), Tape()
    before = weights_of(module.target)
    trainer = new_trainer(tmp_path, tape, accumulate_grad_batches=accumulate)
    trainer.fit(module, random_batches(8 * accumulate))
    assert trainer.global_step == 8
    updated = []
    for step, online, target in tape.batches:
        if not same(target, before):
            assert same(target, online), "neither the old target network nor the Q-network"
            updated.append(step)
        before = target
    assert updated == [3, 6]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_soft_updates_mix_after_every_learner_step(tmp_path, accumulate):
    module, tape = new_module(target_every=None, target_tau=0.25), Tape()
    expected, last_step = weights_of(module.target), 0
    new_trainer(tmp_path, tape, accumulate_grad_batches=accumulate).fit(module, random_batches(4 * accumulate))
    for step, online, target in tape.batches:
        if step > last_step:
            expected = [0.75 * old + 0.25 * new for old, new in zip(expected, online, strict=True)]
        last_step = step
        for mine, closed_form in zip(target, expected, strict=True):
            torch.testing.assert_close(mine, closed_form)
    assert last_step == 4


def test_the_target_network_starts_as_a_copy_and_is_never_trained():
    module = new_module()
    assert same(weights_of(module.online), weights_of(module.target))
    assert not any(p.requires_grad for p in module.target.parameters())
    trained = {id(p) for group in module.configure_optimizers().param_groups for p in group["params"]}
    assert trained == {id(p) for p in module.online.parameters()}


# -- learning rate -----------------------------------------------------------------------------------------------------


def test_the_rate_in_the_optimizer_is_the_schedule_s_at_the_batch_s_env_steps(tmp_path):
    schedule, tape = Linear(1e-2, 1e-4, 200), Tape()
    module = new_module(learning_rate=schedule, optimizer=torch.optim.SGD)
    before = weights_of(module.online)
    trainer = new_trainer(tmp_path, tape)
    trainer.fit(module, random_batches(5, env_steps=50))
    assert tape.rates == [[schedule(t)] for t in (50, 100, 150, 200, 250)]
    # And it is the rate by which the weights really move: SGD's step is rate * gradient.
    for mine, last, p in zip(tape.batches[-1][1], tape.batches[-2][1], module.online.parameters(), strict=True):
        assert p.grad is not None
        torch.testing.assert_close(mine, last - 1e-4 * p.grad, rtol=1e-4, atol=1e-8)
    assert not same(before, tape.batches[0][1])


def test_warmup_takes_a_rising_share_of_whichever_rate_there_is(tmp_path):
    schedule, tape = Linear(1e-2, 1e-4, 200), Tape()
    module = new_module(learning_rate=schedule, learning_rate_warmup=100)
    new_trainer(tmp_path, tape).fit(module, random_batches(5, env_steps=25))
    assert tape.rates == [[schedule(t) * min(1, t / 100)] for t in (25, 50, 75, 100, 125)]


@pytest.mark.parametrize("length", [100, 0.5])
def test_warmup_counts_from_the_first_learner_step(tmp_path, length):
    tape, batches = Tape(), random_batches(5, env_steps=25, warmup=1000, run=200)
    new_trainer(tmp_path, tape).fit(new_module(learning_rate=1e-2, learning_rate_warmup=length), batches)
    assert tape.rates == [[1e-2 * share] for share in (0.25, 0.5, 0.75, 1, 1)]


@pytest.mark.parametrize("run", [125, 250])
def test_a_schedule_over_the_run_ends_with_it(tmp_path, run):
    tape = Tape()
    module = new_module(learning_rate=Linear(1e-2, 1e-4, 1.0))
    new_trainer(tmp_path, tape).fit(module, random_batches(5, env_steps=run // 5, run=run))
    assert tape.rates == [[Linear(1e-2, 1e-4, run)(run * k // 5)] for k in range(1, 6)]
    assert tape.rates[-1] == pytest.approx([1e-4])


def test_the_rate_of_the_config_holds_after_a_checkpoint_is_loaded(tmp_path):
    trainer = new_trainer(tmp_path)
    trainer.fit(new_module(learning_rate=1e-2), random_batches(3))
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    tape = Tape()
    new_trainer(tmp_path, tape, epochs=2).fit(
        new_module(learning_rate=1e-5), random_batches(3), ckpt_path=tmp_path / "a.ckpt", weights_only=True
    )
    assert tape.rates == [[1e-5]] * 3


def test_every_parameter_group_gets_the_rate(tmp_path):
    def two_groups(parameters):
        first, *rest = parameters
        return torch.optim.SGD([{"params": [first]}, {"params": rest}])

    tape = Tape()
    new_trainer(tmp_path, tape).fit(new_module(learning_rate=0.5e-3, optimizer=two_groups), random_batches(2))
    assert tape.rates == [[0.5e-3, 0.5e-3]] * 2


# -- checkpoints -------------------------------------------------------------------------------------------------------


def test_a_checkpoint_with_weights_only_has_no_target_network_and_loads(tmp_path):
    module = new_module()
    trainer = new_trainer(tmp_path)
    trainer.fit(module, random_batches(2))
    trainer.save_checkpoint(tmp_path / "w.ckpt", weights_only=True)
    saved = torch.load(tmp_path / "w.ckpt", weights_only=True)
    assert {name.split(".")[0] for name in saved["state_dict"]} == {"online"}
    assert saved["network"] == {"class": "mk_lightning.SmallDueling", "num_actions": ACTIONS, "hidden": 8}

    other = DuelingDoubleDQN.load_from_checkpoint(tmp_path / "w.ckpt")
    assert same(weights_of(other.online), weights_of(module.online))
    assert same(weights_of(other.target), weights_of(module.online))


def test_a_whole_checkpoint_keeps_the_target_network(tmp_path):
    module = new_module(target_every=100)
    trainer = new_trainer(tmp_path)
    trainer.fit(module, random_batches(2))
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    other = DuelingDoubleDQN.load_from_checkpoint(tmp_path / "a.ckpt")
    assert same(weights_of(other.target), weights_of(module.target))
    assert not same(weights_of(other.target), weights_of(other.online))


@pytest.mark.parametrize("other", [{"num_actions": ACTIONS + 1}, {"network": narrow(9)}])
def test_a_checkpoint_of_another_network_is_refused(tmp_path, other):
    trainer = new_trainer(tmp_path)
    trainer.fit(new_module(), random_batches(1))
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=r"the checkpoint's network is .*'num_actions': 5, 'hidden': 8.*this config's"):
        new_trainer(tmp_path, epochs=2).fit(
            new_module(**other), random_batches(1), ckpt_path=tmp_path / "a.ckpt", weights_only=True
        )


# -- init_from ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def base(tmp_path):
    """A checkpoint to start from, and the Q-network in it."""
    torch.manual_seed(7)
    module = DuelingDoubleDQN(num_actions=ACTIONS, network=narrow(8))
    torch.save({"state_dict": module.state_dict()}, tmp_path / "base.ckpt")
    return str(tmp_path / "base.ckpt"), weights_of(module.online)


def test_init_from_starts_both_networks_from_the_q_network(base, caplog):
    path, weights = base
    with caplog.at_level(logging.INFO):
        module = new_module(init_from=path)
    assert same(weights_of(module.online), weights)
    assert same(weights_of(module.target), weights)
    assert f"initialised from {path}: 10 parameters matched" in caplog.text


def test_init_from_stops_when_not_everything_matches(base):
    with pytest.raises(UserError, match=r"advantage.weight \(5, 8\) -> \(6, 8\).*init_strict=false"):
        new_module(num_actions=ACTIONS + 1, init_from=base[0])


def test_init_from_takes_what_fits_when_told_to(base, caplog):
    path, weights = base
    with caplog.at_level(logging.INFO):
        module = new_module(num_actions=ACTIONS + 1, init_from=path, init_strict=False)
    assert same(weights_of(module.online.convolutions), weights[:4])
    assert same(weights_of(module.online.value), weights[6:8])
    assert "of another shape: advantage.weight (5, 8) -> (6, 8)" in caplog.text


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate_warmup": -1}, "DuelingDoubleDQN.learning_rate_warmup must be .* 0 or more, or .* got -1"),
        ({"learning_rate_warmup": 0.0}, "DuelingDoubleDQN.learning_rate_warmup must be .* got 0.0; write 0"),
        ({"learning_rate": -0.1}, "DuelingDoubleDQN.learning_rate must not be negative, got -0.1"),
        ({"learning_rate": Linear(1e-3, -1e-3, 5)}, "DuelingDoubleDQN.learning_rate must not be negative, got -0.001"),
        ({"network": narrow(0)}, "hidden must be at least 1, got 0"),
        ({"huber_delta": 0.0}, "DuelingDoubleDQN.huber_delta must be above 0, got 0.0"),
        ({"target_every": None}, "target_every .hard updates. or DuelingDoubleDQN.target_tau"),
        ({"target_tau": 0.5}, "target_every .hard updates. or DuelingDoubleDQN.target_tau"),
        ({"target_every": 0}, "DuelingDoubleDQN.target_every must be at least 1 learner_step, got 0"),
        (
            {"target_every": None, "target_tau": 0.0},
            "DuelingDoubleDQN.target_tau must be above 0 and at most 1, got 0.0",
        ),
        (
            {"target_every": None, "target_tau": 1.5},
            "DuelingDoubleDQN.target_tau must be above 0 and at most 1, got 1.5",
        ),
        (
            {"optimizer": lambda p: torch.optim.Adam(p, lr=0.5)},
            "lr 0.5 would be overwritten.*DuelingDoubleDQN.learning_rate",
        ),
        ({"init_from": "nowhere.ckpt"}, "no checkpoint nowhere.ckpt"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UserError, match=message):
        new_module(**options)


# -- divergence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("poison", "message"),
    [
        (
            lambda m: m.online.value.bias.data.fill_(float("nan")),
            r"a Q-value of nan \(DuelingDoubleDQN.q_limit is 50\)",
        ),
        (lambda m: m.online.value.bias.data.fill_(float("inf")), "a Q-value of inf"),
        (lambda m: m.online.value.bias.data.fill_(-51.0), r"a Q-value of 5\d\.?\d* \(DuelingDoubleDQN.q_limit is 50\)"),
        (lambda m: m.target.value.bias.data.fill_(float("nan")), "a loss of nan"),
    ],
)
def test_learning_that_has_diverged_stops_before_the_learner_step(tmp_path, poison, message):
    module = new_module(q_limit=50.0)
    poison(module)
    before = weights_of(module.online)
    with pytest.raises(Diverged, match=message) as stopped:
        new_trainer(tmp_path).fit(module, random_batches(3))
    assert "learning diverged at learner_step 0" in str(stopped.value)
    assert "lower DuelingDoubleDQN.learning_rate" in str(stopped.value)
    after = weights_of(module.online)
    assert all(torch.equal(a, b) or (a.isnan() == b.isnan()).all() for a, b in zip(before, after, strict=True))


def test_weights_that_are_not_finite_take_no_good_checkpoint_s_place(tmp_path):
    module, path = new_module(), tmp_path / "last.ckpt"
    trainer = new_trainer(tmp_path)
    trainer.fit(module, random_batches(2))
    trainer.save_checkpoint(path)
    good = path.read_bytes()
    module.online.get_parameter("features.1.weight").data[0, 0] = float("nan")
    with pytest.raises(Diverged, match="a weight of the Q-network is not finite"):
        trainer.save_checkpoint(path)
    assert path.read_bytes() == good


def test_a_q_limit_must_be_positive():
    with pytest.raises(UserError, match=r"DuelingDoubleDQN.q_limit must be above 0, got 0"):
        new_module(q_limit=0.0)
