"""Runs killed with SIGKILL at random moments, resumed, and compared with one that was left alone.

Every run is the same command on the dojo, with overlap, prioritised replay and every method that has a state. Each is
killed, several times, in turn at a random moment, while it writes a checkpoint, while it writes replay rows, and while
it plays validation matches; after each kill `fit --ckpt_path last` goes on. At the end all that it left (weights,
optimizer, callbacks, counters, replay, metrics, matches before and after, curves) must equal that of the run that was
left alone, to the bit, and no process may be left.

With `--ranks 2` every run has two ranks, also the one left alone, and the replays of both are compared. In turn the
launcher, which is rank 0, another rank, and all ranks are killed; those that are left must end by themselves.

With `--damage`, killed runs lose a file before they go on: it is deleted, moved away or cut short. A run must then end
as the one left alone, if need be by the command that its refusal names; what cannot be made again (rows of metrics, the
replay, a best checkpoint) must be told, and nothing of a run that is refused may change.

    python benchmarks/crash.py [--runs 20] [--ranks 2] [--damage 100] [--json FILE]
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from _damage import WRONG, damaged_runs
from _kills import kill, left, moment
from _report import benchmark_parser, print_table, report
from _whole_run import differences, everything

CONFIG: dict[str, Any] = {
    "seed_everything": 5,
    "checkpoint": {"every_env_steps": 64},
    "model": {
        "network": {"class_path": "NatureDueling", "init_args": {"hidden": 32}},
        "target_every": 9,
        "learning_rate": 1e-3,
    },
    "data": {
        "original_states": ["VeryEasy.Bramble-01", "VeryEasy.Scythe-03"],
        "challenging_states": ["Hard.Scythe-03", "Hard.Kestrel-05"],
        "train_states": ["challenging"],
        "max_env_steps": 1600,
        "warmup_env_steps": 64,
        "env_steps_per_learner_step": 8,
        "rehearsal_ratio": 0.25,
        "epsilon": {"class_path": "Linear", "init_args": {"start": 1.0, "end": 0.1, "env_steps": 1600}},
        "env": {"num_envs": 2, "max_env_steps": 60},
        "recording": {"env_steps": 200},
        "replay": {"capacity": 600, "batch_size": 8, "priorities": {"alpha": 0.6}},
        "evaluation": {"every": 400, "matches": 4, "test_matches": 4, "num_envs": 4},
    },
    "trainer": {
        "accelerator": "cpu",
        "log_every_n_steps": 5,
        "callbacks": [
            {"class_path": "ElasticWeightConsolidation", "init_args": {"samples": 16}},
            {"class_path": "Cloning", "init_args": {"batch_size": 4}},
            {"class_path": "Kickstarting", "init_args": {"batch_size": 4}},
            {"class_path": "WeightDecay", "init_args": {"rate": 0.1, "kind": "l2_sp"}},
            {"class_path": "WeaknessTargeting", "init_args": {"every": 64}},
            {"class_path": "ForgettingGuard", "init_args": {"margin": 0.5}},
        ],
    },
}
"""Four epochs of 50 learner_steps."""
KILLS = 3
"""Of each run."""
SLACK = 0.05
"""Seconds that a kill comes late, at most: somewhere within what was waited for, or just after."""


def main() -> None:
    """Run, kill, compare and report."""
    parser = benchmark_parser("runs killed at random moments and resumed, beside one left alone")
    parser.add_argument("--runs", type=int, default=20, help="runs to kill")
    parser.add_argument("--ranks", type=int, default=1, help="of every run, the one left alone among them")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--damage", type=int, default=0, help="killed runs to take a file from, besides")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config.yaml"
        devices = {"devices": options.ranks, "strategy": "ddp"} if options.ranks > 1 else {}
        parts = {"model": CONFIG["model"] | {"init_from": _base(folder)}, "trainer": CONFIG["trainer"] | devices}
        config.write_text(yaml.safe_dump(CONFIG | parts))
        began = time.monotonic()
        _finish(config, folder / "alone")
        seconds = time.monotonic() - began
        alone = everything(folder / "alone")
        rows, identical, kills, orphans = [], 0, 0, 0
        for number in range(options.runs):
            run = folder / f"run-{number}"
            killed, met, remained = _kill(config, run, number, options.ranks, seconds, rng)
            found = differences(everything(run), alone)
            identical += not found
            kills += met
            orphans += remained
            rows.append([number, ", ".join(killed), remained, "; ".join(found)[:80] or "identical"])
            print(f"{number + 1}/{options.runs}: {rows[-1][-1]} (killed {rows[-1][1]})", flush=True)
        harmed = {}
        if options.damage:
            killed_runs = [_killed(config, folder, number, options.ranks, seconds, rng) for number in range(4)]
            harmed = damaged_runs(killed_runs, options.damage, folder, alone, rng, lambda *run: _resume(config, *run))
    print_table(f"{options.runs} runs, {KILLS} kills each", ("run", "killed", "orphans", "beside the other"), rows)
    figures = {"ranks": options.ranks, "runs": options.runs, "identical": identical, "kills": kills, "orphans": orphans}
    if harmed:
        figures |= {"damaged": options.damage} | {f"damaged: {outcome}": count for outcome, count in harmed.items()}
    report(figures, options.json)
    sys.exit(identical != options.runs or orphans > 0 or harmed.get(WRONG, 0) > 0)


def _base(folder: Path) -> str:
    """A checkpoint to start from."""
    config = folder / "base.yaml"
    data = CONFIG["data"] | {"max_env_steps": 400, "rehearsal_ratio": 0.0}
    config.write_text(yaml.safe_dump(CONFIG | {"data": data, "trainer": CONFIG["trainer"] | {"callbacks": []}}))
    _finish(config, folder / "base")
    return str(folder / "base" / "checkpoints" / "best.ckpt")


def _killed(config: Path, folder: Path, number: int, ranks: int, seconds: float, rng: random.Random) -> Path:
    """A run that was killed once it had been saved twice, at another place than where it ran."""
    run = folder / f"running-{number}"
    process = _begin(config, run, resume=False)
    while process.poll() is None and not (run / "checkpoints" / "previous.ckpt").exists():
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.4) * seconds)
    kill(process.pid, ranks, number)
    left(process.pid, ranks)
    process.wait()
    return run.rename(folder / f"killed-{number}")


def _resume(config: Path, run: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mk_lightning", "fit", "-c", str(config), "--run_dir", str(run), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _kill(
    config: Path, run: Path, number: int, ranks: int, seconds: float, rng: random.Random
) -> tuple[list[str], int, int]:
    """Begin a run, kill it and let it go on, then let it end.

    Returns:
        When it was killed, how many of the kills met it alive, and how many processes were left.
    """
    killed: list[str] = []
    met = orphans = 0
    while len(killed) < KILLS:
        process, turn = _begin(config, run, resume=run.exists()), number * KILLS + len(killed)
        kind, reached = moment(run, turn, seconds, rng)
        began = time.monotonic()
        while process.poll() is None and not reached() and time.monotonic() - began < 2 * seconds:
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, SLACK))
        alive = process.poll() is None
        victim = kill(process.pid, ranks, turn) if alive else ", ended before"
        met += alive
        killed.append(f"{kind} {time.monotonic() - began:.1f} s{victim}")
        orphans += left(process.pid, ranks)
        process.wait()
    _finish(config, run)
    return killed, met, orphans


def _begin(config: Path, run: Path, resume: bool) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "mk_lightning", "fit", "-c", str(config), "--run_dir", str(run)]
    words += ["--ckpt_path", "last"] if resume else []
    with (run.parent / "log.txt").open("ab") as log:
        return subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)


def _finish(config: Path, run: Path) -> None:
    if process := _begin(config, run, resume=run.exists()):
        process.wait()
    if process.returncode:
        sys.exit(f"{run.name} ended with {process.returncode}:\n{(run.parent / 'log.txt').read_text()[-3000:]}")


if __name__ == "__main__":
    main()
