"""How many env_steps a second: ``RetroVectorEnv`` beside gymnasium's and SB3's vector environments.

All three run in one process tree and take turns, so that what else the machine does meets all alike; the ratios are
medians over the turns. Actions are the same uniformly random ones for each.

- ``RetroVectorEnv``: this package.
- ``AsyncVectorEnv``: gymnasium's, shared memory on, around the same ``FightingEnv``.
- ``SubprocVecEnv``: Stable-Baselines3's, with the seed project's wrapping (see ``_seed_wrapping.py``).

    python benchmarks/vector_env.py [--json FILE]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from _report import benchmark_parser, print_table, report
from _seed_wrapping import make_seed_env
from gymnasium.vector import AsyncVectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import SubprocVecEnv, VecFrameStack

from mk_lightning.envs import FightingEnv, RetroVectorEnv
from mk_lightning.games import Game, load_game

Step = Callable[[NDArray[np.int64]], Any]


def main() -> None:
    """Measure, print and write."""
    parser = benchmark_parser("RetroVectorEnv beside AsyncVectorEnv and SubprocVecEnv")
    parser.add_argument("--game", default="dojo", help="game name or path of a game.yaml")
    parser.add_argument("--states", default="all", help="states to play, drawn at each reset")
    parser.add_argument("--num-envs", type=int, default=8, help="environments of each")
    parser.add_argument("--steps", type=int, default=150, help="vector steps per turn")
    parser.add_argument("--turns", type=int, default=9, help="turns of each, alternating")
    options = parser.parse_args()
    game = load_game(options.game)
    steps, close = _contenders(game, options.states, options.num_envs)
    try:
        rates = _measure(steps, options.num_envs, options.steps, options.turns)
    finally:
        close()
    ours = rates["RetroVectorEnv"]
    figures: dict[str, float | int | str] = {"num_envs": options.num_envs, "game": game.id}
    rows = []
    for name, rate in rates.items():
        ratio = median(o / r for o, r in zip(ours, rate, strict=True))
        rows.append((name, median(rate), min(rate), max(rate), ratio))
        figures[f"env_steps_per_s_{name}"] = median(rate)
    figures["ratio_async_vector_env"] = rows[1][-1]
    figures["ratio_sb3_subproc"] = rows[2][-1]
    print_table(
        f"{game.id}, {options.num_envs} environments, env_steps/s",
        ("", "median", "slowest", "fastest", "ours is faster by"),
        rows,
    )
    report(figures, options.json)


def _contenders(game: Game, states: str, num_envs: int) -> tuple[dict[str, Step], Callable[[], None]]:
    """Start all three and return how to step each, and how to close them."""
    # Forked first, before this process holds pipes of the others.
    their_envs = AsyncVectorEnv([partial(FightingEnv, game, states)] * num_envs, shared_memory=True)
    names = list(game.resolve_states(states))
    sb3_envs = VecFrameStack(SubprocVecEnv([make_seed_env(game, names)] * num_envs, start_method="fork"), n_stack=4)
    our_envs = RetroVectorEnv(game, states, num_envs=num_envs)
    our_envs.reset(seed=0)
    their_envs.reset(seed=0)
    sb3_envs.reset()

    def close() -> None:
        for envs in (our_envs, their_envs, sb3_envs):
            envs.close()

    steps = {"RetroVectorEnv": our_envs.step, "AsyncVectorEnv": their_envs.step, "SubprocVecEnv": sb3_envs.step}
    return steps, close


def _measure(steps: dict[str, Step], num_envs: int, n_steps: int, turns: int) -> dict[str, list[float]]:
    """Return the env_steps/s of each contender in each turn."""
    rng = np.random.default_rng(0)
    rates: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(turns + 1):
        actions = rng.integers(0, 26, (n_steps, num_envs))
        for name, step in steps.items():
            begin = time.perf_counter()
            for row in actions:
                step(row)
            if turn:  # the first warms up
                rates[name].append(n_steps * num_envs / (time.perf_counter() - begin))
    return rates


if __name__ == "__main__":
    main()
