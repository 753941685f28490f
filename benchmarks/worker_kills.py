"""A training whose emulators' processes are killed two hundred times, beside the same training left in peace.

A fighter learns its first opponent from scratch. Meanwhile one worker after another, chosen at random, gets a SIGKILL.
The run must end, have learnt, and have counted every kill; and since a worker that is replaced plays its match once
more, it must have learnt exactly the same.

    python benchmarks/worker_kills.py [--kills 200] [--json FILE]
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _processes import PARENT, processes
from _report import benchmark_parser, print_table, report
from _whole_run import differences, everything

COUNT = "worker_restarts"
"""Figure of the metrics, and key of a checkpoint."""
WORDS = [
    "fit", "-c", "configs/dojo/pretrain.yaml",
    "--data.original_states", "[Medium.Bramble-01]", "--data.challenging_states", "null",
    "--data.train_states", "[original]", "--monitor", "val/return/original",
    "--data.max_env_steps", "64000", "--data.evaluation.every", "32000", "--data.env_steps_per_learner_step", "16",
    "--data.epsilon", "Linear", "--data.epsilon.start", "1.0", "--data.epsilon.end", "0.05",
    "--data.epsilon.env_steps", "40000", "--data.evaluation.test_matches", "20", "--data.evaluation.matches", "5",
]  # fmt: skip


def main() -> None:
    """Train twice, compare and report."""
    parser = benchmark_parser("a training whose workers are killed, beside one left in peace")
    parser.add_argument("--kills", type=int, default=200, help="workers to kill")
    parser.add_argument(
        "--every",
        type=float,
        default=0.9,
        help="seconds between two kills, on average; not less than a match takes to play again",
    )
    options = parser.parse_args()
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peace, killed = folder / "peace", folder / "killed"
        seconds = {run: _train(run, kills, options.every, rng) for run, kills in ((peace, 0), (killed, options.kills))}
        counted = int(float(_column(killed, COUNT)[-1]))
        found = differences(_without_count(everything(peace)), _without_count(everything(killed)))
        before, after = (_return(killed, when) for when in ("before", "after"))
        won = [float(value) for value in _column(killed, "train/win_rate")]
    rows = [("left in peace", 0, seconds[peace]), ("killed", counted, seconds[killed])]
    print_table("a training of 64,000 env_steps", ("", "restarts counted", "seconds"), rows)
    figures = {
        "kills": options.kills, "counted": counted, "identical": int(not found),
        "return_before": before, "return_after": after,
        "training_win_rate_first": won[0], "training_win_rate_last": won[-1],
        "seconds": seconds[killed], "seconds_in_peace": seconds[peace],
    }  # fmt: skip
    report(figures, options.json)
    sys.exit("; ".join(found) or counted != options.kills)


def _train(run: Path, kills: int, every: float, rng: random.Random) -> float:
    """Train, kill so many workers once learning has begun, and return the seconds it took."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "mk_lightning", *WORDS, "--run_dir", str(run)])
    while kills and process.poll() is None:
        time.sleep(rng.uniform(0, 2 * every))
        learning = (run / "metrics.csv").exists() and _column(run, "loss")
        workers = _workers(process.pid) if learning else []
        if workers:
            os.kill(rng.choice(workers), signal.SIGKILL)
            kills -= 1
    if process.wait() or kills:
        sys.exit(f"the run ended with {process.returncode}, {kills} kills were left")
    return time.monotonic() - began


def _workers(pid: int) -> list[int]:
    """The workers that play training matches.

    A worker is forked from a process that the run started. When training begins that of its environments is the first
    that is there; that of the validations' environments follows.
    """
    nurseries = processes(PARENT, pid)
    return processes(PARENT, nurseries[0]) if nurseries else []


def _column(run: Path, name: str) -> list[str]:
    with (run / "metrics.csv").open(newline="") as file:
        return [row[name] for row in csv.DictReader(file) if row.get(name)]


def _return(run: Path, when: str) -> float:
    """Mean return of the test matches. Not the win rate: the untrained network of this seed kicks all day and wins."""
    return float(json.loads((run / "before_after.json").read_text())["states"][0][when]["mean_return"])


def _without_count(content: dict) -> dict:  # type: ignore[type-arg]
    """A run's content without how many workers were replaced."""
    rows = list(csv.DictReader(content["metrics"].splitlines()))
    metrics = [{name: value for name, value in row.items() if name != COUNT} for row in rows]
    checkpoint = {path: leaf for path, leaf in content["checkpoint"].items() if COUNT not in path}
    return {**content, "metrics": metrics, "checkpoint": checkpoint}


if __name__ == "__main__":
    main()
