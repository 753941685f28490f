"""Every option of a plain Trainer that works does what Lightning documents."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.plugins import MixedPrecision
from pytorch_lightning.profilers import AdvancedProfiler, PyTorchProfiler, SimpleProfiler

from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError
from tests.data.test_datamodule import new_data
from tests.lightning.probe import (
    BATCHES,
    STATE,
    VALIDATION_BATCHES,
    Played,
    Probe,
    baseline,
    fit,
    new_module,
    new_trainer,
)
from tests.lightning.test_trainer_options import OUTCOMES, REFUSED
from tests.networks.narrow import narrow

# -- works under a plain Trainer ---------------------------------------------------------------------------------------


def accelerator(folder: Path) -> None:
    assert str(fit(folder, accelerator="cpu").module.device) == "cpu"


def strategy(folder: Path) -> None:
    try:
        several = fit(folder, strategy="ddp", devices=1)
    finally:
        torch.distributed.destroy_process_group()
    assert type(several.trainer.strategy).__name__ == "DDPStrategy"
    assert torch.equal(several.weights, baseline())


def precision(folder: Path) -> None:
    dtypes = {"64-true": torch.float64, "bf16-true": torch.bfloat16, "bf16-mixed": torch.float32}
    exact, before = baseline(), torch.cat([p.detach().flatten() for p in new_module().online.parameters()])
    for value, dtype in dtypes.items():
        run = fit(folder, precision=value)
        assert {seen.dtype for seen in run.probe.batches} == {dtype}
        assert (run.weights - exact).norm() < 0.3 * (exact - before).norm(), value
    with pytest.raises(UserError, match="16-true cannot train: float16 holds neither"):
        fit(folder, precision="16-true")


def logger(folder: Path) -> None:
    fit(folder, logger=CSVLogger(folder), log_every_n_steps=1)
    (path,) = folder.glob("**/metrics.csv")
    assert len([row for row in csv.DictReader(path.open()) if row["loss"]]) == BATCHES


def callbacks(folder: Path) -> None:
    assert len(fit(folder).probe.batches) == BATCHES


def fast_dev_run(folder: Path) -> None:
    run = fit(folder, fast_dev_run=2, max_epochs=9)
    assert (run.trainer.global_step, len(run.probe.validated)) == (2, 2)


def max_epochs(folder: Path) -> None:
    assert fit(folder, max_epochs=3).trainer.global_step == 3 * BATCHES


def min_epochs(folder: Path) -> None:
    assert fit(folder, stop=1, max_epochs=3).trainer.global_step == 1
    assert fit(folder, stop=1, max_epochs=3, min_epochs=2).trainer.global_step == 2 * BATCHES


def max_steps(folder: Path) -> None:
    assert fit(folder, max_steps=7, max_epochs=-1).trainer.global_step == 7


def min_steps(folder: Path) -> None:
    assert fit(folder, stop=1, max_epochs=3, min_steps=7).trainer.global_step == 7


def max_time(folder: Path) -> None:
    assert fit(folder, max_time=timedelta(0)).trainer.global_step == 0
    assert fit(folder, max_time={"hours": 1}).trainer.global_step == BATCHES


def limit_train_batches(folder: Path) -> None:
    assert fit(folder, limit_train_batches=2).trainer.global_step == 2
    assert fit(folder, limit_train_batches=0.8).trainer.global_step == 4


def limit_val_batches(folder: Path) -> None:
    run = fit(folder, limit_val_batches=2)
    score = run.module.val_scores[0].over([STATE])
    assert score is not None
    assert score.matches == len(run.probe.validated) == 2


def limit_test_batches(folder: Path) -> None:
    module = new_module()
    new_trainer(folder, limit_test_batches=2).test(module, Played(), verbose=False)
    score = module.test_scores[0.0].over([STATE])
    assert score is not None
    assert score.matches == 2


def limit_predict_batches(folder: Path) -> None:
    played = new_trainer(folder, limit_predict_batches=2).predict(new_module(), Played())
    assert played is not None
    assert len(played) == 2


def overfit_batches(folder: Path) -> None:
    run = fit(folder, overfit_batches=2, max_epochs=2)
    assert (run.trainer.global_step, len(run.probe.validated)) == (4, 4)


def val_check_interval(folder: Path) -> None:
    assert fit(folder, val_check_interval=2).probe.validated == [2] * VALIDATION_BATCHES + [4] * VALIDATION_BATCHES
    assert fit(folder, val_check_interval=0.6).probe.validated == [3] * VALIDATION_BATCHES
    timed = fit(folder, val_check_interval={"seconds": 0}).probe.validated
    assert timed == [step for step in range(1, BATCHES + 1) for _ in range(VALIDATION_BATCHES)]


def check_val_every_n_epoch(folder: Path) -> None:
    assert fit(folder, check_val_every_n_epoch=2, max_epochs=3).probe.validated == [2 * BATCHES] * VALIDATION_BATCHES


def num_sanity_val_steps(folder: Path) -> None:
    run = fit(folder, num_sanity_val_steps=2)
    assert run.probe.sanity_batches == 2
    assert torch.equal(run.weights, baseline())


def log_every_n_steps(folder: Path) -> None:
    fit(folder, logger=CSVLogger(folder), log_every_n_steps=2)
    (path,) = folder.glob("**/metrics.csv")
    assert [int(row["step"]) for row in csv.DictReader(path.open()) if row["loss"]] == [1, 3]


def enable_checkpointing(folder: Path) -> None:
    fit(folder, enable_checkpointing=True)
    (path,) = folder.glob("**/*.ckpt")
    assert torch.load(path, weights_only=True)["global_step"] == BATCHES


def enable_progress_bar(folder: Path) -> None:
    bar = fit(folder, enable_progress_bar=True).trainer.progress_bar_callback
    assert bar is not None
    assert bar.total_train_batches == BATCHES


def enable_model_summary(folder: Path) -> None:
    trainer = fit(folder, enable_model_summary=True).trainer
    names = [type(callback).__name__ for callback in trainer.callbacks]  # type: ignore[attr-defined]
    assert names.count("RichModelSummary") == 1


def accumulate_grad_batches(folder: Path) -> None:
    steps = [seen.learner_step for seen in fit(folder, accumulate_grad_batches=2).probe.batches]
    assert steps == [0, 1, 1, 2, 3], "and what is left at the end of an epoch makes a step, too"


def gradient_clip_val(folder: Path) -> None:
    assert min(seen.gradient_norm for seen in fit(folder).probe.batches) > 0.003
    assert [seen.gradient_norm for seen in fit(folder, gradient_clip_val=0.001).probe.batches] == pytest.approx(
        [0.001] * BATCHES, rel=1e-2
    )


def gradient_clip_algorithm(folder: Path) -> None:
    run = fit(folder, gradient_clip_val=0.003, gradient_clip_algorithm="value")
    assert [seen.gradient_max for seen in run.probe.batches] == pytest.approx([0.003] * BATCHES)
    assert min(seen.gradient_norm for seen in run.probe.batches) > 0.003


def deterministic(folder: Path) -> None:
    try:
        assert all(seen.deterministic for seen in fit(folder, deterministic=True).probe.batches)
    finally:
        torch.use_deterministic_algorithms(False)
    assert not any(seen.deterministic for seen in fit(folder).probe.batches)


def benchmark(folder: Path) -> None:
    for value in (True, False):
        assert {seen.benchmark for seen in fit(folder, benchmark=value).probe.batches} == {value}


def inference_mode(folder: Path) -> None:
    for value in (True, False):
        probe = Probe()
        new_trainer(folder, probe, inference_mode=value).test(new_module(), Played(), verbose=False)
        assert probe.inference == {value}


def use_distributed_sampler(folder: Path) -> None:
    assert torch.equal(fit(folder, use_distributed_sampler=False).weights, baseline())


def profiler(folder: Path) -> None:
    assert len(fit(folder, profiler=(simple := SimpleProfiler())).probe.batches) == BATCHES
    assert len(simple.recorded_durations["run_training_batch"]) == BATCHES
    fit(folder, profiler=AdvancedProfiler(folder, "advanced"))
    assert "Profile stats for: run_training_batch" in (folder / "fit-advanced.txt").read_text()
    trainer = new_trainer(folder, profiler=PyTorchProfiler(folder, "torch", export_to_chrome=False, row_limit=-1))
    module = new_module()
    trainer.validate(module, Played(), verbose=False)  # few batches, after which Lightning's own would fail in the next
    trainer.fit(module, Played())
    trainer.test(module, Played(), verbose=False)
    trainer.predict(module, Played())
    for stage, part in {"validate": "validati", "fit": "batch_to", "test": "test_ste", "predict": "predict_"}.items():
        assert f"[Strategy]SingleDeviceStrategy.{part}" in (folder / f"{stage}-torch.txt").read_text()
    trainer.fit(module, Played())
    assert trainer.global_step == BATCHES, "a fit that is done records nothing, and says nothing"


def detect_anomaly(folder: Path) -> None:
    for value in (True, False):
        assert {seen.anomaly for seen in fit(folder, detect_anomaly=value).probe.batches} == {value}


def barebones(folder: Path) -> None:
    off: dict[str, Any] = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    )
    run = fit(folder, barebones=True, **off)
    assert (run.trainer.global_step, run.trainer.loggers, dict(run.trainer.callback_metrics)) == (BATCHES, [], {})


def plugins(folder: Path) -> None:
    assert fit(folder, plugins=MixedPrecision("bf16-mixed", "cpu")).trainer.precision == "bf16-mixed"


def sync_batchnorm(folder: Path) -> None:
    assert torch.equal(fit(folder, sync_batchnorm=True).weights, baseline())


def default_root_dir(folder: Path) -> None:
    fit(folder / "there", enable_checkpointing=True)
    assert [path.name for path in folder.iterdir()] == ["there"]


def enable_autolog_hparams(folder: Path) -> None:
    class Named(DuelingDoubleDQN):
        def __init__(self, hidden: int) -> None:
            super().__init__(num_actions=5, network=narrow(hidden))
            self.save_hyperparameters()

    for value in (True, False):
        fit(
            folder / str(value),
            module=Named(hidden=8),
            logger=CSVLogger(folder / str(value)),
            enable_autolog_hparams=value,
        )
        found = [yaml.safe_load(path.read_text()) for path in (folder / str(value)).glob("**/hparams.yaml")]
        assert found == ([{"hidden": 8}] if value else [])


IN_RANKS = {"devices", "num_nodes"}
"""Options of several ranks, whose tests are in tests/ranks."""
PROOFS: dict[str, Callable[[Path], None]] = {
    option: globals()[option]
    for option, (_, outcome) in OUTCOMES.items()
    if outcome != REFUSED and option not in IN_RANKS
}


@pytest.mark.parametrize("option", PROOFS)
@pytest.mark.filterwarnings("ignore")
def test_a_plain_trainer_does_what_lightning_documents(option, tmp_path) -> None:
    PROOFS[option](tmp_path)


@pytest.mark.parametrize(
    ("options", "planned"),
    [
        ({"max_epochs": 2, "limit_train_batches": 3}, "48"),
        ({"max_epochs": 2, "limit_train_batches": 0.2}, "16"),
        ({"max_epochs": 2, "overfit_batches": 1}, "16"),
        ({"fast_dev_run": 3}, "24"),
        ({"max_epochs": 3}, "120"),
        ({"max_steps": 2, "max_epochs": -1, "accumulate_grad_batches": 2}, "32"),
        ({"max_epochs": -1}, "inf"),
    ],
)
def test_a_fit_of_another_length_than_schedules_go_by_is_told(options, planned, tmp_path, caplog) -> None:
    """80 env_steps are ten batches of 8, in two epochs."""
    data = new_data()
    data.trainer = new_trainer(tmp_path, **options)
    data.trainer.strategy._lightning_module = new_module()
    with caplog.at_level(logging.WARNING):
        data.setup("fit")
    assert f"this Trainer trains {planned} env_steps, but ExperienceDataModule.max_env_steps" in caplog.text
    assert "is 80; Trainer(max_epochs=2) without limits trains as many" in caplog.text


def test_a_fit_of_the_right_length_says_nothing(tmp_path, caplog) -> None:
    data = new_data()
    data.trainer = new_trainer(tmp_path, max_epochs=2)
    data.setup("fit")
    assert not [record for record in caplog.records if record.name.startswith("mk_lightning")]
