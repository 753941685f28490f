"""A run in a process of its own, asked to stop or killed, and continued: it ends as one that was left alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from benchmarks._whole_run import differences, everything
from tests.test_resume import CONFIG

ROOT = Path(__file__).parents[2]
LONG = {
    **CONFIG,
    "data": {**CONFIG["data"], "max_env_steps": 960, "evaluation": {**CONFIG["data"]["evaluation"], "every": 480}},
    "checkpoint": {"every_env_steps": 40},
    "trainer": {**CONFIG["trainer"], "callbacks": []},
}
"""Two epochs of sixty learner_steps, saved every five."""


def command(run: Path, *words: str) -> list[str]:
    config = run.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(LONG))
    return [sys.executable, "-m", "mk_lightning.cli", "fit", "-c", str(config), "--run_dir", str(run), *words]


def begin(run: Path, *words: str) -> subprocess.Popen[str]:
    # In a shell's background Ctrl-C is ignored, and a process inherits that.
    return subprocess.Popen(
        command(run, *words), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def wait_until(process: subprocess.Popen[str], true: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def learner_step(run: Path) -> int:
    """Of the last row of metrics; 0 before the first."""
    path = run / "metrics.csv"
    rows = path.read_text().splitlines()[1:] if path.is_file() else []
    return int(rows[-1].partition(",")[0] or 0) if rows else 0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict:
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    subprocess.run(command(run), cwd=ROOT, check=True, capture_output=True)
    return everything(run)


def go_on(run: Path) -> dict:
    subprocess.run(command(run, "--ckpt_path", "last"), cwd=ROOT, check=True, capture_output=True)
    return everything(run)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_where_it_can_go_on(uninterrupted: dict, tmp_path: Path, signum: signal.Signals) -> None:
    run = tmp_path / "run"
    process = begin(run)
    wait_until(process, lambda: learner_step(run) >= 9)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    line = errors.splitlines()[-1]
    assert re.fullmatch(
        rf"mk-lightning: stopped: {signum.name} while training; saved up to env_step \d+: "
        rf"mk-lightning fit -c {run}/config.yaml --ckpt_path {run}/checkpoints/last.ckpt goes on from there",
        line,
    ), line
    assert "Traceback" not in errors
    assert differences(go_on(run), uninterrupted) == []


def test_two_runs_side_by_side_do_not_disturb_each_other(uninterrupted: dict, tmp_path: Path) -> None:
    """The same command at the same time: each gets a directory of its own."""
    run = tmp_path / "run"
    both = [begin(run), begin(run)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    for directory in (run, tmp_path / "run-2"):
        assert differences(everything(directory), uninterrupted) == []


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    """While the matches before the fit are played, where nothing is to be saved."""
    run = tmp_path / "run"
    process = begin(run)
    wait_until(process, lambda: (run / "config.yaml").is_file())
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert errors.splitlines()[-1].startswith("mk-lightning: stopped: SIGINT while")
    assert errors.splitlines()[-1].endswith("nothing was saved yet, start it again")
    assert "Traceback" not in errors


def test_ctrl_c_before_a_run_has_begun_is_one_line(tmp_path: Path) -> None:
    """While its parts are put together."""
    process = begin(tmp_path / "run")
    wait_until(process, lambda: (tmp_path / "run" / ".lock").is_file())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert errors.splitlines()[-1].startswith("mk-lightning: stopped")
    assert "Traceback" not in errors


def test_a_run_killed_at_once_goes_on_from_its_last_checkpoint(uninterrupted: dict, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = begin(run)
    wait_until(process, lambda: learner_step(run) >= 69)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert differences(go_on(run), uninterrupted) == []


def test_a_run_killed_before_its_first_checkpoint_begins_anew_in_its_place(uninterrupted: dict, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = begin(run)
    wait_until(process, lambda: (run / ".lock").is_file())
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (run / "checkpoints").exists()
    assert differences(go_on(run), uninterrupted) == []
    assert [path.name for path in tmp_path.glob("run*/")] == ["run"]
