"""A file of a killed run that is deleted, moved away or cut short before the run goes on."""

from __future__ import annotations

import random
import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _report import print_table
from _whole_run import differences, everything

HARMS = ("deleted", "moved", "cut short")

ALONE = "as the one left alone"
FOLLOWED = "refused, the command it names ends as the one left alone"
TOLD = "goes on, what is lost is told"
WITHOUT = "refused, the command it names goes on without the replay"
WRONG = "WRONG"

MAY_DIFFER = {
    "metrics.csv": ("metrics", "curves", "/metrics_rows"),
    "best.ckpt": ("before_after", "matches", "curves", "/callbacks/"),
}
"""What cannot be made again, by the file that held it: rows of metrics, and which validation was the best."""

Resume = Callable[[Path, list[str]], "subprocess.CompletedProcess[str]"]


def damaged_runs(
    killed: list[Path], count: int, folder: Path, alone: dict[str, Any], rng: random.Random, resume: Resume
) -> dict[str, int]:
    """Harm a file of a killed run, let it go on, and see what becomes of it; so often as `count` says.

    Args:
        killed: directories of killed runs, each with a checkpoint.
        count: how often.
        folder: for the runs.
        alone: what a run left that nothing happened to.
        rng: chooses the run, the file and the harm.
        resume: runs the command that goes on with a run's directory, with further words.

    Returns:
        How often it came to what.
    """
    outcomes: Counter[str] = Counter()
    rows = []
    for number in range(count):
        run = folder / f"harmed-{number}"
        shutil.copytree(rng.choice(killed), run)
        files = sorted(path for path in run.rglob("*") if path.is_file() and path.suffix != ".lock")
        path, harm = rng.choice(files), HARMS[number % len(HARMS)]
        _harm(path, harm, folder / f"moved-{number}", rng)
        outcome = _outcome(run, path, alone, resume)
        kind = outcome.partition(":")[0]
        outcomes[kind] += 1
        rows.append([number, f"{path.relative_to(run)} {harm}", outcome])
        print(f"{number + 1}/{count}: {rows[-1][1]}: {outcome[:200]}", flush=True)
        shutil.rmtree(run)
    print_table(f"{count} killed runs that lost a file", ("run", "file", "what became of it"), rows)
    return {kind: outcomes[kind] for kind in (ALONE, FOLLOWED, TOLD, WITHOUT, WRONG)}


def _harm(path: Path, harm: str, away: Path, rng: random.Random) -> None:
    if harm == "deleted":
        path.unlink()
    elif harm == "moved":
        path.rename(away)
    else:
        path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)] if path.stat().st_size else b"")


def _outcome(run: Path, path: Path, alone: dict[str, Any], resume: Resume) -> str:
    before = _contents(run)
    process = resume(run, ["--ckpt_path", "last"])
    outcome = ALONE
    if process.returncode == 2:
        if changed := [name for name, content in _contents(run).items() if before.get(name) != content]:
            return f"{WRONG}: refused, but {changed[0]} was written"
        line = process.stderr.splitlines()[-1]
        if named := re.search(r"--ckpt_path (\S+\.ckpt)$", line):
            outcome, words = FOLLOWED, ["--ckpt_path", *shlex.split(named[1])]
        elif "--data.replay.on_disk false" in line:
            outcome, words = WITHOUT, ["--ckpt_path", "last", "--data.replay.on_disk", "false"]
        else:
            return f"{WRONG}: no way out in {line!r}"
        process = resume(run, words)
    if process.returncode:
        return f"{WRONG}: exit code {process.returncode}, {process.stderr.splitlines()[-1:]}"
    if outcome == WITHOUT:
        reached, whole = _env_steps(run), alone["checkpoint"]["/env_steps"]
        return outcome if reached >= whole else f"{WRONG}: it ended at {reached} of {whole} env_steps"
    found = differences(everything(run), alone)
    expected = MAY_DIFFER.get(path.name, ())
    if wrong := [one for one in found if not one.startswith(expected)]:
        return f"{WRONG}: {'; '.join(wrong)[:300]}"
    if found and path.name not in process.stderr:
        return f"{WRONG}: {path.name} is lost and nothing is said"
    return TOLD if found else outcome


def _env_steps(run: Path) -> int:
    return int(torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["env_steps"])


def _contents(run: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in run.rglob("*") if path.is_file() and path.suffix != ".lock"}
