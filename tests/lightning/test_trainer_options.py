"""Every option of Lightning's Trainer does what Lightning documents, or one line refuses it before anything is played.

A new version of Lightning with another option fails the first test.
"""

from __future__ import annotations

import csv
import inspect
import json
import logging
from typing import Any

import pytest
import torch
import yaml
from pytorch_lightning import Trainer

from mk_lightning.cli.main import main
from mk_lightning.utils.errors import UserError
from tests.cli.mistakes import Mistake, refuse
from tests.cli.mistakes import fit as command
from tests.data.test_datamodule import new_data
from tests.lightning.outcomes import documented
from tests.lightning.probe import (
    Probe,
    new_module,
    new_trainer,
)
from tests.test_resume import CONFIG

WORKS, DIFFERS, REFUSED = "works", "differs", "refused"
OUTCOMES = {
    "accelerator": (WORKS, WORKS),
    "strategy": (WORKS, WORKS),
    "devices": (WORKS, WORKS),
    "num_nodes": (WORKS, WORKS),
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
    "strategy": ("ddp", "must be auto for 1 rank (trainer.devices times trainer.num_nodes), got ddp"),
    "devices": ("2", "trainer.strategy must be ddp for 2 ranks (trainer.devices times trainer.num_nodes), got auto"),
    "num_nodes": ("3", "must be ddp for 3 ranks"),
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


# -- works at the command line -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """A fit with every option that works at the command line, and what it printed; tests/ranks has several devices."""
    run = tmp_path_factory.mktemp("whole") / "run"
    config = json.loads(json.dumps(CONFIG))
    config["trainer"] = {
        "accelerator": "cpu",
        "strategy": "auto",
        "devices": 1,
        "num_nodes": 1,
        "precision": "64-true",
        "logger": {"class_path": "pytorch_lightning.loggers.CSVLogger", "init_args": {"save_dir": str(run / "own")}},
        "callbacks": [{"class_path": "tests.lightning.probe.Probe", "init_args": {"stop": 12}}],
        "min_epochs": 2,
        "min_steps": 10,
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
    assert len(probe.batches) == 20, "min_epochs and min_steps hold a stop up"
    assert probe.batches[-1].learner_step == 10, "two batches accumulated each"
    assert max(seen.gradient_max for seen in probe.batches[1::2]) == pytest.approx(0.01), "those of a learner_step"
    assert {(seen.anomaly, seen.deterministic, seen.dtype) for seen in probe.batches} == {(True, True, torch.float64)}
    assert probe.sanity_batches == 1
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    logged = {int(row["step"]): row["loss"] for row in rows if row["loss"]}
    assert list(logged) == [2, *range(5, 10)], "every third, and once it is to stop every learner_step"
    assert len(set(logged.values())) == len(logged), "a row is of its own learner_step"
    (own,) = (run / "own").glob("**/metrics.csv")
    assert [float(row["loss"]) for row in csv.DictReader(own.open()) if row["loss"]] == [*map(float, logged.values())]


def test_the_run_ends_with_its_reports(whole_run) -> None:
    run, _, said, _ = whole_run
    assert (run / "report.html").is_file()
    assert (run / "before_after.txt").is_file()
    assert said.count("FIT Profiler Report") == 1, "a run is one stage"
    assert "SingleDeviceStrategy.trainin" in said
