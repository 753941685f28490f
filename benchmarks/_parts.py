"""What an env_step, the actor's forward pass and a learner_step cost by themselves, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median

import mk_lightning.cli.main  # noqa: F401 - first: it tells OpenMP how to wait, which torch reads when it loads

# isort: split
import numpy as np
import torch

from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.games.catalog import load_game
from mk_lightning.learning.losses import double_q_target, huber_loss, td_errors
from mk_lightning.learning.optimizer import adam
from mk_lightning.networks import two_threads
from mk_lightning.networks.nature import NatureDueling

__all__ = ["measure"]

ENV_STEPS, FORWARDS, LEARNER_STEPS = 200, 60, 12
"""Of a turn, each about a second."""


def measure(
    connection: Connection, *, game: str, states: list[str], group: int, batch_size: int = 32, device: str = "cpu"
) -> None:
    """For as long as the parent gives turns, send the milliseconds of an env_step, an action and a learner_step.

    Args:
        connection: to the parent.
        game: to play.
        states: to play from.
        group: environments that the actor chooses actions for at a time.
        batch_size: of a learner_step.
        device: of the learner; the actor plays on the CPU.
    """
    torch.set_num_threads(1)
    two_threads.LEAST = batch_size + 1  # one core
    env, count = FightingEnv(game, dict.fromkeys(states, 1.0)), len(load_game(game).actions)
    env.reset(seed=1)
    network, target, actor = NatureDueling(count).to(device), NatureDueling(count).to(device), NatureDueling(count)
    optimizer = adam(network.parameters())
    policy, stacks = GreedyPolicy(actor), np.zeros((group, 4, 84, 84), np.uint8)
    rng = np.random.default_rng(1)
    one, two = (
        torch.from_numpy(rng.integers(0, 256, (batch_size, 84, 84, 4), np.uint8)).permute(0, 3, 1, 2) for _ in range(2)
    )
    actions = torch.from_numpy(rng.integers(0, count, batch_size)).to(device)
    rewards, discounts, weights = (torch.full((batch_size,), value, device=device) for value in (0.0, 0.9, 1.0))

    def env_step() -> None:
        if env.step(int(rng.integers(count)))[2:4] != (False, False):
            env.reset()

    def learner_step() -> None:
        q_values, s_t = network(one.to(device)), two.to(device)
        with torch.no_grad():
            wanted = double_q_target(rewards, discounts, network(s_t), target(s_t))
        loss = huber_loss(td_errors(q_values, actions, wanted), weights)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        if device != "cpu":
            torch.cuda.synchronize()

    try:
        while True:
            connection.recv()
            connection.send(
                {
                    "env_step": _milliseconds(env_step, ENV_STEPS),
                    "action": _milliseconds(lambda: policy(stacks), FORWARDS) / group,
                    "learner_step": _milliseconds(learner_step, LEARNER_STEPS),
                }
            )
    except EOFError:
        env.close()


def _milliseconds(do: Callable[[], object], times: int) -> float:
    """Of one call: the median, for a call is slow where something else wakes up."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - began)
    return 1e3 * median(seconds)
