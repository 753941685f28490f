"""Which optimizers can train the Q-network, and with which one a run is resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.learning.optimizer import check_resumed_optimizer
from mk_lightning.schedules import Linear
from mk_lightning.utils.errors import UserError
from tests.cli.mistakes import fit as command
from tests.cli.mistakes import refuse
from tests.learning.batches import random_batches
from tests.lightning.probe import Played, fit, new_module, new_trainer
from tests.networks.narrow import narrow


class GivenRate(torch.optim.SGD):
    """One whose `lr` has no default."""

    def __init__(self, params, lr: float, momentum: float = 0.0) -> None:
        super().__init__(params, lr=lr, momentum=momentum)


class NoRate(torch.optim.Optimizer):
    def __init__(self, params) -> None:
        super().__init__(params, {})

    def step(self, closure=None) -> None:  # type: ignore[override]
        """Nothing."""


def two_rates(parameters):
    first, *rest = parameters
    return torch.optim.SGD([{"params": [first], "lr": 1e-5}, {"params": rest}])


# -- which -------------------------------------------------------------------------------------------------------------

TAKEN = ["ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "SGD"]
REFUSED = {
    "LBFGS": "LBFGS makes no step from the gradients of a batch .*missing 1 required positional argument: 'closure'",
    "Muon": "DuelingDoubleDQN.optimizer: Muon only supports 2D parameters",
    "Rprop": "the steps of Rprop do not go by its lr, which DuelingDoubleDQN.learning_rate sets",
    "SparseAdam": "SparseAdam makes no step from the gradients of a batch .SparseAdam does not support dense",
}


def test_every_optimizer_of_torch_is_tried():
    kinds = [kind for kind in vars(torch.optim).values() if isinstance(kind, type)]
    names = {kind.__name__ for kind in kinds if issubclass(kind, torch.optim.Optimizer)}
    assert names == {"Optimizer", *TAKEN, *REFUSED}


@pytest.mark.parametrize("name", TAKEN)
def test_an_optimizer_that_goes_by_its_rate_is_taken(name):
    module = new_module(optimizer=getattr(torch.optim, name))
    assert type(module.configure_optimizers()).__name__ == name


@pytest.mark.parametrize("name", REFUSED)
def test_one_that_does_not_is_refused(name):
    with pytest.raises(UserError, match=REFUSED[name]):
        new_module(optimizer=getattr(torch.optim, name))


def test_asking_draws_no_random_number_and_changes_no_weight():
    module = new_module()
    drawn = torch.rand(1)
    again = new_module(optimizer=torch.optim.SGD)
    assert torch.equal(drawn, torch.rand(1))
    assert all(map(torch.equal, module.parameters(), again.parameters()))


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (GivenRate, "DuelingDoubleDQN.optimizer: .*missing 1 required positional argument: 'lr'"),
        (lambda p: GivenRate(p, lr=0.5), "lr 0.5 would be overwritten; .* and give GivenRate its first value, 0.002"),
        (NoRate, "NoRate has no lr for DuelingDoubleDQN.learning_rate to set"),
        (two_rates, "the optimizer's lr 1e-05 would be overwritten; set DuelingDoubleDQN.learning_rate instead"),
    ],
)
def test_the_rate_has_one_source(optimizer, message):
    with pytest.raises(UserError, match=message):
        new_module(optimizer=optimizer, learning_rate=2e-3)


def test_one_that_must_be_given_a_rate_takes_the_first_of_the_schedule(tmp_path):
    module = new_module(optimizer=lambda p: GivenRate(p, lr=1e-2), learning_rate=Linear(1e-2, 1e-3, 160))
    rates = [seen.rate for seen in fit(tmp_path, module=module).probe.batches]
    assert rates == [Linear(1e-2, 1e-3, 160)(t) for t in (32, 64, 96, 128, 160)]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["torch.optim.LBFGS"], "LBFGS makes no step from the gradients of a batch"),
        (["tests.learning.test_optimizer.GivenRate"], "required: lr"),
        (
            ["tests.learning.test_optimizer.GivenRate", "--model.optimizer.lr=9"],
            "give GivenRate its first value, 0.0003",
        ),
        (["tests.learning.test_optimizer.NoRate"], "NoRate has no lr"),
        (
            ["torch.optim.AdamW", "--model.optimizer.fused=true", "--trainer.precision=bf16-mixed"],
            "with trainer.precision bf16-mixed it must not be fused",
        ),
    ],
)
def test_the_command_line_refuses_before_anything_is_played(words, hint, tmp_path, capfd, monkeypatch):
    mistake = command(hint, "--model.optimizer", *words)
    assert hint in refuse(mistake, tmp_path, capfd, monkeypatch)


def test_a_fused_optimizer_in_mixed_precision_is_refused_before_the_first_batch(tmp_path):
    module = new_module(optimizer=lambda p: torch.optim.AdamW(p, fused=True))
    with pytest.raises(UserError, match="bf16-mixed it must not be fused"):
        new_trainer(tmp_path, precision="bf16-mixed").fit(module, Played())
    assert fit(tmp_path, precision="bf16-mixed").trainer.global_step == 5, "the default is not fused there"


# -- subclasses --------------------------------------------------------------------------------------------------------


class Own(DuelingDoubleDQN):
    """A module whose optimizer hangs on what it knows only when it has been made."""

    def __init__(self, configured: str) -> None:
        torch.manual_seed(0)
        super().__init__(num_actions=5, network=narrow(8))
        self.configured = configured

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.online.parameters())
        return {
            "plain": optimizer,
            "list": [optimizer],
            "dict": {"optimizer": optimizer},
            "rate": torch.optim.Adam(self.online.parameters(), lr=0.5),
            "scheduler": {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1)},
            "schedulers": ([optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]),
        }[self.configured]


@pytest.mark.parametrize("configured", ["plain", "list", "dict"])
def test_a_subclass_can_configure_its_optimizer(configured, tmp_path):
    run = fit(tmp_path, module=Own(configured))
    assert [seen.rate for seen in run.probe.batches] == [1e-4] * 5


@pytest.mark.parametrize(
    ("configured", "message"),
    [
        ("rate", "the optimizer's lr 0.5 would be overwritten"),
        ("scheduler", "Own.configure_optimizers must return one optimizer without a scheduler"),
        ("schedulers", "Own.configure_optimizers must return .* got Adam and LRSchedulerConfig"),
    ],
)
def test_a_subclass_s_rate_or_scheduler_is_refused_before_the_first_batch(configured, message, tmp_path):
    module = Own(configured)
    before = [p.clone() for p in module.parameters()]
    with pytest.raises(UserError, match=message):
        fit(tmp_path, module=module)
    assert all(map(torch.equal, module.parameters(), before))


# -- resume ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A whole checkpoint of a fit with Adam."""
    folder = tmp_path_factory.mktemp("saved")
    fit(folder, module=new_module(optimizer=torch.optim.Adam)).trainer.save_checkpoint(folder / "a.ckpt")
    return folder / "a.ckpt"


def resume(path: Path, folder: Path, optimizer):
    trainer = new_trainer(folder, max_epochs=2)
    trainer.fit(new_module(optimizer=optimizer), random_batches(5), ckpt_path=path, weights_only=True)
    return trainer


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (
            lambda p: torch.optim.SGD(p, momentum=0.9),
            "DuelingDoubleDQN.optimizer of the checkpoint is torch.optim.adam.Adam, this config's "
            "torch.optim.sgd.SGD: a run is resumed with the optimizer it had; for another, start one with "
            "DuelingDoubleDQN.init_from",
        ),
        (
            lambda p: torch.optim.Adam(p, betas=(0.8, 0.999)),
            r"DuelingDoubleDQN.optimizer.betas of the checkpoint is \(0.9, 0.999\), this config's \(0.8, 0.999\)",
        ),
        (lambda p: torch.optim.Adam(p, weight_decay=0.1), "weight_decay of the checkpoint is 0, this config's 0.1"),
    ],
)
def test_another_optimizer_is_refused_on_resume(saved, optimizer, message, tmp_path):
    with pytest.raises(UserError, match=message):
        resume(saved, tmp_path, optimizer)


@pytest.mark.parametrize("fused", [False, True])
def test_the_same_one_goes_on_however_it_computes_its_steps(saved, fused, tmp_path):
    trainer = resume(saved, tmp_path, lambda p: torch.optim.Adam(p, fused=fused))
    assert {int(state["step"]) for state in trainer.optimizers[0].state.values()} == {10}


def test_a_checkpoint_from_before_optimizers_were_noted_tells_them_by_their_options(saved, tmp_path):
    checkpoint = torch.load(saved, weights_only=True)
    assert checkpoint.pop("optimizer")["class"] == "torch.optim.adam.Adam"
    torch.save(checkpoint, tmp_path / "old.ckpt")
    with pytest.raises(UserError, match=r"the checkpoint has no dampening, as this config's torch.optim.sgd.SGD has"):
        resume(tmp_path / "old.ckpt", tmp_path, torch.optim.SGD)
    assert resume(tmp_path / "old.ckpt", tmp_path, torch.optim.Adam).global_step == 10


@pytest.mark.parametrize("damage", [{"optimizer": {}}, {"optimizer": None, "optimizer_states": [{}]}])
def test_a_note_or_state_that_is_none_is_told(saved, damage):
    checkpoint = torch.load(saved, weights_only=True) | damage
    with pytest.raises(UserError, match=r"of the checkpoint is None, this|optimizer state is none"):
        check_resumed_optimizer(torch.optim.Adam([torch.zeros(1)]), checkpoint)
