"""How many env_steps a second: ``RetroVectorEnv`` beside gymnasium's and SB3's vector environments.

All run in one process tree and take short turns, so that what else the machine does meets all alike; the ratios
are medians over the turns. Actions are the same uniformly random ones for each.

- ``RetroVectorEnv``: this package, stepped as its collector does, half of the environments while the other half's
  results are taken (``send`` and ``recv``); and in lockstep by ``step``, as the other two can only be.
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

from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game

Actions = NDArray[np.int64]
Player = Callable[[Actions], None]
"""Plays actions, (vector steps, num_envs)."""


def main() -> None:
    """Measure, print and write."""
    parser = benchmark_parser("RetroVectorEnv beside AsyncVectorEnv and SubprocVecEnv")
    parser.add_argument("--game", default="dojo", help="game name or path of a game.yaml")
    parser.add_argument("--states", default="all", help="states to play, drawn at each reset")
    parser.add_argument("--num-envs", type=int, default=8, help="environments of each")
    parser.add_argument("--steps", type=int, default=60, help="vector steps per turn")
    parser.add_argument("--turns", type=int, default=21, help="turns of each, alternating")
    options = parser.parse_args()
    game = load_game(options.game)
    players, close = _contenders(game, options.states, options.num_envs)
    try:
        rates = _measure(players, options.num_envs, options.steps, options.turns)
    finally:
        close()
    ours, lockstep = rates["RetroVectorEnv"], rates["RetroVectorEnv.step"]
    figures: dict[str, float | int | str] = {"num_envs": options.num_envs, "game": game.id}
    rows = []
    for name, rate in rates.items():
        rows.append((name, median(rate), _ratio(ours, rate), _ratio(lockstep, rate)))
        figures[f"env_steps_per_s_{name}"] = median(rate)
    figures["ratio_async_vector_env"] = _ratio(ours, rates["AsyncVectorEnv"])
    figures["ratio_async_vector_env_lockstep"] = _ratio(lockstep, rates["AsyncVectorEnv"])
    figures["ratio_sb3_subproc"] = _ratio(ours, rates["SubprocVecEnv"])
    figures["ratio_sb3_subproc_lockstep"] = _ratio(lockstep, rates["SubprocVecEnv"])
    print_table(
        f"{game.id}, {options.num_envs} environments, medians of {options.turns} turns",
        ("", "env_steps/s", "faster in halves", "faster by step()"),
        rows,
    )
    report(figures, options.json)


def _contenders(game: Game, states: str, num_envs: int) -> tuple[dict[str, Player], Callable[[], None]]:
    """Start all three and return how to play each, and how to close them."""
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

    players: dict[str, Player] = {
        "RetroVectorEnv": partial(_in_halves, our_envs),
        "RetroVectorEnv.step": partial(_in_lockstep, our_envs.step),
        "AsyncVectorEnv": partial(_in_lockstep, their_envs.step),
        "SubprocVecEnv": partial(_in_lockstep, sb3_envs.step),
    }
    return players, close


def _in_lockstep(step: Callable[[Actions], Any], actions: Actions) -> None:
    for row in actions:
        step(row)


def _in_halves(envs: RetroVectorEnv, actions: Actions) -> None:
    """Play the same actions, one half always stepping while the other's results are taken."""
    first, second = np.array_split(np.arange(envs.num_envs), 2)
    envs.send(actions[0, first], first)
    envs.send(actions[0, second], second)
    for row in actions[1:]:
        for half in (first, second):
            envs.recv(half)
            envs.finished(half)
            envs.send(row[half], half)
    for half in (first, second):
        envs.recv(half)


def _measure(players: dict[str, Player], num_envs: int, n_steps: int, turns: int) -> dict[str, list[float]]:
    """Return the env_steps/s of each contender in each turn."""
    rng = np.random.default_rng(0)
    rates: dict[str, list[float]] = {name: [] for name in players}
    for turn in range(turns + 1):
        actions = rng.integers(0, 26, (n_steps, num_envs))
        for name, play in players.items():
            begin = time.perf_counter()
            play(actions)
            if turn:  # the first warms up
                rates[name].append(n_steps * num_envs / (time.perf_counter() - begin))
    return rates


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return median(our / their for our, their in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
