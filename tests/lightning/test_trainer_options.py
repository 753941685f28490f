"""Every option of Lightning's Trainer does what Lightning documents, or one line refuses it before anything is played.

A new version of Lightning with another option fails the first test.
"""

from __future__ import annotations

import csv
import inspect
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.plugins import MixedPrecision
from pytorch_lightning.profilers import AdvancedProfiler, PyTorchProfiler, SimpleProfiler

from mk_lightning.cli.main import main
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError
from tests.cli.mistakes import Mistake, refuse
from tests.cli.mistakes import fit as command
from tests.data.test_datamodule import new_data
from tests.lightning.outcomes import documented
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
from tests.networks.narrow import narrow
from tests.test_resume import CONFIG

WORKS, DIFFERS, REFUSED = "works", "differs", "refused"
OUTCOMES = {
    "accelerator": (WORKS, WORKS),
    "strategy": (REFUSED, WORKS),
    "devices": (REFUSED, REFUSED),
    "num_nodes": (REFUSED, REFUSED),
    "precision": (WORKS, WORKS),
    "logger": (DIFFERS, WORKS),
    "callbacks": (WORKS, WORKS),
    "fast_dev_run": (REFUSED, WORKS),
    "max_epochs": (REFUSED, WORKS),
    "min_epochs": (WORKS, WORKS),
    "max_steps": (REFUSED, WORKS),
    "min_steps": (WORKS, WORKS),
    "max_time": (REFUSED, WORKS),
    "limit_train_batches": (REFUSED, WORKS),
    "limit_val_batches": (REFUSED, WORKS),
    "limit_test_batches": (REFUSED, WORKS),
    "limit_predict_batches": (REFUSED, WORKS),
    "overfit_batches": (REFUSED, DIFFERS),
    "val_check_interval": (REFUSED, WORKS),
    "check_val_every_n_epoch": (REFUSED, WORKS),
    "num_sanity_val_steps": (WORKS, WORKS),
    "log_every_n_steps": (WORKS, WORKS),
    "enable_checkpointing": (REFUSED, WORKS),
    "enable_progress_bar": (WORKS, WORKS),
    "enable_model_summary": (WORKS, WORKS),
    "accumulate_grad_batches": (WORKS, WORKS),
    "gradient_clip_val": (WORKS, WORKS),
    "gradient_clip_algorithm": (WORKS, WORKS),
    "deterministic": (WORKS, WORKS),
    "benchmark": (WORKS, WORKS),
    "inference_mode": (WORKS, WORKS),
    "use_distributed_sampler": (WORKS, WORKS),
    "profiler": (WORKS, WORKS),
    "detect_anomaly": (WORKS, WORKS),
    "barebones": (REFUSED, WORKS),
    "plugins": (DIFFERS, WORKS),
    "sync_batchnorm": (WORKS, WORKS),
    "reload_dataloaders_every_n_epochs": (REFUSED, REFUSED),
    "default_root_dir": (REFUSED, WORKS),
    "enable_autolog_hparams": (WORKS, WORKS),
    "model_registry": (REFUSED, REFUSED),
}
"""At the command line, under a plain Trainer."""


def test_every_option_is_in_the_table() -> None:
    assert list(OUTCOMES) == list(inspect.signature(Trainer.__init__).parameters)[1:]


def test_the_documentation_says_the_same() -> None:
    assert documented("Options of the Trainer") == OUTCOMES


# -- refused at the command line ---------------------------------------------------------------------------------------

NO_COMMAND_LINE: dict[str, list[tuple[str, str]]] = {
    "strategy": [("ddp", "got ddp: a run is one process with one device")],
    "devices": [("2", "must be 1, got 2 and 1")],
    "num_nodes": [("3", "must be 1, got 1 and 3")],
    "fast_dev_run": [("1", "got 1: for a trial, lower"), ("true", "got True: for a trial, lower data.max_env_steps")],
    "max_epochs": [("3", "trainer.max_epochs follows from data.max_env_steps")],
    "max_steps": [("9", "got 9: data.max_env_steps says how long to train")],
    "max_time": [("00:03:00:00", "`timeout -s INT 3h mk-lightning fit ...` stops a run after 3 hours")],
    "limit_train_batches": [("1", "got 1: data.max_env_steps says"), ("0.5", "got 0.5: data.max_env_steps says")],
    "limit_val_batches": [("1", "got 1: data.evaluation.matches says"), ("0", "got 0: data.evaluation.matches says")],
    "limit_test_batches": [("1", "got 1: data.evaluation.test_matches says"), ("0.5", "data.evaluation.test_matches")],
    "limit_predict_batches": [("1", "got 1: data.evaluation.test_matches says"), ("2", "data.evaluation.test_matches")],
    "overfit_batches": [("1", "got 1: a batch that is drawn"), ("1.0", "got 1.0: a batch that is drawn")],
    "val_check_interval": [
        ("1", "got 1: data.evaluation.every says"),
        ("0.5", "got 0.5: data.evaluation.every says how often to validate"),
        ("00:00:01:00", "got 00:00:01:00: data.evaluation.every says"),
    ],
    "check_val_every_n_epoch": [("2", "got 2: data.evaluation.every says how often to validate")],
    "enable_checkpointing": [("false", "measured by its best checkpoint")],
    "barebones": [("true", "got True: a run logs and has checkpoints")],
    "reload_dataloaders_every_n_epochs": [("1", "got 1: training would begin again with an empty replay")],
    "default_root_dir": [("elsewhere", "got elsewhere: run_dir names the directory of a run")],
    "model_registry": [("mine", "got mine: the checkpoints of a run are in its directory")],
}
ALSO_REFUSED = {
    "precision": ("16-true", "16-true cannot train"),
    "profiler": ("xla", "a run has no TPU"),
    "accelerator": ("gpuu", "invalid accelerator name"),
    "gradient_clip_algorithm": ("both", "Allowed algorithms"),
    "accumulate_grad_batches": ("0", "must be at least 1 batch, got 0"),
    "plugins": ("pytorch_lightning.plugins.TorchCheckpointIO", "a run writes and reads its checkpoints by itself"),
}
"""Values of options that work."""


def test_every_option_that_is_refused_at_the_command_line_is_tried() -> None:
    assert NO_COMMAND_LINE.keys() == {name for name, (outcome, _) in OUTCOMES.items() if outcome == REFUSED}


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [(option, *case) for option, cases in NO_COMMAND_LINE.items() for case in cases]
    + [(option, *case) for option, case in ALSO_REFUSED.items()],
)
def test_the_command_line_refuses(option, value, hint, tmp_path, capfd, monkeypatch) -> None:
    """In one line, with nothing written; also in an evaluation, which has the same options."""
    words = command(hint, f"--trainer.{option}", value).words
    stage = {"limit_test_batches": "test", "limit_predict_batches": "predict"}.get(option, "fit")
    assert hint in refuse(Mistake([stage, *words[1:]], hint), tmp_path, capfd, monkeypatch)


def test_the_command_line_tells_one_batch_from_all_of_them(tmp_path, capfd, monkeypatch) -> None:
    """1.0 is Lightning's default and comes to the next mistake; whichever union of the two typing has in its cache."""
    hint, stages = "monitor 'none' is not a metric", ("train", "val", "test", "predict")
    all_of_them = command(hint, *(f"--trainer.limit_{stage}_batches=1.0" for stage in stages), "--monitor=none")
    assert hint in refuse(all_of_them, tmp_path, capfd, monkeypatch)


# -- refused under a plain Trainer -------------------------------------------------------------------------------------

NO_TRAINER: dict[str, tuple[dict[str, Any], str]] = {
    "devices": ({"devices": 2, "strategy": "ddp_spawn"}, "trainer.devices must be 1, got 2 processes"),
    "num_nodes": ({"num_nodes": 2, "strategy": "ddp"}, "trainer.devices must be 1, got 2 processes"),
    "reload_dataloaders_every_n_epochs": ({"reload_dataloaders_every_n_epochs": 1}, "begin again with an empty replay"),
    "model_registry": ({"model_registry": "mine"}, "got mine: Lightning would pass over it"),
}


@pytest.mark.parametrize("option", NO_TRAINER)
def test_a_plain_trainer_refuses(option, tmp_path) -> None:
    options, message = NO_TRAINER[option]
    data = new_data()
    data.trainer = new_trainer(tmp_path, **options)
    with pytest.raises(UserError, match=message):
        data.setup("fit")


def test_every_option_that_a_plain_trainer_refuses_is_tried() -> None:
    assert NO_TRAINER.keys() == {name for name, (_, outcome) in OUTCOMES.items() if outcome == REFUSED}


def test_a_fit_that_is_refused_has_started_and_written_nothing(tmp_path) -> None:
    data = new_data()
    with pytest.raises(UserError, match="begin again with an empty replay"):
        new_trainer(tmp_path, reload_dataloaders_every_n_epochs=1).fit(new_module(num_actions=26), data)
    assert data._train_env is data._evaluation_env is None
    assert not list(tmp_path.iterdir())


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
    assert min(seen.gradient_norm for seen in fit(folder).probe.batches) > 0.012
    assert [seen.gradient_norm for seen in fit(folder, gradient_clip_val=0.01).probe.batches] == pytest.approx(
        [0.01] * BATCHES, rel=1e-3
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


PROOFS: dict[str, Callable[[Path], None]] = {
    option: globals()[option] for option, (_, outcome) in OUTCOMES.items() if outcome != REFUSED
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
    assert caplog.text == ""


# -- works at the command line -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """A fit with every option that works at the command line, none at its default, and what it printed."""
    run = tmp_path_factory.mktemp("whole") / "run"
    config = json.loads(json.dumps(CONFIG))
    config["trainer"] = {
        "accelerator": "cpu",
        "precision": "64-true",
        "logger": {"class_path": "pytorch_lightning.loggers.CSVLogger", "init_args": {"save_dir": str(run / "own")}},
        "callbacks": [{"class_path": "tests.lightning.probe.Probe", "init_args": {"stop": 12}}],
        "min_epochs": 2,
        "min_steps": 20,
        "num_sanity_val_steps": 1,
        "log_every_n_steps": 3,
        "enable_progress_bar": True,
        "enable_model_summary": True,
        "accumulate_grad_batches": 2,
        "gradient_clip_val": 0.01,
        "gradient_clip_algorithm": "value",
        "deterministic": True,
        "benchmark": True,
        "inference_mode": False,
        "use_distributed_sampler": False,
        "profiler": "pytorch",
        "detect_anomaly": True,
        "sync_batchnorm": True,
        "enable_autolog_hparams": False,
    }
    path = run.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(config))
    reports = logging.getLogger("pytorch_lightning.profilers")
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    reports.addHandler(handler)
    try:
        main(["fit", "-c", str(path), "--run_dir", str(run)])
    finally:
        reports.removeHandler(handler)
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.benchmark = False
    return run, Probe.latest, "\n".join(said), config["trainer"]


def test_every_option_that_works_at_the_command_line_is_in_the_run(whole_run) -> None:
    works = {name for name, (outcome, _) in OUTCOMES.items() if outcome != REFUSED}
    assert whole_run[3].keys() == works - {"plugins"}


def test_the_run_is_what_its_options_say(whole_run) -> None:
    run, probe, _, _ = whole_run
    assert len(probe.batches) == 40, "min_epochs and min_steps hold a stop up"
    assert probe.batches[-1].learner_step == 20, "two batches accumulated each"
    assert max(seen.gradient_max for seen in probe.batches[1::2]) == pytest.approx(0.01), "those of a learner_step"
    assert {(seen.anomaly, seen.deterministic, seen.dtype) for seen in probe.batches} == {(True, True, torch.float64)}
    assert probe.sanity_batches == 1
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    logged = {int(row["step"]): row["loss"] for row in rows if row["loss"]}
    assert list(logged) == [2, *range(5, 20)], "every third, and once it is to stop every learner_step"
    assert len(set(logged.values())) == len(logged), "a row is of its own learner_step"
    (own,) = (run / "own").glob("**/metrics.csv")
    assert [float(row["loss"]) for row in csv.DictReader(own.open()) if row["loss"]] == [*map(float, logged.values())]


def test_the_run_ends_with_its_reports(whole_run) -> None:
    run, _, said, _ = whole_run
    assert (run / "report.html").is_file()
    assert (run / "before_after.txt").is_file()
    assert said.count("FIT Profiler Report") == 1, "a run is one stage"
    assert "SingleDeviceStrategy.trainin" in said
