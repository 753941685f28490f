"""What each fine-tuning method costs in learner_steps/s of full training.

Each method trains beside a run without any, in a process of its own; the two take turns, so that what else the machine
does meets both alike. An overhead is the median over the turns of (without / with) - 1. The estimate of the Fisher
information and the recording are made once, before the first turn, and are not in it.

    python benchmarks/method_overhead.py [--methods ewc ...] [--json FILE]
"""

from __future__ import annotations

from statistics import median

from _contenders import Contender
from _report import benchmark_parser, print_table, report

FUNCTION = "_ours.take_turns"
PER_LEARNER_STEP = 32
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
    figures: dict[str, float | int | str] = {}
    rows = []
    none = Contender(FUNCTION, SETTINGS)
    try:
        none.receive()
        for method in options.methods:
            with_it = Contender(FUNCTION, SETTINGS | {"method": method})
            try:
                with_it.receive()
                pairs = [(none.turn(options.seconds), with_it.turn(options.seconds)) for _ in range(options.turns)]
            finally:
                with_it.close()
            overhead = median(without / rate for without, rate in pairs) - 1
            without, rate = (median(rates) / PER_LEARNER_STEP for rates in zip(*pairs, strict=True))
            rows.append((method, without, rate, f"{overhead:+.0%}"))
            figures[f"overhead_{method}"] = overhead
    finally:
        none.close()
    print_table("learner_steps/s of full training", ("method", "without", "with", "overhead"), rows)
    report(figures, options.json)


if __name__ == "__main__":
    main()
