"""What a learner_step and an env_step take in one process where neither waits for the other."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from threading import Event, Thread
from typing import Any

from _ours import EPOCH, fit, loader_of

# isort: split
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings import EvaluationSettings, ReplaySettings
from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.collector import Collector
from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.experience.replay import Replay
from mk_lightning.games.catalog import load_game
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.schedules import as_schedule

__all__ = ["measure"]

VECTOR_STEPS = 4
"""Collected at a time, as between two learner_steps of `scaling.py`."""
LEAD_IN = 0.5
"""Seconds of a turn that are not timed."""


def measure(connection: Connection, *, game: str, states: list[str], num_envs: int, warmup: int, capacity: int) -> None:
    """Take turns `(learns, epsilon, seconds)`: send `{learner_step, env_step}`, milliseconds of what went on in each.

    A `Trainer.fit` learns from what its warm-up has left in the replay; a collector with environments, replay and
    network of its own plays in a thread, as that of a run does.

    Args:
        connection: to the parent; a first message says that the warm-up is over.
        game: to play.
        states: to play from.
        num_envs: of the collector.
        warmup: env_steps to fill the replay with.
        capacity: of the replay, transitions.
    """
    torch.set_num_threads(1)
    data = ExperienceDataModule(
        game=game,
        original_states=states,
        max_env_steps=EPOCH,
        warmup_env_steps=warmup,
        env=EnvConfig(num_envs=num_envs),
        replay=ReplaySettings(capacity=capacity),
        evaluation=EvaluationSettings(every=EPOCH),
    )
    player = _Player(game, states, num_envs)
    fit(DuelingDoubleDQN(num_actions=data.num_actions), data, [_Turns(connection, player)])
    player.close()


class _Player:
    """A thread that collects while it is told to."""

    def __init__(self, game: str, states: list[str], num_envs: int) -> None:
        played = load_game(game)
        self.env_steps = 0
        self._env = RetroVectorEnv(played, dict.fromkeys(states, 1.0), EnvConfig(num_envs=num_envs))
        actor = GreedyPolicy(NatureDueling(len(played.actions)).requires_grad_(False))
        replay = Replay(2_000, num_envs)
        self._collector = Collector(self._env, replay, actor, epsilon=as_schedule(1.0), reward_scale=1.0, seed=[1])
        self._plays, self._over = Event(), False
        self._thread = Thread(target=self._collect)
        self._thread.start()

    def play(self, epsilon: float | None) -> None:
        """Collect with so many random actions; not at all for None."""
        self._plays.clear()
        if epsilon is not None:
            self._collector.epsilon = as_schedule(epsilon)
            self._plays.set()

    def close(self) -> None:
        self._over = True
        self._plays.set()
        self._thread.join()
        self._env.close()

    def _collect(self) -> None:
        while self._plays.wait() and not self._over:
            self._collector.collect(VECTOR_STEPS)
            self.env_steps += VECTOR_STEPS * self._env.num_envs


class _Turns(Callback):
    def __init__(self, connection: Connection, player: _Player) -> None:
        self._connection = connection
        self._player = player
        self._began = self._until = 0.0
        self._marks: list[tuple[float, int, int]] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == 1:  # past the warm-up
            self._connection.send("ready")
            loader_of(trainer)._play = lambda env_steps: None  # type: ignore[method-assign]
        now = time.perf_counter()
        if self._until and now - self._began >= LEAD_IN:
            self._mark(trainer.global_step)
        if now >= self._until:
            trainer.should_stop = not self._next(trainer.global_step)

    def _next(self, learner_steps: int) -> bool:
        """End a turn and begin another, in which is learnt; return whether there is one. What only plays is in here."""
        if self._marks:
            self._connection.send(self._measured())
        while True:
            try:
                learns, epsilon, seconds = self._connection.recv()
            except EOFError:
                return False
            self._player.play(epsilon)
            self._began = time.perf_counter()
            self._until = self._began + LEAD_IN + seconds
            if learns:
                return True
            for pause in (LEAD_IN, seconds):
                time.sleep(pause)
                self._mark(learner_steps)
            self._connection.send(self._measured())

    def _mark(self, learner_steps: int) -> None:
        self._marks.append((time.perf_counter(), learner_steps, self._player.env_steps))

    def _measured(self) -> dict[str, float]:
        self._player.play(None)
        (began, *before), (ended, *after) = self._marks[0], self._marks[-1]
        self._marks = []
        counts = (now - then for then, now in zip(before, after, strict=True))
        return {
            name: 1e3 * (ended - began) / count
            for name, count in zip(("learner_step", "env_step"), counts, strict=True)
            if count
        }
