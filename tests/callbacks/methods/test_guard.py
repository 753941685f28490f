from __future__ import annotations

import itertools
import logging
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from mk_lightning.callbacks.checkpoints.best import BestCheckpoint
from mk_lightning.callbacks.methods.guard import ForgettingGuard, kept
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.experience.episodes import EpisodeBatch
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError
from tests.callbacks.played import A, B, new_data
from tests.evaluation.records import record
from tests.learning.batches import ACTIONS, random_batches
from tests.networks.narrow import narrow

MATCHES = 4
STATES: dict[str, Any] = {"original_states": [A, "VeryEasy.Ember-04"], "challenging_states": [B]}
BASE = (4, 4, 1)
"""Matches won before the fit, of 4, against A, Ember and B."""


class Scripted(ExperienceDataModule):
    """The matches of each epoch's validation end as told; random batches to learn from."""

    def __init__(self, wins: list[tuple[int, ...]], base: tuple[int, ...] = BASE) -> None:
        super().__init__("dojo", **STATES)
        self.wins = wins
        self.base = base

    def train_dataloader(self) -> Any:
        return random_batches(3)

    def val_dataloader(self) -> Any:
        data = self

        class Matches:
            def __len__(self) -> int:
                return 1

            def __iter__(self):
                assert data.trainer is not None
                wins = data.base if data.trainer.global_step == 0 else data.wins[data.trainer.current_epoch]
                records = [
                    record([0], state, m, won=m < won)
                    for state, won in zip(data.evaluation_states, wins, strict=True)
                    for m in range(MATCHES)
                ]
                yield EpisodeBatch(records, data.state_groups, 0.0)

        return Matches()


class Tape(Callback):
    """Weights at each validation and at the first batch of each epoch; figures of each validation."""

    def __init__(self) -> None:
        self.validated: list[list[torch.Tensor]] = []
        self.begun: list[list[torch.Tensor]] = []
        self.target: list[list[torch.Tensor]] = []
        self.moments: list[int] = []
        self.figures: list[dict[str, float]] = []

    def on_validation_end(self, trainer, pl_module):
        self.validated.append(weights_of(pl_module.online))
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.figures.append({k: v for k, v in figures.items() if k.startswith("forgetting/") or k == "val/kept"})

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == 0:
            self.begun.append(weights_of(pl_module.online))
            self.target.append(weights_of(pl_module.target))
            self.moments.append(len(trainer.optimizers[0].state))


def weights_of(network) -> list[torch.Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def run(folder, guard: ForgettingGuard, wins, ckpt_path=None):
    """Fit, an epoch of 3 learner_steps for each entry of `wins`, with the command line's checkpoints."""
    torch.manual_seed(0)
    module, tape = DuelingDoubleDQN(num_actions=ACTIONS, network=narrow(8), learning_rate=1e-2, target_every=2), Tape()
    best = BestCheckpoint(folder, "val/kept")
    every = ModelCheckpoint(folder, "{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    trainer = Trainer(
        accelerator="cpu", max_epochs=len(wins), default_root_dir=folder, callbacks=[guard, tape, best, every],
        logger=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, Scripted(wins), ckpt_path=ckpt_path, weights_only=True)
    return module, tape, trainer


# -- the figure --------------------------------------------------------------------------------------------------------


def test_keeping_is_above_gaining():
    """Every pair of policies in a grid: who keeps is above who does not, then the better, then the less forgetful."""
    rates = [k / 8 for k in range(9)]
    base, margin = 0.75, 0.2
    grid = list(itertools.product(rates, rates))
    for (original, challenging), (other, others) in itertools.product(grid, grid):
        mine, theirs = kept(original, base, challenging, margin), kept(other, base, others, margin)
        keeps, they_keep = original >= base - margin, other >= base - margin
        if keeps and not they_keep:
            assert mine > theirs
        elif keeps and they_keep:
            assert (mine > theirs) == (challenging > others)
        elif not keeps and not they_keep:
            assert (mine > theirs) == (original > other)


def test_a_loss_of_exactly_the_margin_is_within_it():
    assert 1 - 0.95 > 0.05, "what it is about"
    assert kept(0.95, 1.0, 0.5, 0.05) == 0.5
    assert kept(0.94, 1.0, 0.5, 0.05) == pytest.approx(-0.01)


def test_a_gain_on_the_originals_is_kept():
    assert kept(1.0, 0.5, 0.25, 0.0) == 0.25


# -- validations -------------------------------------------------------------------------------------------------------


def test_every_validation_is_compared_with_the_one_before_the_fit(tmp_path):
    _, tape, _ = run(tmp_path, ForgettingGuard(margin=0.125), [(4, 3, 2), (1, 4, 4), (4, 4, 0)])
    ember = "forgetting/VeryEasy.Ember-04"
    assert tape.figures == [
        {f"forgetting/{A}": 0, ember: 0.25, "forgetting/mean": 0.125, "forgetting/worst": 0.25, "val/kept": 0.5},
        {f"forgetting/{A}": 0.75, ember: 0, "forgetting/mean": 0.375, "forgetting/worst": 0.75, "val/kept": -0.25},
        {f"forgetting/{A}": 0, ember: 0, "forgetting/mean": 0, "forgetting/worst": 0, "val/kept": 0},
    ]
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)
    assert same(best["state_dict"].values(), tape.validated[0])


def test_a_warning_is_a_line_that_names_the_states(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="mk_lightning"):
        _, tape, trainer = run(tmp_path, ForgettingGuard(), [(1, 4, 4), (4, 4, 4), (3, 3, 4)])
    assert [r.getMessage() for r in caplog.records if r.name.endswith("guard")] == [
        f"forgetting: 38 points of the mean win rate on the original states are gone, margin 5 ({A} 100% -> 25%)",
        "forgetting: 25 points of the mean win rate on the original states are gone, margin 5 "
        f"({A} 100% -> 75%, VeryEasy.Ember-04 100% -> 75%)",
    ]
    assert trainer.global_step == 9
    assert all(same(tape.begun[k + 1], tape.validated[k]) for k in range(2)), "the weights were changed"


def test_stop_ends_the_fit_after_the_epoch(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="mk_lightning"):
        _, tape, trainer = run(tmp_path, ForgettingGuard(action="stop"), [(4, 4, 1), (2, 4, 4), (4, 4, 4)])
    assert trainer.global_step == 6
    assert len(tape.validated) == 2
    assert caplog.records[-1].getMessage().endswith("; stopping")
    assert (tmp_path / "epoch=1.ckpt").is_file(), "the epoch's checkpoint is still saved"


@pytest.mark.parametrize(("action", "steps"), [("stop", 6), ("warn", 9)])
def test_a_fit_that_was_stopped_stays_so_when_it_is_resumed(tmp_path, action, steps):
    wins = [(4, 4, 1), (2, 4, 4), (4, 4, 4)]
    run(tmp_path, ForgettingGuard(action="stop"), wins)
    _, _, trainer = run(tmp_path, ForgettingGuard(action=action), wins, ckpt_path=tmp_path / "epoch=1.ckpt")
    assert trainer.global_step == steps


# -- restoring ---------------------------------------------------------------------------------------------------------


def test_restoring_goes_back_to_the_best_and_leaves_the_checkpoints_as_validated(tmp_path, caplog):
    """Epoch 0 is better than the base, 1 forgets, 2 forgets again, 3 is as good as 0, 4 better, 5 forgets."""
    wins = [(4, 4, 2), (0, 4, 4), (4, 1, 4), (4, 4, 2), (4, 4, 3), (0, 0, 0), (4, 4, 4)]
    with caplog.at_level(logging.WARNING, logger="mk_lightning"):
        _, tape, _ = run(tmp_path, ForgettingGuard(action="restore"), wins)
    base, validated = tape.begun[0], tape.validated
    begun = tape.begun[1:]  # of epochs 1, 2, ...
    goes_on_from = {0: 0, 1: 0, 2: 0, 3: 3, 4: 4, 5: 4}
    for epoch, origin in goes_on_from.items():
        assert same(begun[epoch], validated[origin]), f"after epoch {epoch}"
        saved = torch.load(tmp_path / f"epoch={epoch}.ckpt", weights_only=True)["state_dict"]
        online = [tensor for name, tensor in saved.items() if name.startswith("online.")]
        assert same(online, validated[epoch]), "the checkpoint of a validation is of other weights"
        if origin != epoch:
            assert not same(validated[epoch], validated[origin])
            assert same(tape.target[epoch + 1], begun[epoch]), "the target network was not restored"
    assert [count == 0 for count in tape.moments] == [True, False, True, True, False, False, True]
    assert [r.getMessage().rpartition("; ")[2] for r in caplog.records if r.name.endswith("guard")] == [
        "going back to the weights of learner_step 3",
        "going back to the weights of learner_step 3",
        "going back to the weights of learner_step 15",
    ]
    assert not same(base, validated[0])


def test_restoring_with_no_better_validation_goes_back_to_the_start(tmp_path, caplog):
    """Though the first checkpoint, which forgot, is the best there is in the run's folder."""
    with caplog.at_level(logging.WARNING, logger="mk_lightning"):
        _, tape, _ = run(tmp_path, ForgettingGuard(action="restore"), [(0, 4, 4), (4, 4, 4)])
    assert same(tape.begun[1], tape.begun[0])
    assert "learner_step 0" in caplog.text


def test_restoring_goes_back_to_the_later_of_equals(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="mk_lightning"):
        _, tape, _ = run(tmp_path, ForgettingGuard(action="restore"), [(4, 4, 2), (4, 4, 2), (0, 4, 4), (4, 4, 4)])
    assert same(tape.begun[3], tape.validated[1])
    assert not same(tape.validated[0], tape.validated[1])
    assert "learner_step 6" in caplog.text


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_resumed_run_restores_the_same(tmp_path, epoch):
    """Also from the checkpoint of a validation that called for it; `best.ckpt` is a later one by then."""
    wins = [(4, 4, 2), (0, 4, 4), (0, 4, 4), (4, 4, 4)]
    module, tape, _ = run(tmp_path, ForgettingGuard(action="restore"), wins)
    guard = ForgettingGuard(action="restore")
    resumed, resumed_tape, _ = run(tmp_path, guard, wins, ckpt_path=tmp_path / f"epoch={epoch}.ckpt")
    assert same(module.parameters(), resumed.parameters())
    assert resumed_tape.figures == tape.figures[epoch + 1 :]


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", [-0.01, 1.0])
def test_refuses_a_margin(margin):
    with pytest.raises(UserError, match=f"margin must be at least 0 and below 1, got {margin}"):
        ForgettingGuard(margin=margin)


@pytest.mark.parametrize("group", ["original", "challenging"])
def test_both_groups_are_needed(tmp_path, group):
    trainer = Trainer(default_root_dir=tmp_path, logger=False, callbacks=[ForgettingGuard()])
    with pytest.raises(UserError, match=rf"data.{group}_states is empty; val/kept needs both groups"):
        trainer.fit(DuelingDoubleDQN(), new_data(**{f"{group}_states": None}))


def test_it_cannot_be_added_to_a_run():
    with pytest.raises(UserError, match="ForgettingGuard holds on to how a run began"):
        ForgettingGuard().check_resumed({"callbacks": {}})


def test_what_was_to_be_restored_is_not_once_the_action_is_another(tmp_path):
    wins = [(4, 4, 2), (0, 4, 4), (4, 4, 4)]
    run(tmp_path, ForgettingGuard(action="restore"), wins)
    _, tape, _ = run(tmp_path, ForgettingGuard(), wins, ckpt_path=tmp_path / "epoch=1.ckpt")
    saved = torch.load(tmp_path / "epoch=1.ckpt", weights_only=True)["state_dict"]
    assert same(tape.begun[0], [tensor for name, tensor in saved.items() if name.startswith("online.")])


def test_restore_cannot_be_added_to_a_run(tmp_path):
    wins = [(4, 4, 4)] * 2
    run(tmp_path, ForgettingGuard(), wins)
    with pytest.raises(UserError, match="action restore must be there when a run begins"):
        run(tmp_path, ForgettingGuard(action="restore"), wins, ckpt_path=tmp_path / "epoch=0.ckpt")


# -- a run -------------------------------------------------------------------------------------------------------------


def test_a_run_on_the_shipped_game(tmp_path):
    """Matches that are cut off are not won, so nothing can be forgotten and nothing is gained."""
    torch.manual_seed(0)
    module, tape, data = DuelingDoubleDQN(network=narrow(8)), Tape(), new_data(max_env_steps=120)
    best = BestCheckpoint(tmp_path, "val/kept")
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, default_root_dir=tmp_path, logger=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, callbacks=[ForgettingGuard(), tape, best],
    )  # fmt: skip
    trainer.fit(module, data)
    assert tape.figures[0] == {f"forgetting/{A}": 0, "forgetting/mean": 0, "forgetting/worst": 0, "val/kept": 0}
    assert best.best_model_score == 0
    assert (tmp_path / "best.ckpt").is_file()
