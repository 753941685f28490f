"""Room on the disk: asked for before a run begins, and what happens when it is gone meanwhile."""

from __future__ import annotations

import re
import resource
import shutil
import threading
from pathlib import Path

import pytest

from mk_lightning.checkpointing.disk_space import TRANSITION_BYTES, bytes_on_disk, check_disk, quiet_threads
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings import EvaluationSettings, ReplaySettings
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError
from tests.checkpointing.test_stopped_runs import begin, learner_step, wait_until
from tests.networks.narrow import narrow


def data(capacity: int = 1000, on_disk: bool = True, max_env_steps: int = 100_000) -> ExperienceDataModule:
    return ExperienceDataModule(
        original_states=["VeryEasy.Bramble-01"],
        max_env_steps=max_env_steps,
        warmup_env_steps=496,
        replay=ReplaySettings(capacity=capacity, on_disk=on_disk),
        evaluation=EvaluationSettings(every=10_016),
    )


def test_a_run_takes_no_more_than_is_said(tmp_path: Path) -> None:
    module = DuelingDoubleDQN(network=narrow(8))
    weights = sum(parameter.numel() for parameter in module.online.parameters()) * 4 * 9
    steps = 10_016 * 10
    assert bytes_on_disk(module, data(max_env_steps=steps)) == weights + (1000 + 2 * 10_016) * TRANSITION_BYTES
    assert bytes_on_disk(module, data(on_disk=False, max_env_steps=steps)) == weights
    assert (
        bytes_on_disk(module, data(capacity=10**6, max_env_steps=steps)) == weights + (steps + 496) * TRANSITION_BYTES
    )


def test_too_small_a_disk_is_refused_before_the_run_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with room for less than the run may take, and one with just enough."""
    module, wanted = DuelingDoubleDQN(network=narrow(8)), data(max_env_steps=100_160)
    needed = bytes_on_disk(module, wanted)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - 1))
    with pytest.raises(
        UserError, match=r"the run may take .* GB in .*, where .* GB are free; make room, lower ReplaySettings"
    ):
        check_disk(tmp_path / "not" / "there", module, wanted)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed))
    assert "will take at most" in check_disk(tmp_path / "not" / "there", module, wanted)
    assert list(tmp_path.iterdir()) == []


def test_what_a_run_has_made_counts_as_room_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, wanted = DuelingDoubleDQN(network=narrow(8)), data()
    for name in ("checkpoints", "replay-2", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(100))
        (tmp_path / name / "gone").symlink_to("nowhere")  # what a file is that vanishes while it is counted
    needed = bytes_on_disk(module, wanted)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - 200))
    assert "will take at most" in check_disk(tmp_path, module, wanted)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - 201))
    with pytest.raises(UserError, match="the run may take"):
        check_disk(tmp_path, module, wanted)


def test_a_full_disk_stops_a_run_and_what_was_saved_stays(tmp_path: Path) -> None:
    """A limit on the size of files is what a full disk is to a checkpoint: its write fails in the middle."""
    run = tmp_path / "run"
    process = begin(run)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (40_000, 40_000))
    errors = process.wait()
    assert process.returncode == 1
    assert "Traceback" not in errors
    line = errors.splitlines()[-1]
    assert re.match(rf"mk-lightning: stopped: {run}/.*: File too large; ", line), line
    assert not list(run.rglob("*.part")), "half a file was left"


def test_a_deleted_directory_stops_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = begin(run)
    wait_until(process, lambda: learner_step(run) >= 7)
    run.rename(tmp_path / "elsewhere")
    errors = process.wait(60)
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith(f"mk-lightning: stopped: {run}/"), errors
    assert not run.exists(), "it was made anew"
    assert (tmp_path / "elsewhere" / "checkpoints" / "last.ckpt").is_file()


def test_a_thread_that_cannot_write_is_silent_and_any_other_mistake_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(str(args.exc_value)))

    def fail(error: Exception) -> None:
        raise error

    with quiet_threads():
        for error in (FileNotFoundError("gone"), ValueError("a mistake")):
            thread = threading.Thread(target=fail, args=(error,))
            thread.start()
            thread.join()
    assert seen == ["a mistake"]
