"""The seed project's agent, a dueling double DQN for Stable-Baselines3, made and fine-tuned as its documents say."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

import torch
from _sb3 import fighting_env, stacked
from _sb3_dueling import DuelingPolicy
from stable_baselines3 import DQN
from stable_baselines3.common.vec_env import VecEnv
from torch import nn
from torch.nn import functional

__all__ = ["GAMMA", "DuelingDoubleDQN", "fine_tune", "train"]

NUM_ENVS, GAMMA, TARGET_EVERY = 8, 0.9486, 10_000
"""Environments, discount per env_step, env_steps."""
RATE, DECAY = 3.16e-4, 0.295
"""Learning rate, and what is left of it at the end of a training, exponentially."""
FINE_TUNING_RATES = (1e-4, 1e-5)
"""From, to; linearly, as the guide has it."""


class DuelingDoubleDQN(DQN):
    """DQN whose target is the target network's value of the action that the network itself would take."""

    def train(self, gradient_steps: int, batch_size: int = 32) -> None:
        """Take learner_steps."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        assert self.replay_buffer is not None
        for _ in range(gradient_steps):
            drawn = self.replay_buffer.sample(batch_size)
            with torch.no_grad():
                greedy = self.q_net(drawn.next_observations).argmax(1, keepdim=True)
                following = self.q_net_target(drawn.next_observations).gather(1, greedy)
                target = drawn.rewards + (1 - drawn.dones) * self.gamma * following
            q_values = self.q_net(drawn.observations).gather(1, drawn.actions.long())
            self.policy.optimizer.zero_grad()
            functional.smooth_l1_loss(q_values, target).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
        self._n_updates += gradient_steps


def train(
    connection: Connection, *, game: str, states: list[str], seed: int, env_steps: int, per_learner_step: int,
    capacity: int, torch_threads: int | None, file: str,
) -> None:  # fmt: skip
    """Train an agent from scratch, save it as a zip and send that it is there."""
    envs = _environments(game, states, torch_threads)
    model = DuelingDoubleDQN(
        DuelingPolicy,
        envs,
        learning_rate=lambda left: RATE * DECAY ** (1 - left),
        buffer_size=capacity,
        learning_starts=min(8_000, env_steps // 4),
        batch_size=32,
        gamma=GAMMA,
        train_freq=per_learner_step // NUM_ENVS,
        gradient_steps=1,
        target_update_interval=TARGET_EVERY,
        exploration_initial_eps=0.925,
        exploration_final_eps=0.073,
        exploration_fraction=0.3,
        device="cpu",
        seed=seed,
    )
    _learn(connection, model, envs, env_steps, file)


def fine_tune(
    connection: Connection, *, start: str, game: str, states: list[str], seed: int, env_steps: int,
    per_learner_step: int, capacity: int, torch_threads: int | None, file: str,
) -> None:  # fmt: skip
    """Go on training an agent by the guide of the seed project, whose rates are in force here.

    Args:
        connection: to the parent.
        start: the agent's zip.
        game: to play.
        states: to train on.
        seed: of all that is random.
        env_steps: to train for.
        per_learner_step: env_steps.
        capacity: of the replay, transitions.
        torch_threads: None takes torch's own number.
        file: zip to write.
    """
    envs = _environments(game, states, torch_threads)
    first, last = FINE_TUNING_RATES
    model = DuelingDoubleDQN.load(
        start,
        env=envs,
        device="cpu",
        seed=seed,
        learning_rate=lambda left: last + (first - last) * left,
        buffer_size=capacity,
        learning_starts=0,
        train_freq=per_learner_step // NUM_ENVS,
        exploration_initial_eps=0.1,
        exploration_final_eps=0.01,
        exploration_fraction=0.5,
    )
    _learn(connection, model, envs, env_steps, file)


def _environments(game: str, states: list[str], torch_threads: int | None) -> VecEnv:
    envs = stacked([fighting_env(game, states, reward_scale=1.0, release_frames=0)] * NUM_ENVS)
    if torch_threads:
        torch.set_num_threads(torch_threads)
    return envs


def _learn(connection: Connection, model: DQN, envs: VecEnv, env_steps: int, file: str) -> None:
    model.learn(env_steps)  # the counters begin anew, and the schedules with them
    envs.close()
    part = Path(file).with_suffix(".part.zip")
    model.save(part)
    part.replace(file)
    connection.send(file)
