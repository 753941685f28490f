"""Every callback of Lightning's that works does what Lightning documents."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning.callbacks as shipped
import torch
from pytorch_lightning import Callback
from pytorch_lightning.loggers import CSVLogger

from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.schedules import Linear
from tests.learning.batches import ACTIONS
from tests.lightning.probe import BATCHES, VALIDATION_BATCHES, Played, Probe, fit, new_module, new_trainer
from tests.lightning.test_callbacks import OUTCOMES, WORKS
from tests.networks.narrow import narrow

# -- works -------------------------------------------------------------------------------------------------------------


def rows(folder: Path) -> list[dict[str, str]]:
    """What a fit has logged."""
    (path,) = folder.glob("**/metrics.csv")
    return list(csv.DictReader(path.open()))


def base_prediction_writer(folder: Path) -> None:
    class Writer(shipped.BasePredictionWriter):
        def __init__(self) -> None:
            super().__init__("batch_and_epoch")
            self.seeds: list[int] = []
            self.predictions: Any = None

        def write_on_batch_end(self, trainer, pl_module, prediction, batch_indices, batch, batch_idx, dataloader_idx):
            self.seeds += [match.spec.seed for match in prediction]

        def write_on_epoch_end(self, trainer, pl_module, predictions, batch_indices):
            self.predictions = predictions

    writer = Writer()
    new_trainer(folder, writer).predict(new_module(), Played())
    assert writer.seeds == [match.spec.seed for batch in writer.predictions for match in batch] == [0, 1, 2]


def callback(folder: Path) -> None:
    class Counting(Callback):
        count = 0

        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            self.count += 1

    fit(folder, counting := Counting())
    assert counting.count == BATCHES


def checkpoint(folder: Path) -> None:
    class Every(shipped.Checkpoint):
        def on_train_batch_end(self, trainer, *_: Any) -> None:
            trainer.save_checkpoint(folder / f"{trainer.global_step}.ckpt")

    fit(folder, Every(), enable_checkpointing=True)
    steps = {path.stem: torch.load(path, weights_only=True)["global_step"] for path in folder.glob("*.ckpt")}
    assert steps == {str(step): step for step in range(1, BATCHES + 1)}


def device_stats_monitor(folder: Path) -> None:
    fit(folder, shipped.DeviceStatsMonitor(), logger=CSVLogger(folder), log_every_n_steps=1)
    column = "DeviceStatsMonitor.on_train_batch_end/cpu_vm_percent"
    assert sum(0 < float(row[column]) < 100 for row in rows(folder) if row[column]) == BATCHES


def early_stopping(folder: Path) -> None:
    stopping = shipped.EarlyStopping("val/win_rate/all", mode="max", patience=2)
    assert fit(folder, stopping, max_epochs=9).trainer.global_step == 3 * BATCHES, "every validation is won"
    assert stopping.wait_count == 2


def gradient_accumulation_scheduler(folder: Path) -> None:
    run = fit(folder, shipped.GradientAccumulationScheduler({0: 2, 1: 5}), max_epochs=2)
    assert run.trainer.global_step == 3 + 1
    run.trainer.fit_loop.max_epochs = 3
    run.trainer.fit(run.module, Played())
    assert run.trainer.global_step == 3 + 1 + 1


def lambda_callback(folder: Path) -> None:
    seen: list[int] = []
    fit(folder, shipped.LambdaCallback(on_train_batch_end=lambda trainer, *_: seen.append(trainer.global_step)))
    assert seen == [1, 2, 3, 4, 5]


def learning_rate_monitor(folder: Path) -> None:
    """The rate that a learner_step uses, also of the first one, after a validation, and after a resume."""

    def rates(path: Path | None, name: str, epochs: int) -> list[float]:
        module = new_module(learning_rate=Linear(1e-2, 1e-3, 0.5), learning_rate_warmup=0.2)
        monitor, probe, logger = shipped.LearningRateMonitor("step"), Probe(), CSVLogger(folder, name)
        trainer = new_trainer(folder, monitor, probe, max_epochs=epochs, logger=logger, log_every_n_steps=1)
        trainer.fit(module, Played(), ckpt_path=path, weights_only=True)
        trainer.save_checkpoint(folder / f"{name}.ckpt")
        logged = [float(row["lr-Adam"]) for row in rows(folder / name) if row["lr-Adam"]]
        assert logged == [seen.rate for seen in probe.batches]
        assert logged == pytest.approx([float(r["learning_rate"]) for r in rows(folder / name) if r["learning_rate"]])
        return logged

    expected = [Linear(1e-2, 1e-3, 160)(t) * min(1, t / 64) for t in range(32, 321, 32)]
    assert rates(None, "begun", 1) == expected[:5]
    assert rates(folder / "begun.ckpt", "resumed", 2) == expected[5:]


def test_a_rate_logged_as_an_epoch_starts_is_the_latest_one(tmp_path) -> None:
    """There is no batch yet, and so no other; of a new run it is the schedule's first, not the optimizer's own."""
    module = new_module(learning_rate=Linear(1e-2, 1e-3, 1.0))
    monitor = shipped.LearningRateMonitor("epoch")
    run = fit(tmp_path, monitor, module=module, logger=CSVLogger(tmp_path), max_epochs=2)
    assert [float(row["lr-Adam"]) for row in rows(tmp_path) if row["lr-Adam"]] == [1e-2, run.probe.batches[4].rate]


def test_whoever_has_the_hooks_of_a_transfer_the_rate_is_set(tmp_path) -> None:
    """They may forget to call those that they override."""

    class Augmented(Played):
        def on_before_batch_transfer(self, batch, dataloader_idx):
            return batch

    class Own(DuelingDoubleDQN):
        def on_after_batch_transfer(self, batch, dataloader_idx):
            return batch

    module = Own(num_actions=ACTIONS, network=narrow(8), learning_rate=Linear(1e-2, 1e-3, 1.0))
    probe = Probe()
    new_trainer(tmp_path, probe).fit(module, Augmented())
    assert [seen.rate for seen in probe.batches] == [Linear(1e-2, 1e-3, 320)(t) for t in range(32, 161, 32)]
    assert module.env_steps == 160


def model_checkpoint(folder: Path) -> None:
    saved = shipped.ModelCheckpoint(folder, "{step}", monitor="val/return/all", mode="max", every_n_epochs=1)
    run = fit(folder, saved, enable_checkpointing=True)
    assert saved.best_model_score is not None
    assert float(saved.best_model_score) == 12.5
    module = type(run.module).load_from_checkpoint(saved.best_model_path)
    assert all(map(torch.equal, module.parameters(), run.module.parameters()))


def model_summary(folder: Path) -> None:
    summary = shipped.ModelSummary(max_depth=1)
    run = fit(folder, summary, enable_model_summary=True)
    assert summary._summary(run.trainer, run.module).total_parameters == sum(p.numel() for p in run.module.parameters())


def on_exception_checkpoint(folder: Path) -> None:
    class Failing(Callback):
        def on_train_batch_end(self, trainer, *_: Any) -> None:
            if trainer.global_step == 3:
                raise RuntimeError("the lights went out")

    with pytest.raises(RuntimeError, match="the lights went out"):
        fit(folder, Failing(), shipped.OnExceptionCheckpoint(folder), enable_checkpointing=True)
    assert torch.load(folder / "on_exception.ckpt", weights_only=True)["global_step"] == 3


def progress_bar(folder: Path) -> None:
    class Bar(shipped.ProgressBar):
        shown: dict[str, Any]

        def on_train_batch_end(self, trainer, pl_module, *_: Any) -> None:
            self.shown = {"batches": self.total_train_batches, "matches": self.total_val_batches}

        def disable(self) -> None:
            """Nothing."""

    fit(folder, bar := Bar(), enable_progress_bar=True)
    assert bar.shown == {"batches": BATCHES, "matches": VALIDATION_BATCHES}


def rich_model_summary(folder: Path) -> None:
    run = fit(folder, shipped.RichModelSummary(), enable_model_summary=True)
    assert sum(isinstance(callback, shipped.ModelSummary) for callback in run.trainer.callbacks) == 1  # type: ignore[attr-defined]


def rich_progress_bar(folder: Path) -> None:
    fit(folder, bar := shipped.RichProgressBar(leave=True), enable_progress_bar=True)
    assert bar.progress is not None
    assert next(task.total for task in bar.progress.tasks) == BATCHES


def tqdm_progress_bar(folder: Path) -> None:
    fit(folder, bar := shipped.TQDMProgressBar(), enable_progress_bar=True)
    assert bar.train_progress_bar.n == BATCHES


def throughput_monitor(folder: Path) -> None:
    monitor = shipped.ThroughputMonitor(lambda batch: len(batch.weights) if hasattr(batch, "weights") else len(batch))
    fit(folder, monitor, logger=CSVLogger(folder), log_every_n_steps=1)
    assert [float(row["train/samples"]) for row in rows(folder) if row["train/samples"]] == [1, 2, 3, 4, 5]


def timer(folder: Path) -> None:
    watch = shipped.Timer(duration={"seconds": 0}, interval="epoch", verbose=False)
    watch.on_fit_start = lambda *_: None  # type: ignore[method-assign]  # it would stop before the first epoch
    assert fit(folder, watch, max_epochs=9).trainer.global_step == BATCHES
    assert watch.time_elapsed("train") > watch.time_elapsed("validate") > 0


def averages(folder: Path, averaging: shipped.WeightAveraging, closed_form: Callable[[list], torch.Tensor]) -> None:
    """The module ends with the average of the weights after each learner_step."""
    after: list[torch.Tensor] = []

    class Weights(Callback):
        def on_train_batch_end(self, trainer, pl_module, *_: Any) -> None:
            after.append(torch.cat([p.detach().flatten() for p in pl_module.online.parameters()]))

    run = fit(folder, averaging, Weights())
    torch.testing.assert_close(run.weights, closed_form(after))
    assert not torch.allclose(run.weights, after[-1])


def weight_averaging(folder: Path) -> None:
    averages(folder, shipped.WeightAveraging(), lambda after: torch.stack(after).mean(0))


def ema_weight_averaging(folder: Path) -> None:
    def moving(after: list) -> torch.Tensor:
        average = after[0]
        for weights in after[1:]:
            average = 0.8 * average + 0.2 * weights
        return average

    averages(folder, shipped.EMAWeightAveraging(decay=0.8), moving)


PROOFS: dict[str, Callable[[Path], None]] = {
    "BasePredictionWriter": base_prediction_writer,
    "Callback": callback,
    "Checkpoint": checkpoint,
    "DeviceStatsMonitor": device_stats_monitor,
    "EarlyStopping": early_stopping,
    "GradientAccumulationScheduler": gradient_accumulation_scheduler,
    "LambdaCallback": lambda_callback,
    "LearningRateMonitor": learning_rate_monitor,
    "ModelCheckpoint": model_checkpoint,
    "ModelSummary": model_summary,
    "OnExceptionCheckpoint": on_exception_checkpoint,
    "ProgressBar": progress_bar,
    "RichModelSummary": rich_model_summary,
    "RichProgressBar": rich_progress_bar,
    "ThroughputMonitor": throughput_monitor,
    "Timer": timer,
    "TQDMProgressBar": tqdm_progress_bar,
    "EMAWeightAveraging": ema_weight_averaging,
    "WeightAveraging": weight_averaging,
}


def test_every_callback_that_works_is_proved() -> None:
    assert PROOFS.keys() == {name for name, (_, outcome) in OUTCOMES.items() if outcome == WORKS}


@pytest.mark.parametrize("name", PROOFS)
@pytest.mark.filterwarnings("ignore")
def test_a_plain_trainer_does_what_lightning_documents(name, tmp_path) -> None:
    PROOFS[name](tmp_path)
