"""A whole ladder beside what one would do without it: plain fine-tuning round after round, training on everything.

From the shipped fighter, who beats four opponents, through four others in three tiers:

- `ladder`: `mk.ladder` with the recipe, as it decides by itself.
- `plain`: the same rounds without the recipe, each from what the one before left, whatever that was worth.
- `scratch`: a new fighter trained on all states by `pretrain.yaml`, with the env_steps of the shipped fighter's
  training and of the ladder's rounds together.

What each ends with plays test matches of its own; those of the rounds decide nothing here. It goes on where it was
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

BASE, PRETRAINED = "checkpoints/dojo-base.ckpt", 368_000
"""The shipped fighter, and the env_steps that it was trained with."""
KNOWN = [f"VeryHard.{name}" for name in ("Bramble-01", "Bulwark-02", "Scythe-03", "Ember-04")]
STATES = KNOWN + [
    f"{tier}.{name}"
    for name in ("Kestrel-05", "Heron-06", "Grapnel-07", "Mirage-08")
    for tier in ("VeryEasy", "Medium", "VeryHard")
]
TARGET, ROUNDS, ENV_STEPS = 0.9, 10, 96_000
MATCHES, TEST_SEED = 50, 30
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
    rounds = [(one.challenging, one.env_steps) for one in climb.rounds]
    _write(results / f"ladder-{seed}.json", climb.checkpoint, env_steps=spent, rows=climb.rows)
    checkpoint, rows = Path(BASE), [climb.rows[0]]
    for number, (challenging, env_steps) in enumerate(rounds, start=1):
        result = mk.finetune(
            checkpoint, challenging=challenging, original=[state for state in STATES if state not in challenging],
            recipe=(), env_steps=env_steps, run_dir=runs / f"plain-{seed}-{number}", resume=True, seed=seed + number,
        )  # fmt: skip
        checkpoint = result.checkpoint
        rows.append(_measured(checkpoint, runs / f"plain-{seed}-{number}.json", 20, 0))
    _write(results / f"plain-{seed}.json", checkpoint, env_steps=sum(steps for _, steps in rounds), rows=rows)
    run = runs / f"scratch-{seed}"
    words = ["fit", "-c", "configs/dojo/pretrain.yaml", "--run_dir", str(run), "--seed_everything", str(seed)]
    words += [f"--data.original_states={STATES}", "--data.challenging_states=null", f"--data.train_states={STATES}"]
    words += [f"--data.max_env_steps={PRETRAINED + spent}", "--ckpt_path", "auto"]
    subprocess.run([sys.executable, "-m", "mk_lightning", *words], check=True)
    _write(results / f"scratch-{seed}.json", run / "checkpoints/best.ckpt", env_steps=PRETRAINED + spent)


def _write(path: Path, checkpoint: Path, *, env_steps: int, rows: Sequence[Sequence[float]] = ()) -> None:
    """Test what an arm ends with, unless it is done, and write its figures."""
    if path.is_file():
        return
    evaluation = mk.evaluate(checkpoint, "dojo", STATES, matches=MATCHES, seed=TEST_SEED)
    rates = [evaluation.scores()[state].win_rate for state in STATES]
    figures: dict[str, Any] = {"average_final": fmean(rates), "worst_final": min(rates), "env_steps": env_steps}
    if rows:
        figures |= {"rounds": len(rows) - 1, "forgetting_mean": float(forgetting(np.array(rows)).mean())}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures | {"rates": rates, "machine": machine()}, indent=1) + "\n")


def _measured(checkpoint: Path, path: Path, matches: int, seed: int) -> list[float]:
    """Win rates over all states, from a file if they have been measured."""
    if not path.is_file():
        mk.evaluate(checkpoint, "dojo", STATES, matches=matches, seed=seed).write(path)
    scores = mk.Evaluation.read(path).scores()
    return [scores[state].win_rate for state in STATES]


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
