"""A whole ladder beside what one would do without it: plain fine-tuning round after round, training on everything.

From the shipped fighter, who beats four opponents, through four others in three tiers:

- `ladder`: `mk.ladder` with the recipe, as it decides by itself.
- `plain`: the same rounds without the recipe, each from what the one before left, whatever that was worth.
- `scratch`: a new fighter trained on all states by `pretrain.yaml`, with the env_steps of the shipped fighter's
  training and of the ladder's rounds together.

Every policy on the way plays the same test matches, by which nothing is chosen. It goes on where it was
stopped, and what is finished has a file in `docs/results/ladder/`.

    python benchmarks/ladder.py [--seeds 1 2 3] [--at_once 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from _report import benchmark_parser, report
from _study import add_study_options

import mk_lightning as mk
from mk_lightning.metrics.continual import forgetting
from mk_lightning.utils.machine import machine
from mk_lightning.utils.run_files import BEST, CHECKPOINTS

BASE, PRETRAINED = Path("checkpoints/dojo-base.ckpt"), 368_000
"""The shipped fighter, and the env_steps that it was trained with."""
KNOWN = [f"VeryHard.{name}" for name in ("Bramble-01", "Bulwark-02", "Scythe-03", "Ember-04")]
STATES = KNOWN + [
    f"{tier}.{name}"
    for name in ("Kestrel-05", "Heron-06", "Grapnel-07", "Mirage-08")
    for tier in ("VeryEasy", "Medium", "VeryHard")
]
TARGET, ROUNDS, ENV_STEPS = 0.9, 10, 96_000
MATCHES, TEST_SEED = 20, 30
"""Of the test matches, per state; `test_seed` of none that anything is chosen by."""
ARMS = ("ladder", "plain", "scratch")


def main() -> None:
    """Run what is missing and write the report."""
    parser = benchmark_parser("a ladder beside plain rounds and training on everything")
    parser.add_argument("--at_once", type=int, default=2, help="seeds at a time")
    add_study_options(parser, "ladders")
    parser.add_argument("--alone", type=int, metavar="SEED", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone is not None:
        _run(options.alone, options.runs, options.results / "ladder")
        return
    if not options.report:
        words = [sys.executable, __file__, "--runs", str(options.runs), "--results", str(options.results), "--alone"]
        with ThreadPoolExecutor(options.at_once) as pool:
            for done in pool.map(lambda seed: subprocess.run([*words, str(seed)]).returncode, options.seeds):
                if done:
                    sys.exit("a seed failed; the same command goes on from there")
    found = {
        arm: [json.loads(file.read_text()) for file in sorted((options.results / "ladder").glob(f"{arm}-*.json"))]
        for arm in ARMS
    }
    (options.results / "ladder.md").write_text(_text(found))
    figures: dict[str, float | int | str] = {"states": len(STATES), "matches": MATCHES}
    for arm, runs in found.items():
        figures |= {f"{arm}_{name}": fmean(run[name] for run in runs) for name in _names(runs)}
    report(figures, options.json)


def _run(seed: int, runs: Path, results: Path) -> None:
    """All arms of a seed, one after another."""
    climb = mk.ladder(
        BASE, states=STATES, target=TARGET, rounds=ROUNDS, env_steps=ENV_STEPS, seed=seed,
        run_dir=runs / f"ladder-{seed}",
    )  # fmt: skip
    spent = sum(one.env_steps for one in climb.rounds)
    kept = [climb.folder / one.run_dir / CHECKPOINTS / BEST for one in climb.rounds if one.kept]
    _write(results / f"ladder-{seed}.json", runs / f"ladder-{seed}-tests", [BASE, *kept], spent)
    plain = [BASE]
    for number, one in enumerate(climb.rounds, start=1):
        result = mk.finetune(
            plain[-1], challenging=one.challenging, original=sorted(set(STATES) - set(one.challenging)), recipe=(),
            env_steps=one.env_steps, run_dir=runs / f"plain-{seed}-{number}", resume=True, seed=seed + number,
        )  # fmt: skip
        plain.append(result.checkpoint)
    _write(results / f"plain-{seed}.json", runs / f"plain-{seed}-tests", plain, spent)
    run = runs / f"scratch-{seed}"
    words = ["fit", "-c", "configs/dojo/pretrain.yaml", "--run_dir", str(run), "--seed_everything", str(seed)]
    words += [f"--data.original_states={STATES}", "--data.challenging_states=null", f"--data.train_states={STATES}"]
    words += [f"--data.max_env_steps={PRETRAINED + spent}", "--ckpt_path", "auto"]
    subprocess.run([sys.executable, "-m", "mk_lightning", *words], check=True)
    _write(
        results / f"scratch-{seed}.json", runs / f"scratch-{seed}-tests", [run / CHECKPOINTS / BEST], PRETRAINED + spent
    )


def _write(path: Path, tests: Path, policies: Sequence[Path], env_steps: int) -> None:
    """Let the policies of an arm, from first to last, play the test matches, and write its figures.

    Args:
        path: of the figures; nothing is done again where it is there.
        tests: folder of the evaluations, which go on where they were stopped.
        policies: checkpoints.
        env_steps: that it took to make the last of them from the first.
    """
    if path.is_file():
        return
    rows = []
    for number, policy in enumerate(policies):
        file = tests / f"{number}.json"
        if not file.is_file():
            tests.mkdir(parents=True, exist_ok=True)
            mk.evaluate(policy, "dojo", STATES, matches=MATCHES, seed=TEST_SEED).write(file)
        scores = mk.Evaluation.read(file).scores()
        rows.append([scores[state].win_rate for state in STATES])
    figures: dict[str, Any] = {
        "average_final": fmean(rows[-1]), "worst_final": min(rows[-1]),
        "forgetting_mean": float(forgetting(np.array(rows)).mean()), "policies": len(rows), "env_steps": env_steps,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures | {"rates": rows[-1], "machine": machine()}, indent=1) + "\n")


def _names(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [name for name, value in runs[0].items() if isinstance(value, (int, float))] if runs else []


def _text(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    lines = [
        "# A whole ladder",
        "",
        "Written by `benchmarks/ladder.py`; do not edit.",
        "",
        f"From the shipped fighter through {len(STATES)} states in at most {ROUNDS} rounds of {ENV_STEPS:,} env_steps,",
        "beside the same rounds without the recipe and beside a new fighter trained on all of them with as many",
        f"env_steps. What each ends with plays {MATCHES} test matches a state. Figures are means over the seeds; in",
        "brackets each seed's own.",
        "",
        "| arm | seeds | env_steps | average win rate | worst state | forgetting |",
        "|---|--:|--:|---|---|---|",
    ]
    for arm, runs in found.items():
        if runs:
            steps = fmean(run["env_steps"] for run in runs)
            cells = [_shown(runs, name) for name in ("average_final", "worst_final", "forgetting_mean")]
            lines.append(f"| {arm} | {len(runs)} | {steps:,.0f} | {' | '.join(cells)} |")
    lines += ["", "Win rates, state by state, means over the seeds:", ""]
    named = [arm for arm, runs in found.items() if runs]
    lines += [f"| state | {' | '.join(named)} |", f"|---|{'--:|' * len(named)}"]
    for number, state in enumerate(STATES):
        rates = [fmean(run["rates"][number] for run in found[arm]) for arm in named]
        lines.append(f"| {state} | {' | '.join(f'{rate:.0%}' for rate in rates)} |")
    machines = "; ".join(sorted({run["machine"] for runs in found.values() for run in runs}))
    return "\n".join([*lines, "", f"Measured on: {machines}.", ""])


def _shown(runs: Sequence[Mapping[str, Any]], name: str) -> str:
    values = [run[name] for run in runs if name in run]
    return f"{fmean(values):.1%} [{', '.join(f'{value:.0%}' for value in values)}]" if values else ""


if __name__ == "__main__":
    main()
