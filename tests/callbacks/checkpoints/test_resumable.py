"""When a run is saved; that saving changes nothing; and that it goes on from whatever was saved."""

from __future__ import annotations

import errno
import os
import re
from itertools import cycle
from pathlib import Path

import pytest

from benchmarks._whole_run import differences, everything
from mk_lightning.callbacks.checkpoints.best import BestCheckpoint
from mk_lightning.callbacks.checkpoints.resumable import ResumableCheckpoint
from mk_lightning.checkpointing.io import check_whole
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import RunStopped, UserError
from tests.lightning.probe import BATCHES, Played, new_module, new_trainer
from tests.lightning.probe import fit as lightning_fit
from tests.test_parity import Stopped
from tests.test_resume import fit

ACCUMULATED = ("--trainer.accumulate_grad_batches", "2")
"""Five learner_steps an epoch, of two batches each."""


def saved(run: Path) -> list[Path]:
    return [run / "checkpoints" / f"{name}.ckpt" for name in ("last", "previous")]


@pytest.fixture(scope="module")
def seldom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was saved around its validations alone."""
    run = tmp_path_factory.mktemp("seldom") / "run"
    fit(run, {}, [], "--checkpoint.every_minutes", "null", *ACCUMULATED)
    return run


def test_the_newest_and_the_one_before_it_are_kept(seldom: Path) -> None:
    last, previous = (check_whole(path) for path in saved(seldom))
    assert (last["global_step"], last["env_steps"]) == (10, 360)
    assert previous["global_step"] in {9, 10}, "before the last validation"


def test_however_often_a_run_is_saved_it_stays_the_same(seldom: Path, tmp_path: Path) -> None:
    fit(tmp_path / "run", {}, [], "--checkpoint.every_minutes", "1e-9", *ACCUMULATED)
    assert differences(everything(tmp_path / "run"), everything(seldom)) == []


def test_what_stopped_a_fit_does_not_stop_what_comes_after_it(tmp_path: Path) -> None:
    callbacks = (ResumableCheckpoint(), Stopped(after=1))
    module, trainer = new_module(), new_trainer(tmp_path, *callbacks, enable_checkpointing=True)
    with pytest.raises(RunStopped, match="SIGTERM while training") as stopped:
        trainer.fit(module, Played())
    (note,) = stopped.value.__notes__
    last = callbacks[0].folder / "last.ckpt"
    assert note == f"saved up to env_step {read_checkpoint(last)['env_steps']}; it goes on with ckpt_path={str(last)!r}"
    (rates,) = trainer.validate(module, Played(), verbose=False)
    assert "val/win_rate/all" in rates


@pytest.mark.parametrize("after", [4, 9])
def test_what_a_learner_step_logs_is_kept_though_a_signal_ends_the_run_on_it(after: int, tmp_path: Path) -> None:
    """Within an epoch, and on the last learner_step before a validation; every one logs."""
    run, words = tmp_path / "run", ("--trainer.log_every_n_steps=1",)
    fit(tmp_path / "whole", {"max_env_steps": 160}, [], *words)
    with pytest.raises(SystemExit):
        fit(
            run,
            {"max_env_steps": 160},
            [{"class_path": "tests.test_parity.Stopped", "init_args": {"after": after}}],
            *words,
        )
    assert read_checkpoint(run / "checkpoints/last.ckpt")["global_step"] == after + 1
    fit(run, {"max_env_steps": 160}, [], *words, "--ckpt_path", "last")
    assert differences(everything(run), everything(tmp_path / "whole")) == []


def test_a_checkpoint_is_called_by_the_last_validation_s_figure_also_after_a_resume(tmp_path: Path) -> None:
    """In the second epoch, before its own validation."""
    names = []
    for run in (tmp_path / "whole", tmp_path / "resumed"):
        named = {
            "dirpath": str(run / "own"),
            "filename": "{step}-{val/return/all:.3f}",
            "auto_insert_metric_name": False,
        }
        own = [{"class_path": "ModelCheckpoint", "init_args": {**named, "every_n_train_steps": 3, "save_top_k": -1}}]
        if run.stem == "resumed":
            fit(run, {"max_env_steps": 160}, own)
            fit(run, {}, own, "--ckpt_path", "last")
        else:
            fit(run, {}, own)
        names.append(sorted(path.name for path in (run / "own").iterdir()))
    assert names[0] == names[1]
    assert names[0][0].startswith("12-")
    assert not names[0][0].endswith("-0.000.ckpt")


def test_a_disk_without_links_does_without_the_one_before(
    seldom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its system calls that."""
    codes, refused = cycle((errno.EPERM, errno.EOPNOTSUPP)), set()

    def refuse(*_: object) -> None:
        refused.add(code := next(codes))
        raise OSError(code, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    run = tmp_path / "run"
    fit(run, {}, [], "--checkpoint.every_minutes", "null", *ACCUMULATED)
    last, previous = saved(run)
    assert refused >= {errno.EPERM, errno.EOPNOTSUPP}
    assert check_whole(last)["global_step"] == 10
    assert not previous.exists()
    assert differences(everything(run), everything(seldom)) == []


def test_a_run_goes_on_from_the_one_before(seldom: Path) -> None:
    expected = everything(seldom)
    _, previous = saved(seldom)
    for path in (seldom / "checkpoints").glob("*.ckpt"):  # as if it had been killed then
        if path not in {previous, seldom / "checkpoints" / "best.ckpt"}:
            path.unlink()
    fit(seldom, {}, [], "--ckpt_path", str(previous), "--checkpoint.every_minutes", "null", *ACCUMULATED)
    assert differences(everything(seldom), expected) == []


def test_nothing_is_saved_while_gradients_are_accumulated(tmp_path: Path) -> None:
    """They are in no checkpoint."""
    run = tmp_path / "run"
    fit(run, {}, [], "--checkpoint.every_env_steps", "8", *ACCUMULATED)
    for path in saved(run):
        loop = read_checkpoint(path)["loops"]["fit_loop"]
        assert loop["epoch_loop.batch_progress"]["total"]["ready"] % 2 == 0


def test_without_a_replay_on_disk_a_resumed_run_says_what_it_lacks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, off = tmp_path / "run", {"replay": {"on_disk": False}}
    fit(run, off | {"max_env_steps": 160}, [])
    assert not (run / "replay").exists()
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["env_steps"] == 200
    fit(run, off, [], "--ckpt_path", "last")
    assert "this run's replay was not kept on disk" in caplog.text
    assert "40 env_steps are played before learning goes on" in caplog.text
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["env_steps"] == 360 + 40 + 16, "warm-up, next batch"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"every_minutes": 0.0}, "ResumableCheckpoint.every_minutes must be above 0, got 0.0"),
        ({"every_minutes": float("nan")}, "ResumableCheckpoint.every_minutes must be above 0, got nan"),
        ({"every_env_steps": -5}, "ResumableCheckpoint.every_env_steps must be a whole number of env_steps, .* got -5"),
        ({"every_env_steps": 1.5}, "ResumableCheckpoint.every_env_steps must be .* at most 1.0, got 1.5"),
    ],
)
def test_an_interval_out_of_range_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ResumableCheckpoint(**settings)


def test_lightning_s_last_is_named_or_resumed(tmp_path: Path) -> None:
    """Lightning looks for it beside a `ModelCheckpoint`, and without one would begin a fit."""
    options = {"enable_checkpointing": True, "max_epochs": 2}
    lightning_fit(tmp_path, saves := ResumableCheckpoint(), enable_checkpointing=True)
    last = str(saves.folder / "last.ckpt")
    with pytest.raises(UserError, match=re.escape(f"go on from it with fit(ckpt_path='{last}')")):
        new_trainer(tmp_path, saves, **options).fit(new_module(), Played(), ckpt_path="last", weights_only=True)
    trainer = new_trainer(tmp_path, saves, BestCheckpoint(None, "val/return/all"), **options)
    trainer.fit(new_module(), Played(), ckpt_path="last", weights_only=True)
    assert (trainer.ckpt_path, trainer.global_step) == (last, 2 * BATCHES)
