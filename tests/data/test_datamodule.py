from __future__ import annotations

import logging
import re
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning import Callback

from mk_lightning.callbacks.evaluation.match_recorder import MatchRecorder
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings import EvaluationSettings, ReplaySettings
from mk_lightning.envs.config import EnvConfig
from mk_lightning.experience.replay import Priorities
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.loggers.metrics_csv import MetricsCSV
from mk_lightning.schedules import Linear
from mk_lightning.utils.errors import UserError
from tests.cli.mistakes import copy_of_the_dojo
from tests.learning.batches import new_trainer, random_batch
from tests.networks.narrow import narrow

SMALL: dict[str, Any] = {
    "game": "dojo",
    "original_states": ["VeryEasy.Bramble-01", "VeryEasy.Scythe-03"],
    "challenging_states": ["Hard.Kestrel-05"],
    "max_env_steps": 80,
    "warmup_env_steps": 20,
    "env_steps_per_learner_step": 8,
    "env": EnvConfig(num_envs=2, max_env_steps=15),
    "replay": ReplaySettings(capacity=200, batch_size=4),
    "evaluation": EvaluationSettings(every=40, matches=4, test_matches=1, test_epsilons=[0.0, 0.5]),
}


def new_data(**options) -> ExperienceDataModule:
    return ExperienceDataModule(**SMALL | options)


@pytest.fixture
def module() -> DuelingDoubleDQN:
    torch.manual_seed(0)
    return DuelingDoubleDQN(num_actions=26, network=narrow(8))


# -- launchers ---------------------------------------------------------------------------------------------------------


def test_ranks_that_are_spawned_are_refused(module, tmp_path):
    trainer = new_trainer(tmp_path, devices=2, strategy="ddp_spawn")
    data = new_data()
    data.trainer = trainer
    for stage in ("fit", "validate", "test", "predict"):
        with pytest.raises(UserError, match=r"trainer\.strategy must be ddp for 2 ranks, got DDPStrategy in proc"):
            data.setup(stage)
    assert list(tmp_path.iterdir()) == []


def test_a_trainer_of_one_rank_logs_whatever_its_launcher_says(module, tmp_path, monkeypatch):
    """Lightning reads RANK when it is imported, and then loggers of a second process write nothing."""
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    trainer = new_trainer(tmp_path, log_every_n_steps=1)
    trainer.logger = MetricsCSV(tmp_path)
    trainer.fit(module, new_data())
    assert "loss" in (tmp_path / "metrics.csv").read_text().splitlines()[0].split(",")


# -- arguments ---------------------------------------------------------------------------------------------------------


def test_states_by_group():
    data = new_data(original_states=["VeryEasy.Bramble-01", "VeryEasy.S*"])
    assert data.state_groups == {
        "original": ["VeryEasy.Bramble-01", "VeryEasy.Scythe-03"],
        "challenging": ["Hard.Kestrel-05"],
    }
    assert data.evaluation_states == ["VeryEasy.Bramble-01", "VeryEasy.Scythe-03", "Hard.Kestrel-05"]
    assert data.train_states == pytest.approx(dict.fromkeys(data.evaluation_states, 1 / 3))


def test_a_group_can_be_left_out():
    assert list(new_data(original_states=None).state_groups) == ["challenging"]


def test_training_states_have_weights():
    data = new_data(train_states={"VeryEasy.Bramble-01": 3, "Hard.Kestrel-05": 1})
    assert data.train_states == {"VeryEasy.Bramble-01": 0.75, "Hard.Kestrel-05": 0.25}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"game": "doojo"}, "did you mean"),
        ({"original_states": ["VeryEasy.Brambel-01"]}, "did you mean 'VeryEasy.Bramble-01'"),
        ({"original_states": None, "challenging_states": None}, "both empty: name a state in one"),
        ({"challenging_states": ["VeryEasy.*"]}, "VeryEasy.Bramble-01 is both in"),
        ({"max_env_steps": -40}, "max_env_steps must be between 1 and .* got -40"),
        ({"warmup_env_steps": -1}, "warmup_env_steps must be between 0 and .* got -1"),
        ({"warmup_env_steps": 0, "env_steps_per_learner_step": 2}, "warmup_env_steps must be at least 6.* got 0"),
        ({"warmup_env_steps": 40.0}, "at most 1.0, got 40.0; write 40"),
        ({"env_steps_per_learner_step": 0}, "between 1 and 1,000,000,000,000 env_steps, got 0"),
        ({"env_steps_per_learner_step": -7}, "between 1 and 1,000,000,000,000 env_steps, got -7"),
        ({"env_steps_per_learner_step": 10**400}, "between 1 and 1,000,000,000,000 env_steps, got 1000.*000"),
        ({"epsilon": Linear(1.0, -0.5, 10)}, "epsilon must stay between 0 and 1, got -0.5"),
        ({"epsilon": 1.01}, "epsilon must stay between 0 and 1, got 1.01"),
        ({"reward_scale": 0.0}, "reward_scale must be above 0, got 0.0"),
        ({"seed": -3}, "ExperienceDataModule.seed must be between 0 and 4,294,967,295, got -3"),
        (
            {"replay": ReplaySettings(capacity=15, batch_size=4)},
            "ReplaySettings.capacity must be at least 16 transitions for 2 environments and a batch of 4, got 15",
        ),
        ({"replay": ReplaySettings(capacity=40, batch_size=41)}, "batch_size must be at most .* .40., got 41"),
        ({"rehearsal_ratio": 0.01}, "rehearsal_ratio 0.01 of a batch of 4 leaves no .* nearest: 0.25"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UserError, match=message) as error:
        new_data(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("option", "value", "others", "hint"),
    [
        ("env_steps_per_learner_step", 0, {}, "between 1"),
        ("env_steps_per_learner_step", 10**400, {}, "and 1,000,000,000,000"),
        ("warmup_env_steps", 0, {"env_steps_per_learner_step": 3}, "at least 4"),
        ("warmup_env_steps", 3, {"env_steps_per_learner_step": 1}, "at least 6"),
        ("warmup_env_steps", 0, {"env_steps_per_learner_step": 2}, "at least 6"),
        ("replay.capacity", 15, {}, "at least 16"),
        ("replay.capacity", 15, {"replay.batch_size": 41}, "at least 41"),
        ("replay.batch_size", 201, {}, "at most ReplaySettings.capacity (200)"),
        ("replay.batch_size", 16_385, {}, "and 200"),
        ("replay.batch_size", 10**6, {"replay.capacity": 20_000}, "and 16,384"),
        ("replay.n_step", 101, {"replay.capacity": 210, "warmup_env_steps": 194}, "and 100"),
        ("rehearsal_ratio", 0.01, {}, "nearest: 0.25"),
        ("rehearsal_ratio", 0.99, {}, "nearest: 0.75"),
        ("rehearsal_ratio", 0.5, {"replay.batch_size": 1}, "nearest: 0"),
        ("rehearsal_ratio", 0.001, {"replay.batch_size": 3}, "nearest: 0.333333"),
        ("max_env_steps", 0, {}, "between 1"),
        ("max_env_steps", 10**30, {}, "and 1,000,000,000,000"),
        ("evaluation.every", 2e5, {}, "write 200000"),
    ],
)
def test_who_follows_a_hint_meets_no_other_error(option, value, others, hint):
    def made(value):
        options: dict[str, dict[str, Any]] = {"": {}, "replay": {}, "evaluation": {}}
        for name, number in (others | {option: value}).items():
            group, _, key = name.rpartition(".")
            options[group][key] = number
        settings = {name: replace(SMALL[name], **options[name]) for name in ("replay", "evaluation")}
        return new_data(**settings, **options[""])

    with pytest.raises(UserError, match=re.escape(hint) + r"(?![\d.,]*\d)"):
        made(value)
    number = re.sub(r"[^\d.]", "", hint.rpartition(" ")[2])
    made(float(number) if "." in number else int(number))


@pytest.fixture
def no_rom(tmp_path):
    """The dojo without its ROM, as everybody has Mortal Kombat II at first."""
    game = copy_of_the_dojo(tmp_path)
    (game / "rom.md").unlink()
    return {
        "game": str(game / "game.yaml"),
        "original_states": ["VeryEasy.Bramble-01"],
        "challenging_states": ["VeryEasy.Heron-06"],
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no ROM at .*rom.md"),
        ({"env_steps_per_learner_step": 0}, "env_steps_per_learner_step must be"),
        ({"seed": -3}, "ExperienceDataModule.seed must be"),
        ({"rehearsal_ratio": 0.25, "original_states": None}, "ExperienceDataModule.original_states is empty"),
        ({"train_states": ["VeryEasy.Hero"]}, "did you mean 'VeryEasy.Heron-06'"),
        ({"challenging_states": ["VeryEasy.*"]}, "VeryEasy.Bramble-01 is both in"),
    ],
)
def test_the_rom_is_asked_for_last(no_rom, options, message):
    with pytest.raises(UserError, match=message):
        new_data(**no_rom | options)


@pytest.mark.parametrize("num_envs", [1, 2])
def test_the_least_that_is_allowed_can_be_drawn_from(tmp_path, module, num_envs):
    """The smallest replay and warm-up, or the messages would give wrong advice."""
    data = new_data(
        env=EnvConfig(num_envs=num_envs, max_env_steps=15),
        replay=ReplaySettings(capacity=8 * num_envs, n_step=3, batch_size=4),
        env_steps_per_learner_step=num_envs,
        warmup_env_steps=3 * num_envs,
    )
    trainer = new_trainer(tmp_path, limit_train_batches=3, limit_val_batches=0)
    trainer.fit(module, data)
    assert trainer.global_step == 3


# -- loaders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed"])
def test_td_errors_become_priorities_at_any_precision(tmp_path, module, precision):
    """Lightning copies every floating-point tensor of a batch to the precision of the run."""
    priorities = Priorities(alpha=1.0, beta=1.0)
    data = new_data(replay=ReplaySettings(capacity=200, batch_size=4, priorities=priorities))
    drawn = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            assert data._loader is not None
            assert data._loader._learnt is not None
            drawn.append(data._loader._learnt)

    trainer = new_trainer(tmp_path, Watch(), limit_train_batches=3, limit_val_batches=0, precision=precision)
    trainer.fit(module, data)
    assert len(drawn) == 3
    for indices, td_errors in drawn:
        assert indices.shape == td_errors.shape == (4,)
        assert td_errors.dtype == np.float32
        assert (td_errors > 0).all()


def test_indices_stay_in_host_memory_when_a_batch_moves():
    batch = random_batch(0)
    moved = new_data().transfer_batch_to_device(batch, torch.device("meta"), 0)
    assert moved.indices is batch.indices
    assert moved.source is batch.source
    assert {t.device.type for t in (*moved.transition, moved.weights)} == {"meta"}
    assert (moved.env_steps, moved.stats) == (batch.env_steps, batch.stats)
    matches = [object()]
    assert new_data().transfer_batch_to_device(matches, torch.device("meta"), 0) is matches


def test_a_run_is_as_long_as_its_length_says(tmp_path, module, caplog):
    """90 env_steps and a validation every 40 are no whole learner_steps of 8: two epochs of six."""
    caplog.set_level(logging.INFO, "mk_lightning")
    data, batches, validations = new_data(max_env_steps=90, warmup_env_steps=21), [], []

    class Watch(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            batches.append(batch.env_steps)

        def on_validation_end(self, trainer, pl_module):
            validations.append(pl_module.env_steps)

    new_trainer(tmp_path, Watch(), epochs=data.max_epochs).fit(module, data)
    assert data.learner_steps_per_epoch == 6
    assert validations[1:] == [22 + 48, 22 + 96], "the first is Lightning's sanity check"
    assert batches == list(range(22 + 8, 22 + 96 + 1, 8))
    assert data.length.end == batches[-1]
    said = [line for line in caplog.messages if "trains for" in line]
    assert len(said) == 1
    assert said[0].startswith("the run trains for 96 env_steps, in 2 epochs of 48")


def test_an_epoch_is_the_time_between_two_validations(tmp_path, module):
    data = new_data()
    trainer = new_trainer(tmp_path, epochs=2, limit_val_batches=0)
    trainer.fit(module, data)
    assert trainer.num_training_batches == 40 // 8
    assert trainer.global_step == 10


def test_validation_and_test_matches(tmp_path, module):
    """Every state, the same seeds whatever is evaluated, and none of a test's matches in a validation."""
    data, trainer = new_data(), new_trainer(tmp_path)
    (metrics,) = trainer.validate(module, data, verbose=False)
    scores = module.val_scores[0].per_state()
    returned = {state: metrics[f"val/return/{state}"] for state in data.evaluation_states}
    assert returned == pytest.approx({state: score.mean_return for state, score in scores.items()})
    assert {state: score.matches for state, score in scores.items()} == dict.fromkeys(data.evaluation_states, 4)
    assert trainer.val_dataloaders is not None
    validated = trainer.val_dataloaders.specs
    returned = {name: value for row in trainer.test(module, data, verbose=False) for name, value in row.items()}
    for epsilon, scores in module.test_scores.items():
        for state, score in scores.per_state().items():
            assert returned[f"test/epsilon_{epsilon:g}/return/{state}"] == pytest.approx(score.mean_return)
    assert trainer.test_dataloaders is not None
    tested = [loader.specs for loader in trainer.test_dataloaders]
    assert [loader.epsilon for loader in trainer.test_dataloaders] == [0.0, 0.5]
    assert tested[0] == tested[1]
    assert sorted(spec.state for spec in tested[0]) == sorted(data.evaluation_states)
    assert not {spec.seed for spec in tested[0]} & {spec.seed for spec in validated}
    assert len({spec.seed for spec in validated}) == 4
    predicted = trainer.predict(module, data)
    assert predicted is not None
    assert [record.spec for batch in predicted for record in batch] == tested[0]


@pytest.mark.parametrize("test_seed", [0, 3])
def test_mixed_test_matches_are_as_many_on_states_drawn_alike_for_all(tmp_path, module, test_seed):
    settings = EvaluationSettings(
        every=40, matches=1, test_matches=4, test_seed=test_seed, mixed=True, test_epsilons=[0.0, 1.0]
    )
    data = new_data(evaluation=settings, env=EnvConfig(num_envs=2, max_env_steps=5))
    recorder = MatchRecorder()
    new_trainer(tmp_path, recorder).test(module, data, verbose=False)
    first, second = ([record.spec for record in records] for records in recorder.records)
    assert first == second
    assert [spec.seed for spec in first] == [(2 + test_seed) * 1_000_000 + m for m in range(12)]
    states = [spec.state for spec in first]
    assert set(states) <= set(data.evaluation_states)
    assert len(set(map(tuple, zip(*[iter(states)] * 3, strict=True)))) > 1, "not in turn"


def test_an_evaluation_that_is_cut_short_can_be_followed_by_another(tmp_path, module):
    data = new_data()
    trainer = new_trainer(tmp_path, limit_val_batches=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pytest.PytestUnraisableExceptionWarning)
        for _ in range(2):
            trainer.validate(module, data, verbose=False)
            assert sum(s.matches for s in module.val_scores[0].per_state().values()) == 8


def test_a_fit_after_a_test_of_a_checkpoint_starts_anew(tmp_path, module):
    """Lightning gives a test the DataModule's state, too; it must not wait there for the next fit."""
    data, trainer = new_data(), new_trainer(tmp_path, limit_val_batches=0)
    trainer.fit(module, data)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    data = new_data()
    new_trainer(tmp_path).test(module, data, ckpt_path=tmp_path / "a.ckpt", weights_only=True, verbose=False)
    seen = []
    module.on_train_batch_start = lambda batch, _: seen.append(batch.env_steps)
    new_trainer(tmp_path, limit_train_batches=1, limit_val_batches=0).fit(module, data)
    assert seen == [20 + 8]


def test_loading_a_checkpoint_or_making_a_data_module_starts_no_emulator():
    data = new_data()
    assert data.state_dict() == {}
    data.load_state_dict({"replay": {}})
    data.teardown("fit")
