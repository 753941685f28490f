"""A second fit: with the same objects it goes on, in the same directory it touches nothing of the first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer

from benchmarks._processes import PARENT, processes
from mk_lightning.callbacks.methods.curriculum import Curriculum, Phase
from mk_lightning.callbacks.methods.distillation import Cloning, Kickstarting
from mk_lightning.callbacks.methods.ewc import ElasticWeightConsolidation
from mk_lightning.callbacks.methods.weakness import WeaknessTargeting
from mk_lightning.callbacks.methods.weight_decay import WeightDecay
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings import EvaluationSettings, RecordingSettings, ReplaySettings
from mk_lightning.envs.config import EnvConfig
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.schedules import Linear
from mk_lightning.utils.errors import UserError
from tests.networks.narrow import narrow

OPTIONS: dict[str, Any] = {
    "game": "dojo",
    "original_states": ["VeryEasy.Bramble-01"],
    "challenging_states": ["Hard.Scythe-03", "Hard.Kestrel-05"],
    "max_env_steps": 160,
    "warmup_env_steps": 40,
    "env_steps_per_learner_step": 16,
    "epsilon": Linear(1.0, 0.1, 150),
    "env": EnvConfig(num_envs=2, frame_skip=2, max_noops=4, max_env_steps=9),
    "replay": ReplaySettings(capacity=120, batch_size=8),
    "recording": RecordingSettings(env_steps=90),
    "evaluation": EvaluationSettings(every=80, matches=1, test_matches=1),
}
"""Two epochs of five learner_steps."""


def new_data(**options: Any) -> ExperienceDataModule:
    return ExperienceDataModule(**OPTIONS | options)


def new_module() -> DuelingDoubleDQN:
    torch.manual_seed(0)
    return DuelingDoubleDQN(num_actions=26, network=narrow(8), learning_rate=1e-3)


def new_trainer(folder: Path, epochs: int, *callbacks: Callback) -> Trainer:
    return Trainer(
        accelerator="cpu", max_epochs=epochs, default_root_dir=folder, logger=False, callbacks=list(callbacks),
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, limit_val_batches=0,
        num_sanity_val_steps=0,
    )  # fmt: skip


def methods() -> list[Callback]:
    return [
        ElasticWeightConsolidation(samples=8),
        Cloning(batch_size=4),
        Kickstarting(batch_size=4),
        WeightDecay(0.1, "l2_sp"),
        WeaknessTargeting(every=16),
    ]


def weights(module: DuelingDoubleDQN) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """The folder of a fit of the first epoch, with its checkpoint."""
    folder = tmp_path_factory.mktemp("half")
    trainer = new_trainer(folder, 1)
    trainer.fit(new_module(), new_data())
    trainer.save_checkpoint(folder / "a.ckpt")
    return folder


@pytest.mark.parametrize("on_disk", [True, False])
def test_fitting_on_with_the_same_objects_is_one_long_fit(tmp_path, on_disk):
    options = {"rehearsal_ratio": 0.25, "replay": ReplaySettings(capacity=120, batch_size=8, on_disk=on_disk)}
    whole = new_module()
    new_trainer(tmp_path / "whole", 2, *methods()).fit(whole, new_data(**options))

    module, data, trainer = new_module(), new_data(**options), new_trainer(tmp_path / "parts", 1, *methods())
    trainer.fit(module, data)
    assert (trainer.global_step, module.env_steps) == (5, 40 + 5 * 16)
    trainer.fit_loop.max_epochs = 2
    trainer.fit(module, data)
    assert (trainer.global_step, module.env_steps) == (10, 40 + 10 * 16)
    assert torch.equal(weights(module), weights(whole))


def test_a_checkpoint_saved_after_the_fit_goes_on_as_well(half, tmp_path):
    whole = new_module()
    new_trainer(tmp_path / "whole", 2).fit(whole, new_data())
    module = new_module()
    new_trainer(tmp_path / "third", 2).fit(module, new_data(), ckpt_path=half / "a.ckpt", weights_only=True)
    assert torch.equal(weights(module), weights(whole))
    other = tmp_path / "other"
    (other / "checkpoints").mkdir(parents=True)
    for name in ("checkpoints/last.ckpt", "metrics.csv"):
        (other / name).write_text("another fit's")
        with pytest.raises(
            UserError, match=f"{name} is of another fit than .*a.ckpt; give the Trainer another default"
        ):
            new_trainer(other, 2).fit(new_module(), new_data(), ckpt_path=half / "a.ckpt", weights_only=True)
    assert sorted(path.name for path in other.iterdir()) == ["checkpoints", "metrics.csv"]


def test_an_extended_fit_has_the_warm_up_that_was_played(tmp_path):
    """A fraction of the longer run would be more."""
    trainer, options = new_trainer(tmp_path, 2), {"warmup_env_steps": 0.25}
    trainer.fit(new_module(), new_data(**options))
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    longer, module = new_data(max_env_steps=320, **options), new_module()
    new_trainer(tmp_path / "more", 4).fit(module, longer, ckpt_path=tmp_path / "a.ckpt", weights_only=True)
    assert module.env_steps == longer.length.end == 40 + 320


def test_another_trainer_does_not_know_how_far_the_module_came(tmp_path):
    module, data = new_module(), new_data()
    new_trainer(tmp_path, 1).fit(module, data)
    with pytest.raises(
        UserError, match="was fitted for 5 learner_steps by another Trainer; continue with that Trainer"
    ):
        new_trainer(tmp_path, 2).fit(module, data)


def test_another_module_begins_with_the_same_settings_and_callbacks(tmp_path):
    """As in a loop over seeds or rates; nothing of the first is left in what is used again."""
    callbacks, data = (
        [*methods()[:-1], Curriculum([Phase(["original"], env_steps=60), Phase(["challenging"])])],
        new_data(),
    )
    fitted = []
    for name in ("one", "two"):
        module = new_module()
        new_trainer(tmp_path / name, 2, *callbacks).fit(module, data)
        fitted.append(weights(module))
    assert torch.equal(*fitted)
    assert not torch.equal(fitted[0], weights(new_module()))


def test_two_fits_in_one_directory_can_both_be_resumed(tmp_path):
    """The second with other settings, so that its rows are others."""
    expected = {}
    for seed in (1, 2):
        whole = new_module()
        new_trainer(tmp_path / f"whole-{seed}", 2, Cloning(batch_size=4)).fit(whole, new_data(seed=seed))
        expected[seed] = weights(whole)
        trainer = new_trainer(tmp_path / "shared", 1, Cloning(batch_size=4))
        trainer.fit(new_module(), new_data(seed=seed))
        trainer.save_checkpoint(tmp_path / "shared" / f"{seed}.ckpt")
    assert sorted(path.name for path in (tmp_path / "shared").glob("re*/")) == [
        "recording", "recording-2", "replay", "replay-2"
    ]  # fmt: skip
    for seed in (2, 1):
        module, trainer = new_module(), new_trainer(tmp_path / "shared", 2, Cloning(batch_size=4))
        ckpt_path = tmp_path / "shared" / f"{seed}.ckpt"
        trainer.fit(module, new_data(seed=seed), ckpt_path=ckpt_path, weights_only=True)
        assert torch.equal(weights(module), expected[seed])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reward_scale": 7.0}, "ExperienceDataModule.reward_scale of the checkpoint is 20.0, this config's 7.0"),
        (
            {"evaluation": EvaluationSettings(every=32)},
            "EvaluationSettings.every of the checkpoint is 80, this config's 32",
        ),
        (
            {"env_steps_per_learner_step": 8},
            "ExperienceDataModule.env_steps_per_learner_step of the checkpoint is 16, this config's 8",
        ),
    ],
)
def test_what_may_not_change_on_a_resume_is_refused_under_a_plain_trainer(half, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        new_trainer(tmp_path, 2).fit(new_module(), new_data(**options), ckpt_path=half / "a.ckpt", weights_only=True)


class Fails(Callback):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        raise ZeroDivisionError


def test_workers_end_with_a_fit_that_fails(tmp_path):
    before = processes(PARENT, os.getpid())
    data = new_data()
    with pytest.raises(ZeroDivisionError):
        new_trainer(tmp_path, 1, Fails()).fit(new_module(), data)
    assert processes(PARENT, os.getpid()) == before
