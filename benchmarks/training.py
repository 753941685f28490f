"""How many env_steps a second of full training: this package beside Stable-Baselines3's DQN.

Both play the same game in the same number of environments, learn from batches of 32 with the NatureCNN and make one
learner_step per 32 env_steps; then once more with one per 8. Each runs in a process of its own, past its warm-up; they
take turns, so that what else the machine does meets both alike, and the ratios are medians over the turns.

- ours: `Trainer.fit` of `DuelingDoubleDQN` and `ExperienceDataModule` as the CLI sets them up, loggers included,
  validation left out. Three-step returns, double and dueling.
- SB3: `DQN("CnnPolicy")` as it is, `SubprocVecEnv` and `VecFrameStack` around the seed project's wrapping (see
  `_seed_wrapping.py`), replay without `optimize_memory_usage`.

Between their turns what an env_step, an action and a learner_step cost is measured, each by itself on one core. With
all cores busy and nothing lost training would make `cores / (env_step + action + learner_step / env_steps per
learner_step)` env_steps/s: `share_of_bound` is how much of that it does.

    python benchmarks/training.py [--json FILE]
"""

from __future__ import annotations

import argparse
import os
from statistics import median
from typing import Any

from _contenders import Contender
from _report import benchmark_parser, print_table, report

from mk_lightning.games.catalog import load_game

OURS, SB3, PARTS = "mk_lightning", "SB3 DQN", "parts"
FUNCTIONS = {OURS: "_ours.take_turns", SB3: "_sb3.take_turns"}
EPSILON = 0.05
"""Exploration late in training: nearly all actions cost a forward pass."""


def main() -> None:
    """Measure, print and write."""
    parser = benchmark_parser("full training beside SB3's DQN with the seed project's wrapping")
    parser.add_argument("--game", default="dojo", help="game name or path of a game.yaml")
    parser.add_argument("--states", default="VeryEasy.*", help="states to play, drawn at each reset")
    parser.add_argument("--num-envs", type=int, default=8, help="environments of each")
    parser.add_argument("--warmup", type=int, default=2_000, help="env_steps before the first learner_step")
    parser.add_argument("--capacity", type=int, default=20_000, help="transitions in the replay of each")
    add_turn_options(parser, seconds=6.0, turns=7)
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.turns, options.warmup, options.capacity = 1.0, 1, 200, 2_000
    game = load_game(options.game)
    settings = {
        "game": options.game,
        "states": list(game.resolve_states(options.states)),
        "num_envs": options.num_envs,
        "warmup": options.warmup,
        "epsilon": EPSILON,
        "capacity": options.capacity,
    }
    figures: dict[str, float | int | str] = {"game": game.id, "num_envs": options.num_envs}
    rows = []
    cores = len(os.sched_getaffinity(0))
    for per in (32, 8):
        rates, used, parts = measure(settings | {"per_learner_step": per}, options)
        per_env_step = parts["env_step"] + parts["action"] + parts["learner_step"] / per
        ratio = median(ours / theirs for ours, theirs in zip(rates[OURS], rates[SB3], strict=True))
        for name, rate in rates.items():
            shown = f"{ratio:.2f}" if name == OURS else ""
            threads = used[name]["torch_threads"]
            rows.append((name, per, median(rate), min(rate), max(rate), shown, threads))
        key = "" if per == 32 else f"_per_{per}"
        figures[f"ratio_sb3{key}"] = ratio
        figures[f"share_of_bound{key}"] = median(rates[OURS]) * per_env_step / 1e3 / cores
        figures |= {f"{name}_ms{key}": cost for name, cost in parts.items()}
        figures[f"env_steps_per_s_ours{key}"] = median(rates[OURS])
        figures[f"env_steps_per_s_sb3{key}"] = median(rates[SB3])
    figures["bytes_per_transition"] = used[OURS]["bytes_per_transition"]
    figures["bytes_per_transition_sb3"] = used[SB3]["bytes_per_transition"]
    print_table(
        f"{game.id}, {options.num_envs} environments, env_steps/s of training, one learner_step per 32 and per 8",
        ("", "1 per", "median", "slowest", "fastest", "ours/SB3", "threads"),
        rows,
    )
    report(figures, options.json)


def add_turn_options(parser: argparse.ArgumentParser, *, seconds: float, turns: int) -> None:
    """Add what `measure` and its callers go by, with these defaults."""
    parser.add_argument("--seconds", type=float, default=seconds, help="length of a turn")
    parser.add_argument("--turns", type=int, default=turns, help="turns of each, alternating")
    parser.add_argument("--torch-threads", type=int, default=1, help="of ours; the CLI's default")
    parser.add_argument("--sb3-torch-threads", type=int, help="of SB3; torch's own default when not given")
    parser.add_argument("--quick", action="store_true", help="a smoke run: figures mean nothing")


def measure(
    settings: dict[str, Any], options: Any, **ours: Any
) -> tuple[dict[str, list[float]], dict[str, dict[str, Any]], dict[str, float]]:
    """Return the env_steps/s of each contender in each turn, what each said it used, and the parts' costs, ms.

    `settings` are those of all, `ours` this package's alone.
    """
    rates: dict[str, list[float]] = {name: [] for name in FUNCTIONS}
    costs: list[dict[str, float]] = []
    contenders: dict[str, Contender] = {}
    try:
        used = {}
        for name, function in FUNCTIONS.items():
            own = {"torch_threads": options.sb3_torch_threads}
            if name == OURS:
                own = ours | {"torch_threads": options.torch_threads}
            contenders[name] = Contender(function, settings | own)
            used[name] = contenders[name].receive()  # it is past its warm-up, and waits
        play: dict[str, Any] = {
            name: settings[name] for name in ("game", "states", "batch_size", "device") if name in settings
        }
        play["group"] = max(1, settings["num_envs"] // 2)
        contenders[PARTS] = Contender("_parts.measure", play)
        for _ in range(options.turns):
            for name in FUNCTIONS:
                rates[name].append(contenders[name].turn(options.seconds))
            costs.append(contenders[PARTS].turn(options.seconds))
    finally:
        for contender in contenders.values():
            contender.close()
    return rates, used, {name: median(cost[name] for cost in costs) for name in costs[0]}


if __name__ == "__main__":
    main()
