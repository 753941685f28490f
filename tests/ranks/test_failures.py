"""What becomes of a run when one of its ranks ends, or is asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from mk_lightning.checkpointing.io import check_whole
from tests.commands import Command
from tests.ranks.commands import launch, run, start, write_config

LONG = [
    "--data.max_env_steps", "240000", "--data.evaluation.every", "240000", "--checkpoint.every_env_steps", "96",
]  # fmt: skip


def wait_for_training(run_dir: Path, process: Command | subprocess.Popen[bytes]) -> None:
    """Wait until rank 1 of a run, of which a process is given, has trained for a few learner_steps."""
    noted, until = run_dir / "rank-1.jsonl", time.monotonic() + 200
    while not noted.is_file() or noted.read_text().count("\n") < 8:
        assert process.returncode is None
        assert time.monotonic() < until
        time.sleep(0.05)


def started_by(process: Command) -> int:
    """The process of rank 1."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (rank,) = [child for child in children if b"--run_dir" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return int(rank)


def alive(session: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for pid in [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]:
        try:
            state, _, _, its = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its) == session and state != "Z":
            found.append(pid)
    return found


def nothing_left(session: int) -> None:
    """Wait until every process of a session has ended."""
    until = time.monotonic() + 30
    while alive(session):
        assert time.monotonic() < until, alive(session)
        time.sleep(0.1)


@pytest.fixture
def words(tmp_path: Path) -> list[str | Path]:
    """A long fit in `run`."""
    config = write_config(tmp_path / "c.yaml", [{"class_path": "tests.ranks.watching.Watch"}])
    return ["fit", "-c", config, "--run_dir", tmp_path / "run", *LONG]


def test_when_rank_0_dies_the_other_ends_and_leaves_a_whole_checkpoint(words: list[Any], tmp_path: Path) -> None:
    ranks = start(2, *words)
    wait_for_training(tmp_path / "run", ranks[1])
    os.kill(ranks[0].pid, signal.SIGKILL)
    err = ranks[1].wait(60)
    assert ranks[1].returncode == 1, err
    assert [line for line in err.splitlines() if line.startswith("mk-lightning: ")] == [
        "mk-lightning: stopped: rank 1: another rank of the run has ended, or cannot be reached"
    ]
    for rank in ranks:
        nothing_left(rank.pid)
    assert check_whole(tmp_path / "run/checkpoints/last.ckpt")["env_steps"] > 40


def test_when_a_rank_is_silent_the_others_end_within_a_minute(tmp_path: Path) -> None:
    watch = [{"class_path": "tests.ranks.watching.Watch"}]
    config = write_config(tmp_path / "c.yaml", watch, warmup_env_steps=60, env_steps_per_learner_step=24)
    ranks = start(3, "fit", "-c", config, "--run_dir", tmp_path / "run", *LONG)
    wait_for_training(tmp_path / "run", ranks[1])
    ranks[2].kill_group(signal.SIGSTOP)
    errors = [rank.wait(60) for rank in ranks[:2]]
    ranks[2].kill_group(signal.SIGKILL)
    assert [rank.returncode for rank in ranks[:2]] == [1, 1], errors
    said = "another rank of the run has ended, or cannot be reached"
    for err, who in zip(errors, ("", "rank 1: "), strict=True):
        (line,) = [line for line in err.splitlines() if line.startswith("mk-lightning: ")]
        assert line.startswith(f"mk-lightning: stopped: {who}{said}")
    for rank in ranks[:2]:
        nothing_left(rank.pid)
    assert check_whole(tmp_path / "run/checkpoints/last.ckpt")["env_steps"] > 40


def test_when_a_rank_dies_that_lightning_started_all_end(words: list[Any], tmp_path: Path) -> None:
    process = launch(*words)
    wait_for_training(tmp_path / "run", process)
    os.kill(started_by(process), signal.SIGKILL)
    err = process.wait(60)
    nothing_left(process.pid)
    lines = [line for line in err.splitlines() if line.startswith(("mk-lightning:", "[rank: 1] Child process"))]
    assert lines, err
    assert any(said in lines[0] for said in ("another rank of the run has ended", "terminated with code -9")), err
    assert check_whole(tmp_path / "run/checkpoints/last.ckpt")["env_steps"] > 40


def test_a_signal_to_one_rank_saves_and_stops_all(words: list[Any], tmp_path: Path) -> None:
    process = launch(*words)
    wait_for_training(tmp_path / "run", process)
    os.kill(started_by(process), signal.SIGTERM)
    err = process.wait(60)
    nothing_left(process.pid)
    assert process.returncode == 128 + signal.SIGTERM, err
    lines = [line for line in err.splitlines() if line.startswith("mk-lightning:")]
    assert len(lines) == 1, err
    assert lines[0].startswith("mk-lightning: stopped: SIGTERM while training; saved up to env_step ")
    assert check_whole(tmp_path / "run/checkpoints/last.ckpt")["env_steps"] > 40 + 8 * 24


def test_a_batch_that_diverges_on_one_rank_stops_all(tmp_path: Path) -> None:
    """With what that rank saw, though it is not the first."""
    config = write_config(tmp_path / "c.yaml", [{"class_path": "tests.ranks.watching.Poison"}])
    _, err = run(2, "fit", "-c", config, "--run_dir", tmp_path / "run", *LONG, code=1)
    lines = [line for line in err.splitlines() if line.startswith("mk-lightning:")]
    assert len(lines) == 1, err
    assert lines[0].startswith("mk-lightning: stopped: learning diverged at learner_step 3: a Q-value of ")
    assert "a loss of nan; lower" in lines[0]
