"""What every method is worth: win rates on the states the base knows and on those it is fine-tuned for.

Every arm fine-tunes the shipped fighter by `configs/dojo/finetune.yaml`, for as long as it says, and the overlays named
in `ARMS`, with the same seeds. Then the checkpoint that the run hands over (`best.ckpt`, chosen by its own
validation matches) plays the test matches, the same for all and for the base. They are of a `test_seed` of their own:
matches that the configs were made with, or that any other script plays, decide nothing here. All of it goes through
the command line that users have.

Every run is a process of its own and prints into a log beside its directory; two at once keep two cores busier than
one does. What is finished has a file in `docs/results/forgetting/` and is not repeated; a fit that was interrupted is
resumed from its directory in `--runs`. The report is made of all of those files; `--report` only writes it.

    python benchmarks/forgetting.py [--arms none ewc ...] [--seeds 1 2 3] [--at_once 2] [--json FILE]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from _forgetting_report import write_report
from _forgetting_runs import TESTED, Run
from _report import benchmark_parser, report

CONFIG = "configs/dojo/finetune.yaml"
ARMS: dict[str, list[str]] = {
    "none": [],
    "lower_rate": ["lr-conservative"],
    "freeze_convolutions": ["freeze"],
    "freeze_features": ["freeze-features"],
    "decoupled_decay": ["weight-decay"],
    "l2_sp": ["l2-sp"],
    "ewc": ["ewc"],
    "mixed": ["mixed"],
    "rehearsal": ["rehearsal"],
    "rehearsal_noisy": ["rehearsal", "--data.recording.epsilon=0.5"],  # holds what the base would not do, too
    "cloning": ["rehearsal", "cloning"],
    "progressive": ["progressive"],
    "guard": ["guard"],  # nothing but another choice of the checkpoint, which is a part of the recipe
    "recommended": ["recommended"],
}
"""Overlays of each arm, from configs/dojo/, and options."""

BASE = Path("checkpoints/dojo-base.ckpt")
"""The fighter that is fine-tuned."""
MATCHES = 50
"""Test matches per state."""
TEST_SEED = 10
"""Of the test matches."""
SHORT_TABLE = ["--data.evaluation.test_matches", "1", "--data.evaluation.test_epsilons", "[0.0]"]
"""A fit's own matches before and after, which nothing here reads."""


def main() -> None:
    """Run what is missing and write the report."""
    parser = benchmark_parser("forgetting and gain of every fine-tuning method")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), help="arms to run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="seeds of each arm")
    parser.add_argument("--at_once", type=int, default=2, help="runs at a time")
    parser.add_argument("--runs", type=Path, default=Path("runs/forgetting"), help="where runs are kept")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where the report goes")
    parser.add_argument("--report", action="store_true", help="run nothing, write the report of what is finished")
    options = parser.parse_args()
    if options.at_once < 1:
        parser.error(f"--at_once must be at least 1, got {options.at_once}")
    kept = options.results / "forgetting"
    if not options.report:
        # Seed by seed, so that early on there is something of every arm.
        jobs = [(arm, seed) for seed in options.seeds for arm in options.arms]
        missing = [job for job in jobs if not (kept / "{}-{}.json".format(*job)).is_file()]
        _finish(missing, options.runs, kept, options.at_once)
    finished = [Run.read(file) for file in kept.glob("*.json")]
    if not finished:
        sys.exit(f"nothing finished in {kept}")
    order = list(ARMS)
    finished.sort(key=lambda run: (order.index(run.arm), run.seed))
    for one, other in pairwise(finished):
        if one.setting != other.setting:
            sys.exit(f"runs of different settings in {kept}: {_difference(one, other)}; remove those of one")
    report(write_report(finished, ARMS, options.results), options.json)


def _finish(missing: Sequence[tuple[str, int]], runs: Path, kept: Path, at_once: int) -> None:
    """Run what is missing; when one fails, or on Ctrl-C, nothing further is begun."""

    def finish(arm: str, seed: int) -> Run:
        folder = runs / f"{arm}-{seed}"
        _run(folder, arm, seed)
        finished = Run.of(arm, seed, folder, base, at_once)
        finished.write(kept / f"{arm}-{seed}.json")
        return finished

    if not missing:
        return
    base = runs / "base"
    _test(base, ["-c", CONFIG], BASE)
    began = time.monotonic()
    pool = ThreadPoolExecutor(at_once)
    try:
        for count, future in enumerate(as_completed([pool.submit(finish, *job) for job in missing]), start=1):
            left = timedelta(seconds=round((time.monotonic() - began) / count * (len(missing) - count)))
            print(f"{count} of {len(missing)} runs | {future.result()} | {left} left", flush=True)
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from here")
    finally:
        pool.shutdown(cancel_futures=True)


def _run(run: Path, arm: str, seed: int) -> None:
    words = ["-c", CONFIG]
    for part in ARMS[arm]:
        words += [part] if part.startswith("--") else ["-c", f"configs/dojo/{part}.yaml"]
    words += [*SHORT_TABLE, "--seed_everything", str(seed), "--run_dir", str(run)]
    if not (run / "before_after.json").is_file():
        last = run / "checkpoints" / "last.ckpt"
        if not last.is_file():
            shutil.rmtree(run, ignore_errors=True)  # it ended before there was anything to resume
        _timed(run, "fit", [*words, *(["--ckpt_path", str(last)] if last.is_file() else [])])
    shutil.rmtree(run / "replay", ignore_errors=True)  # gigabytes that nothing needs any more
    _test(run, words, run / "checkpoints" / "best.ckpt")


def _test(run: Path, words: Sequence[str], checkpoint: Path) -> None:
    """Play the test matches, unless it is done; the evaluation goes to `TESTED` in the run's directory."""
    if (run / TESTED).is_file():
        return
    folder = run.with_name(f"{run.name}-test")
    shutil.rmtree(folder, ignore_errors=True)
    matches = ["--data.evaluation.test_matches", str(MATCHES), "--data.evaluation.test_seed", str(TEST_SEED)]
    exploration = ["--data.evaluation.test_epsilons", "[0.0]"]
    _timed(run, "test", [*words, *matches, *exploration, "--run_dir", str(run), "--ckpt_path", str(checkpoint)])
    (folder / "evaluation_epsilon_0.json").rename(run / TESTED)


def _difference(one: Run, other: Run) -> str:
    """What two runs do not agree in."""
    names = [name for name in one.setting if one.setting[name] != other.setting.get(name)]
    return ", ".join(f"{name} {one.setting[name]} and {other.setting.get(name)}" for name in names)


def _timed(run: Path, command: str, words: Sequence[str]) -> None:
    """Run a command, which prints into a log, and add its wall time to `seconds.json`."""
    run.parent.mkdir(parents=True, exist_ok=True)
    log = run.with_name(f"{run.name}.log")
    print(f"{run.name}: {command}, prints into {log}\n", end="", flush=True)  # in one piece: others print, too
    began = time.monotonic()
    with log.open("a") as output:
        command_line = [sys.executable, "-m", "mk_lightning", command, *words]
        failed = subprocess.run(command_line, stdout=output, stderr=subprocess.STDOUT).returncode
    run.mkdir(parents=True, exist_ok=True)
    path = run / "seconds.json"
    seconds = json.loads(path.read_text()) if path.is_file() else {}
    seconds[command] = seconds.get(command, 0.0) + time.monotonic() - began
    path.write_text(json.dumps(seconds) + "\n")
    if failed:
        sys.exit(f"{run.name}: {command} ended with exit code {failed}; why: {log}")


if __name__ == "__main__":
    main()
