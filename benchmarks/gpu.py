"""Training on a GPU: env_steps/s with 16 to 64 environments, beside Stable-Baselines3's DQN on the same machine.

The emulators are on the CPU, the learner on the GPU, and the actor where `--actor-on-device` has it. With more
environments a learner_step comes after as many env_steps as there are environments, and its batch grows with them, so
that every env_step is learnt from as often.

    python benchmarks/gpu.py [--json FILE]
"""

from __future__ import annotations

import shutil
import subprocess
from statistics import median
from typing import Any

from _report import benchmark_parser, print_table, report
from training import EPSILON, OURS, SB3, add_turn_options, measure

from mk_lightning.games.catalog import load_game

ENVIRONMENTS = (16, 32, 64)
SAMPLES = 4
"""Transitions of a batch for each env_step since the one before: 32 for 8, as in `finetune.yaml`."""


def main() -> None:
    """Measure, print and write."""
    parser = benchmark_parser("full training on a GPU beside SB3's DQN")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="of the learner")
    parser.add_argument("--actor-on-device", action="store_true", help="the actor is where the learner is")
    add_turn_options(parser, seconds=8.0, turns=3)
    options = parser.parse_args()
    environments: tuple[int, ...] = ENVIRONMENTS
    if options.quick:
        options.seconds, options.turns, environments = 1.0, 1, ENVIRONMENTS[:1]
    device = {"gpu": "cuda", "cpu": "cpu"}[options.device]
    rows, figures = [], dict[str, float | int | str]()
    for count in environments:
        settings: dict[str, Any] = {
            "game": "dojo", "states": list(load_game("dojo").resolve_states("VeryEasy.*")), "num_envs": count,
            "warmup": 10 * count, "epsilon": EPSILON, "capacity": 40_000, "per_learner_step": count,
            "batch_size": SAMPLES * count, "device": device,
        }  # fmt: skip
        rates, _, parts = measure(settings, options, actor_on_device=options.actor_on_device)
        ratio = median(ours / theirs for ours, theirs in zip(rates[OURS], rates[SB3], strict=True))
        rows.append((count, SAMPLES * count, median(rates[OURS]), median(rates[SB3]), ratio, *parts.values()))
        figures |= {f"env_steps_per_s_{count}": median(rates[OURS]), f"ratio_sb3_{count}": ratio}
        figures |= {f"{name}_ms_{count}": cost for name, cost in parts.items()}
    columns = ("environments", "batch", "env_steps/s", "SB3", "ours/SB3", "env_step ms", "action ms", "learner_step ms")
    print_table("one learner_step for each vector env_step", columns, rows)
    report(figures | {"gpu": _name()}, options.json)


def _name() -> str:
    if shutil.which("nvidia-smi") is None:
        return "none"
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()[0]


if __name__ == "__main__":
    main()
