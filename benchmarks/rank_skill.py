"""How many env_steps two ranks need to beat an opponent, beside one.

They learn what `time_to_skill.py` has learnt, by the command line: from scratch, until 80 % of the last 40 training
matches, those of all ranks, are won. Two ranks with the same
`env_steps_per_learner_step` as one make as many learner_steps, of batches twice as large; with twice as many they make
half as many, as `docs/several-machines.md` advises where ranks are to save time. Seconds are those of ranks that share
the cores of one machine.

    python benchmarks/rank_skill.py [--seeds 1 2 3] [--json FILE]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from _report import benchmark_parser, print_table, report
from time_to_skill import COMMON, MATCHES, MAX_ENV_STEPS, OURS_LEARNING_RATE, OURS_PER_LEARNER_STEP, STATE, WIN_RATE

TARGET_EVERY, EXPLORATION = 500, 16_000  # learner_steps, env_steps
KINDS = {"one_rank": (1, 1), "two_ranks": (2, 1), "two_ranks_half": (2, 2)}
"""Ranks, and by how much `env_steps_per_learner_step` is multiplied."""


def main() -> None:
    """Measure, print and write."""
    parser = benchmark_parser("env_steps until one opponent is beaten, on one rank and two")
    parser.add_argument("--state", default=STATE, help="the opponent's state")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="seeds, a run of each kind each")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument("--learning-rate", type=float, default=OURS_LEARNING_RATE, help="of two_ranks_half")
    parser.add_argument("--max-env-steps", type=int, default=MAX_ENV_STEPS, help="cap of a run")
    options = parser.parse_args()
    runs: dict[str, list[dict[str, Any]]] = {kind: [] for kind in options.kinds}
    for seed in options.seeds:
        for kind in options.kinds:
            runs[kind].append(_train(kind, seed, options))
            print(f"{kind}, seed {seed}: {runs[kind][-1]}", flush=True)
    figures: dict[str, Any] = {"state": options.state, "seeds": options.seeds, "learning_rate": options.learning_rate}
    rows = []
    for kind, found in runs.items():
        env_steps = [run["env_steps"] for run in found]
        rows.append([kind, *(f"{count:,}" for count in env_steps), f"{median(env_steps):,.0f}"])
        figures |= {f"env_steps_{kind}_seed_{seed}": n for seed, n in zip(options.seeds, env_steps, strict=True)}
        figures |= {f"env_steps_{kind}": median(env_steps)}
        figures |= {f"{key}_{kind}": median(run[key] for run in found) for key in ("learner_steps", "seconds")}
        figures |= {f"not_reached_{kind}": sum(not run["reached"] for run in found)}
    figures |= {
        f"ratio_{kind}": figures[f"env_steps_{kind}"] / figures["env_steps_one_rank"]
        for kind in runs
        if "one_rank" in runs and kind != "one_rank"
    }
    print_table(
        f"env_steps until {WIN_RATE:.0%} of the last {MATCHES} matches against {options.state} are won",
        ("", *(f"seed {seed}" for seed in options.seeds), "median"),
        rows,
    )
    report(figures, options.json)


def _train(kind: str, seed: int, options: Any) -> dict[str, Any]:
    """Run `fit` until the opponent is beaten; returns what `_skilled.Skilled` writes."""
    ranks, times = KINDS[kind]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump(_config(folder, seed, ranks, times, options)), encoding="utf-8")
        paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
        line = [sys.executable, "-m", "mk_lightning", "fit", "-c", str(config)]
        ended = subprocess.run(line, env=environment, check=False, capture_output=True, text=True)
        if ended.returncode:
            raise SystemExit(f"{kind}, seed {seed}: {ended.stderr}")
        found: dict[str, Any] = json.loads((folder / "skilled.json").read_text(encoding="utf-8"))
        return found


def _config(folder: Path, seed: int, ranks: int, times: int, options: Any) -> dict[str, Any]:
    skilled = {"file": str(folder / "skilled.json"), "win_rate": WIN_RATE, "matches": MATCHES}
    start, end = COMMON["epsilon"]
    trainer = {"strategy": "ddp"} if ranks > 1 else {}
    return {
        "run_dir": str(folder / "run"),
        "seed_everything": seed,
        "monitor": "val/return/original",
        "model": {
            "learning_rate": options.learning_rate if times > 1 else OURS_LEARNING_RATE,
            "target_every": TARGET_EVERY // times,
        },
        "data": {
            "original_states": [options.state],
            "max_env_steps": options.max_env_steps,
            "warmup_env_steps": COMMON["warmup"],
            "env_steps_per_learner_step": OURS_PER_LEARNER_STEP * times,
            "epsilon": {"class_path": "Linear", "init_args": {"start": start, "end": end, "env_steps": EXPLORATION}},
            "reward_scale": COMMON["reward_scale"],
            "env": {"num_envs": COMMON["num_envs"]},
            "replay": {"capacity": COMMON["capacity"], "n_step": 3, "gamma": COMMON["gamma"]},
            "evaluation": {"every": 1.0, "matches": 1, "test_matches": 1},
        },
        "trainer": trainer | {
            "accelerator": "cpu",
            "devices": ranks,
            "callbacks": [{"class_path": "_skilled.Skilled", "init_args": skilled}],
        },
    }  # fmt: skip


if __name__ == "__main__":
    main()
