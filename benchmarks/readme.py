"""Runs the commands that the README shows, and writes what they print into it.

Each `<!-- name -->` ... `<!-- /name -->` of the README holds a command's output. Every command runs in an empty folder,
with the shipped configs and checkpoints; progress (stderr) is left out. `facts` is a table of what the other
benchmarks left in `docs/results/`, and `fight` the moving picture at the top, `docs/images/fight.gif`.

    python benchmarks/readme.py [--only NAME ...]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import imageio.v2 as imageio
import numpy as np

import mk_lightning as mk
from mk_lightning.evaluation.clips import film_pairs
from mk_lightning.evaluation.compare import Comparison

RESULTS = Path("docs/results")
README = Path("README.md")
DEMO = ("finetune", "recommended", "short")
TEST = (
    "test -c configs/dojo/finetune.yaml --ckpt_path checkpoints/dojo-{0}.ckpt --run_dir runs/{0} "
    "--data.evaluation.test_matches 50 --data.evaluation.test_epsilons [0.0]"
)
TESTED = "runs/{0}-test/evaluation_epsilon_0.json"
COMMANDS = {
    "demo": f"fit {' '.join(f'-c configs/dojo/{name}.yaml' for name in DEMO)} --run_dir runs/demo",
    "before": TEST.format("base"),
    "weak": f"weak {TESTED.format('base')} --below 0.7",
    "after": TEST.format("finetuned"),
    "compare": f"compare {TESTED.format('base')} {TESTED.format('finetuned')}",
}
"""Without `mk-lightning`; each may use what those before it wrote."""
WHAT = ["fight", "facts", *COMMANDS]
SIZE, FRAMES, EVERY = (480, 168), 40, 3
"""Of the moving picture, at a third of a film's 30 a second: its last four seconds, side by side."""
SHADES = 0xE0
"""Bits of a colour that are kept: what differs by less is the film's compression, and would be most of the file."""


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description="write what the README's commands print into it")
    parser.add_argument("--only", nargs="+", choices=WHAT, default=WHAT, help="what to make anew")
    only = parser.parse_args().only
    if "facts" in only:
        README.write_text(replaced(README.read_text(), "facts", facts()))
    if "fight" in only:
        fight(Path("docs/images/fight.gif"))
    with tempfile.TemporaryDirectory() as folder:
        for name, command in COMMANDS.items():
            if name in only:
                print(f"mk-lightning {command}", flush=True)
                README.write_text(replaced(README.read_text(), name, output(command, Path(folder))))


def facts() -> str:
    """What this package does beside SB3's DQN, and what its recipe is worth, from the figures that benchmarks left."""
    speed, skill, crash = (
        json.loads((RESULTS / f"{name}.json").read_text()) for name in ("training", "time_to_skill", "crash")
    )
    rows = [
        ("env_steps/s of training, one learner_step per 32 and per 8, side by side",
         f"{speed['ratio_sb3']:.1f} x, {speed['ratio_sb3_per_8']:.1f} x", "1"),
        ("wall time until 80 % of the matches against an opponent are won", f"{skill['ratio']:.2f} x", "1"),
        ("bytes of replay a transition",
         f"{speed['bytes_per_transition']:,.0f}", f"{speed['bytes_per_transition_sb3']:,.0f}"),
        ("killed with SIGKILL at any moment and resumed, ends bit for bit as the run left alone",
         f"{crash['identical']} of {crash['runs']}", "no: matches under way are lost"),
    ]  # fmt: skip
    lines = ["| | mk_lightning | SB3's DQN with callbacks |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines += ["", "| the shipped fighter | wins those it beat | wins those it lost to |", "|---|---|---|"]
    for name, arm, when in (("as it is", "none", "before"), ("fine-tuned plainly", "none", "after"),
                            ("fine-tuned by the recipe", "recommended", "after")):  # fmt: skip
        rates = " | ".join(f"{_rate(arm, group, when):.0%}" for group in ("original", "challenging"))
        lines.append(f"| {name} | {rates} |")
    return "\n".join(lines)


def _rate(arm: str, group: str, when: str) -> float:
    """Mean win rate of an arm of `forgetting.py`."""
    with (RESULTS / "forgetting.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["arm"], row["group"], row["when"]) == (arm, group, when)]
    return fmean(float(row["win_rate"]) for row in rows)


def fight(path: Path) -> None:
    """The same match as the shipped fighter and the fine-tuned one play it, side by side."""
    before, after = (
        mk.evaluate(f"checkpoints/dojo-{name}.ckpt", "dojo", ["VeryHard.Kestrel-05"], matches=3)
        for name in ("base", "finetuned")
    )
    ((_, clips),) = film_pairs(Comparison(before, after), pairs=1)
    films = [imageio.mimread(clip.content, format="mp4", memtest=False)[::EVERY][-FRAMES:] for clip in clips]
    last = [[*film, *[film[-1]] * (FRAMES - len(film))] for film in films]
    pairs: list[Any] = [np.hstack(frames) for frames in zip(*last, strict=True)]
    pairs = [cv2.resize(pair, SIZE, interpolation=cv2.INTER_AREA) & SHADES for pair in pairs]
    imageio.mimwrite(path, pairs, duration=1000 * EVERY / 30, loop=0)


def output(command: str, folder: Path) -> str:
    """What a command prints."""
    words = [sys.executable, "-m", "mk_lightning", *command.split()]
    environment = os.environ | {"COLUMNS": "110"}
    return subprocess.run(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def replaced(text: str, name: str, output: str) -> str:
    """The README with another output in one of its places."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if not (start in text and end in text):
        sys.exit(f"no {start} ... {end} in {README}")
    text_block = output if name == "facts" else f"```text\n{output.rstrip()}\n```"
    block = f"{start}\n{text_block}\n{end}"
    return re.sub(f"{re.escape(start)}.*?{re.escape(end)}", lambda _: block, text, flags=re.S)


if __name__ == "__main__":
    main()
