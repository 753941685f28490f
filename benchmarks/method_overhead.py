"""What each fine-tuning method costs in learner_steps/s of full training.

Each method trains beside a run without any, in a process of its own; the two take turns, and take turns at being first,
so that what else the machine does meets both alike. An overhead is the median over the turns of (without / with) - 1:
what a learner_step takes longer. Its quartiles show how much of it is noise. A learner_step comes as often as in
`configs/dojo/finetune.yaml`. The estimate of the Fisher information and the recording are made once, before the first
turn, and are not in it.

    python benchmarks/method_overhead.py [--methods ewc ...] [--json FILE]
"""

from __future__ import annotations

from pathlib import Path
from statistics import median, quantiles

import yaml
from _contenders import Contender
from _report import benchmark_parser, print_table, report

FUNCTION = "_ours.take_turns"
PER_LEARNER_STEP: int = yaml.safe_load(Path("configs/dojo/finetune.yaml").read_text())["data"][
    "env_steps_per_learner_step"
]
"""env_steps."""

METHODS = (
    "decoupled_decay", "l2", "l2_sp", "ewc", "rehearsal", "cloning", "kickstarting", "freeze", "unfreeze",
    "curriculum", "weakness",
)  # fmt: skip
SETTINGS = {
    "game": "dojo",
    "states": ["VeryEasy.Bramble-01", "VeryEasy.Bulwark-02", "VeryEasy.Scythe-03", "VeryEasy.Ember-04"],
    "num_envs": 8,
    "warmup": 2_000,
    "per_learner_step": PER_LEARNER_STEP,
    "epsilon": 0.05,
    "capacity": 20_000,
    "torch_threads": 1,
}


def main() -> None:
    """Measure, print and write."""
    parser = benchmark_parser("learner_steps/s with each fine-tuning method beside none")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="methods to measure")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a turn")
    parser.add_argument("--turns", type=int, default=7, help="turns of each, alternating")
    options = parser.parse_args()
    figures: dict[str, float | int | str] = {"env_steps_per_learner_step": PER_LEARNER_STEP}
    rows = []
    none = Contender(FUNCTION, SETTINGS)
    try:
        none.receive()
        for method in options.methods:
            with_it = Contender(FUNCTION, SETTINGS | {"method": method})
            try:
                with_it.receive()
                pairs = [_pair(none, with_it, options.seconds, turn) for turn in range(options.turns)]
            finally:
                with_it.close()
            low, overhead, high = (share - 1 for share in quantiles((without / rate for without, rate in pairs), n=4))
            without, rate = (median(rates) / PER_LEARNER_STEP for rates in zip(*pairs, strict=True))
            rows.append((method, without, rate, f"{overhead:+.0%}", f"{low:+.0%} to {high:+.0%}"))
            figures[f"overhead_{method}"] = overhead
            figures[f"quartiles_{method}"] = f"{low:+.1%} to {high:+.1%}"
    finally:
        none.close()
    print_table("learner_steps/s of full training", ("method", "without", "with", "overhead", "quartiles"), rows)
    report(figures, options.json)


def _pair(none: Contender, with_it: Contender, seconds: float, turn: int) -> tuple[float, float]:
    """env_steps/s without and with the method; each is first every other turn."""
    if turn % 2:
        rate = with_it.turn(seconds)
        return none.turn(seconds), rate
    return none.turn(seconds), with_it.turn(seconds)


if __name__ == "__main__":
    main()
