"""What an env_step of a collector costs, its emulator's part and its actor's."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import mk_lightning.cli.main  # noqa: F401 - first: it tells OpenMP how to wait, which torch reads when it loads

# isort: split
import torch

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.collector import Collector
from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.experience.replay import Replay
from mk_lightning.games.catalog import load_game
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.schedules import as_schedule

__all__ = ["measure"]

VECTOR_STEPS = 4
"""Of a call: as many as between two learner_steps."""


def measure(connection: Connection, *, game: str, states: list[str], num_envs: int) -> None:
    """For as long as the parent gives turns, send the milliseconds of an env_step and of an action.

    An env_step is what a collector does that acts at random: emulators, pipes and replay, but no network. An action is
    what it takes longer when the network chooses all of them: its weights are read anew after the emulators had the
    cache.

    Args:
        connection: to the parent.
        game: to play.
        states: to play from.
        num_envs: of the collector, whose actor chooses the actions of half of them at a time.
    """
    torch.set_num_threads(1)
    played = load_game(game)
    env = RetroVectorEnv(played, dict.fromkeys(states, 1.0), EnvConfig(num_envs=num_envs))
    policy = GreedyPolicy(NatureDueling(len(played.actions)))
    replay = Replay(2_000, num_envs)
    collector = Collector(env, replay, policy, epsilon=as_schedule(1.0), reward_scale=1.0, seed=[1])
    try:
        while True:
            seconds, costs = connection.recv(), []
            for epsilon in (1.0, 0.0):
                collector.epsilon = as_schedule(epsilon)
                taken = _milliseconds(lambda: collector.collect(VECTOR_STEPS), seconds / 2)
                costs.append(taken / (VECTOR_STEPS * num_envs))
            connection.send({"env_step": costs[0], "action": costs[1] - costs[0]})
    except EOFError:
        env.close()


def _milliseconds(do: Callable[[], object], seconds: float) -> float:
    """Of one call: the mean, for a match that begins is part of what playing costs."""
    do()
    began, calls = time.perf_counter(), 0
    while (now := time.perf_counter()) - began < seconds or not calls:
        do()
        calls += 1
    return 1e3 * (now - began) / calls
