"""What becomes of a run when one of its ranks ends, or is asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mk_lightning.checkpointing.io import check_whole
from tests.ranks.commands import ON, start, write_config

LONG = ["--data.max_env_steps", "240000", "--data.evaluation.every", "240000"]


def in_training(run_dir: Path, *words: str) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a long fit on two ranks, wait until it trains, and return it with the ids of its ranks' processes."""
    config = write_config(run_dir.with_suffix(".yaml"), [{"class_path": "tests.ranks.watching.Watch"}])
    process = start("fit", "-c", config, "--run_dir", run_dir, *ON[2], *LONG, *words)
    until = time.monotonic() + 200
    while not (run_dir / "rank-1.jsonl").is_file() or (run_dir / "rank-1.jsonl").read_text().count("\n") < 20:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.1)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    command = [child for child in children if b"--run_dir" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return process, [process.pid, *map(int, command)]


def alive(session: int) -> list[int]:
    """Processes of a session that still run."""
    ids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    found = []
    for pid in ids:
        try:
            state, _, _, its = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its) == session and state != "Z":
            found.append(pid)
    return found


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait until every process of a run has ended, and return what they said."""
    said = process.communicate(timeout=60)
    until = time.monotonic() + 30
    while alive(process.pid):
        assert time.monotonic() < until, alive(process.pid)
        time.sleep(0.1)
    return said


@pytest.mark.parametrize("dead", [0, 1])
def test_when_a_rank_dies_the_other_ends_and_leaves_a_whole_checkpoint(dead: int, tmp_path: Path) -> None:
    process, ranks = in_training(tmp_path / "run", "--checkpoint.every_env_steps", "96")
    os.kill(ranks[dead], signal.SIGKILL)
    _, err = ended(process)
    lines = [line for line in err.splitlines() if line.startswith(("mk-lightning:", "[rank: 1] Child process"))]
    assert lines, err
    assert any(said in lines[0] for said in ("another rank of the run has ended", "terminated with code -9")), err
    assert check_whole(tmp_path / "run/checkpoints/last.ckpt")["env_steps"] > 40


def test_a_signal_to_one_rank_saves_and_stops_all(tmp_path: Path) -> None:
    process, ranks = in_training(tmp_path / "run")
    os.kill(ranks[1], signal.SIGTERM)
    _, err = ended(process)
    assert process.returncode == 128 + signal.SIGTERM, err
    lines = [line for line in err.splitlines() if line.startswith("mk-lightning:")]
    assert len(lines) == 1, err
    assert lines[0].startswith("mk-lightning: stopped: SIGTERM while training; saved up to env_step ")
    assert check_whole(tmp_path / "run/checkpoints/last.ckpt")["env_steps"] > 40 + 20 * 24
