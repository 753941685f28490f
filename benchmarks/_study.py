"""Fine-tunings of the shipped fighter that differ in one thing, through the command line that users have.

Every run is a process of its own and prints into a log beside its directory; two at once keep two cores busier than
one does. The checkpoint that a run hands over (`best.ckpt`, chosen by its own validation matches) plays test matches,
the same for all and for the base. They are of a `test_seed` of their own: matches that the configs were made with
decide nothing. What is finished has a file in the results and is not repeated; a fit that was interrupted is resumed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from _forgetting_runs import TESTED, Run
from _report import benchmark_parser

__all__ = ["Study", "finish_fit", "play_test"]

CONFIGS = Path("configs/dojo")
BASE = Path("checkpoints/dojo-base.ckpt")
"""The fighter that is fine-tuned."""
SHORT_TABLE = ["--data.evaluation.test_matches", "1", "--data.evaluation.test_epsilons", "[0.0]"]
"""A fit's own matches before and after, which nothing here reads."""


def add_study_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Add the options of whatever trains with several seeds and goes on where it was stopped.

    Args:
        parser: to add them to.
        name: of the folder of its runs.
    """
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of the runs, each arm's the same")
    parser.add_argument("--runs", type=Path, default=Path("runs") / name, help="where runs are kept")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where the report goes")
    parser.add_argument("--report", action="store_true", help="run nothing, write the report of what is finished")


@dataclass(frozen=True)
class Study:
    """Arms, and what all of them have in common."""

    name: str
    """Of the folders and files."""
    common: Sequence[str]
    """Configs (their names in configs/dojo/) and options of every arm."""
    arms: Mapping[str, Sequence[str]]
    """Further ones of each arm."""
    matches: int
    """Test matches per state."""
    test_seed: int
    varied: frozenset[str] = frozenset()
    """Settings that arms may differ in, by their names in :attr:`Run.setting`."""

    def parser(self, description: str) -> argparse.ArgumentParser:
        """Return a parser with the options of :meth:`runs`."""
        parser = benchmark_parser(description)
        parser.add_argument("--arms", nargs="+", choices=self.arms, default=list(self.arms), help="arms to run")
        parser.add_argument("--at_once", type=int, default=2, help="runs at a time")
        add_study_options(parser, self.name)
        return parser

    def runs(self, options: argparse.Namespace) -> list[Run]:
        """Finish what is missing; return all that is finished, arm by arm."""
        if options.at_once < 1:
            sys.exit(f"--at_once must be at least 1, got {options.at_once}")
        kept = options.results / self.name
        if not options.report:
            # Seed by seed, so that early on there is something of every arm.
            jobs = [(arm, seed) for seed in options.seeds for arm in options.arms]
            missing = [job for job in jobs if not (kept / "{}-{}.json".format(*job)).is_file()]
            self._finish(missing, options.runs, kept, options.at_once)
        finished = [Run.read(file) for file in kept.glob("*.json")]
        if not finished:
            sys.exit(f"nothing finished in {kept}")
        order = list(self.arms)
        finished.sort(key=lambda run: (order.index(run.arm), run.seed))
        for one, other in pairwise(finished):
            varied = self.varied if one.arm != other.arm else frozenset[str]()
            if differing := _difference(one, other, varied):
                sys.exit(f"runs of different settings in {kept}: {differing}; remove those of one")
        return finished

    def _finish(self, missing: Sequence[tuple[str, int]], runs: Path, kept: Path, at_once: int) -> None:
        """Run what is missing; when one fails, or on Ctrl-C, nothing further is begun."""

        def finish(arm: str, seed: int) -> Run:
            folder = runs / f"{arm}-{seed}"
            self._run(folder, arm, seed)
            finished = Run.of(arm, seed, folder, base, at_once)
            finished.write(kept / f"{arm}-{seed}.json")
            return finished

        if not missing:
            return
        base = runs / "base"
        play_test(base, _words(self.common), BASE, self.matches, self.test_seed)
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

    def _run(self, run: Path, arm: str, seed: int) -> None:
        words = [*_words([*self.common, *self.arms[arm]]), *SHORT_TABLE, "--seed_everything", str(seed)]
        finish_fit(run, words)
        play_test(run, words, run / "checkpoints" / "best.ckpt", self.matches, self.test_seed)


def finish_fit(run: Path, words: Sequence[str]) -> None:
    """Train, go on with it where it was interrupted, or do nothing where it is done.

    Args:
        run: the run's directory.
        words: configs and options.
    """
    if not (run / "before_after.json").is_file():
        last = run / "checkpoints" / "last.ckpt"
        if not last.is_file():
            shutil.rmtree(run, ignore_errors=True)  # it ended before there was anything to resume
        resumed = ["--ckpt_path", str(last)] if last.is_file() else []
        _timed(run, "fit", [*words, "--run_dir", str(run), *resumed])
    shutil.rmtree(run / "replay", ignore_errors=True)  # gigabytes that nothing needs any more


def play_test(
    run: Path, words: Sequence[str], checkpoint: Path, matches: int, test_seed: int, epsilon: float = 0.0
) -> None:
    """Play the test matches, unless it is done; the evaluation goes to `TESTED` in the run's directory.

    Args:
        run: the run's directory.
        words: configs and options.
        checkpoint: what plays.
        matches: per state.
        test_seed: which matches.
        epsilon: probability of a random action.
    """
    if (run / TESTED).is_file():
        return
    folder = run.with_name(f"{run.name}-test")
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--data.evaluation.test_matches", str(matches), "--data.evaluation.test_seed", str(test_seed)]
    options += ["--data.evaluation.test_epsilons", f"[{epsilon}]"]
    _timed(run, "test", [*words, *options, "--run_dir", str(run), "--ckpt_path", str(checkpoint)])
    (folder / f"evaluation_epsilon_{epsilon:g}.json").rename(run / TESTED)


def _words(parts: Sequence[str]) -> list[str]:
    """Names of configs, and options, as the command line takes them."""
    words: list[str] = []
    for part in parts:
        words += [part] if part.startswith("--") else ["-c", str(CONFIGS / f"{part}.yaml")]
    return words


def _difference(one: Run, other: Run, varied: frozenset[str]) -> str:
    """What two runs do not agree in, but should; empty if there is nothing."""
    names = [name for name in one.setting if name not in varied and one.setting[name] != other.setting.get(name)]
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
