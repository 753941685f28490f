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
from typing import Any

import pytest
import yaml

from benchmarks._whole_run import differences, everything
from tests.commands import Command
from tests.commands import run as run_command
from tests.envs.processes import alive, left_over
from tests.test_resume import CONFIG

ROOT = Path(__file__).parents[2]
LONG: dict[str, Any] = {
    **CONFIG,
    "data": {**CONFIG["data"], "max_env_steps": 480, "evaluation": {**CONFIG["data"]["evaluation"], "every": 240}},
    "checkpoint": {"every_env_steps": 40},
    "trainer": {**CONFIG["trainer"], "callbacks": []},
}
"""Two epochs of fifteen learner_steps, saved every third."""


def command(run: Path, *words: str) -> list[str]:
    config = run.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(LONG))
    return ["fit", "-c", str(config), "--run_dir", str(run), *words]


def begin(run: Path, *words: str, **variables: str) -> Command:
    return Command(command(run, *words), **variables)


def in_session(session: int) -> list[int]:
    """Processes of a session."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if alive(pid) and os.getsid(pid) == session]


def wait_until(process: Command, true: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert process.returncode is None, process.wait()
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
    run_command(command(run))
    return everything(run)


def go_on(run: Path) -> dict:
    run_command(command(run, "--ckpt_path", "last"))
    return everything(run)


def test_a_signal_ends_a_run_where_it_can_go_on(uninterrupted: dict, tmp_path: Path) -> None:
    """To the whole group, as a terminal and schedulers send it: the workers leave it to their parent."""
    run = tmp_path / "run"
    for signum, at, words in ((signal.SIGTERM, 7, []), (signal.SIGINT, 19, ["--ckpt_path", "last"])):
        process = begin(run, *words)
        wait_until(process, lambda step=at: learner_step(run) >= step)  # type: ignore[misc]
        session = in_session(process.pid)
        assert len(session) > 3, "the run, the process that its workers are forked from, and they"
        process.kill_group(signum)
        errors = process.wait(60)
        assert process.returncode == 128 + signum
        assert errors.count(f"{signum.name}: stopping") == 1
        assert "env_steps again" not in errors, "no worker was replaced"
        assert left_over(session) == []
        line = errors.splitlines()[-1]
        assert re.fullmatch(
            rf"mk-lightning: stopped: {signum.name} while training; saved up to env_step \d+: "
            rf"mk-lightning fit -c {run}/config.yaml --ckpt_path {run}/checkpoints/last.ckpt goes on from there",
            line,
        ), line
        assert "Traceback" not in errors
    assert differences(go_on(run), uninterrupted) == []


def test_two_runs_side_by_side_do_not_disturb_each_other(uninterrupted: dict, tmp_path: Path) -> None:
    """The same command at the same time, as srun starts it: each gets a directory of its own."""
    run = tmp_path / "run"
    both = [begin(run, SLURM_NTASKS="2", SLURM_PROCID=rank, SLURM_NTASKS_PER_NODE="2") for rank in "01"]
    for rank, process in enumerate(both):
        errors = process.wait(120)
        assert process.returncode == 0, errors
        assert f"task {rank} of 2 of srun: a run of its own" in errors
    for directory in (run, tmp_path / "run-2"):
        assert differences(everything(directory), uninterrupted) == []


LENGTHY = {"evaluation": {"every": 480, "matches": 300, "test_matches": 300}, "env": {"num_envs": 2}}
"""Matches that take minutes."""
AT_ONCE: dict[str, tuple[dict[str, Any], str]] = {
    "fit": (LENGTHY, "measuring the policy; nothing was saved yet, start it again"),
    "fit with a long warm-up": (
        {"warmup_env_steps": 1_000_000},
        "playing the warm-up; saved up to env_step 0: mk-lightning fit -c {run}/config.yaml "
        "--ckpt_path {run}/checkpoints/last.ckpt goes on from there",
    ),
    "test": (LENGTHY, "playing matches"),
}


@pytest.mark.parametrize("case", AT_ONCE)
def test_a_signal_stops_at_once_where_nothing_is_lost(case: str, tmp_path: Path) -> None:
    changes, doing = AT_ONCE[case]
    config = tmp_path / "c.yaml"
    config.write_text(yaml.safe_dump({**LONG, "data": {**LONG["data"], **changes}}))
    subcommand = case.split()[0]
    process = Command([subcommand, "-c", str(config), "--run_dir", f"{tmp_path}/run"])
    run = tmp_path / ("run" if subcommand == "fit" else "run-test")
    wait_until(process, lambda: (run / ("checkpoints/last.ckpt" if "warm-up" in case else "config.yaml")).is_file())
    wait_until(process, lambda: len(in_session(process.pid)) > 3)
    time.sleep(1.0)
    session = in_session(process.pid)
    process.kill_group(signal.SIGTERM)
    errors = process.wait(15)
    assert process.returncode == 128 + signal.SIGTERM
    assert errors.splitlines()[-1] == f"mk-lightning: stopped: SIGTERM while {doing.format(run=run)}"
    assert "Traceback" not in errors
    assert "env_steps again" not in errors
    assert left_over(session) == []


def test_ctrl_c_while_libraries_load_is_no_traceback(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mk_lightning", *command(tmp_path / "run")]
    # In a shell's background Ctrl-C is ignored, and a process inherits that.
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    while "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (-signal.SIGINT, "")


def test_ctrl_c_before_a_run_has_begun_is_one_line(tmp_path: Path) -> None:
    """While its parts are put together."""
    process = begin(tmp_path / "run")
    wait_until(process, lambda: (tmp_path / "run" / ".lock").is_file())
    process.send_signal(signal.SIGINT)
    errors = process.wait(60)
    assert process.returncode == 128 + signal.SIGINT
    assert errors.splitlines()[-1].startswith("mk-lightning: stopped")
    assert "Traceback" not in errors


def test_a_killed_run_begins_anew_in_its_place_or_goes_on_from_its_last_checkpoint(
    uninterrupted: dict, tmp_path: Path
) -> None:
    """Killed before its first checkpoint, and again at once after many."""
    run = tmp_path / "run"
    process = begin(run)
    wait_until(process, lambda: (run / ".lock").is_file())
    process.kill_group(signal.SIGKILL)
    process.wait()
    assert not (run / "checkpoints").exists()
    process = begin(run, "--ckpt_path", "last")
    wait_until(process, lambda: learner_step(run) >= 19)
    process.kill_group(signal.SIGKILL)
    process.wait()
    assert differences(go_on(run), uninterrupted) == []
    assert [path.name for path in tmp_path.glob("run*/")] == ["run"]
