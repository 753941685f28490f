"""The collector: plays the training environments and fills the replay."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.frame_stacks import FrameStacks
from mk_lightning.experience.policy import Policy
from mk_lightning.experience.replay import CONTINUING, NO_ACTION, TERMINAL, TRUNCATED, Replay
from mk_lightning.schedules import Schedule

RECENT_MATCHES = 100
"""Training statistics are over this many last matches."""


class Collector:
    """Acts epsilon-greedily in N environments and adds one replay row per vector env_step.

    The environments are stepped in two half-groups: one group's emulators run while the other group's actions are
    computed. Which actions are random is drawn for all N before a step, so exploration does not depend on the split.

    Args:
        env: the training environments.
        replay: gets the rows.
        policy: chooses the greedy actions.
        epsilon: probability of a random action, by env_steps.
        reward_scale: game units per learning unit; rewards are divided by it.
        seed: of the exploration and, through the environments, of the matches.
        ranks: how many collectors do so at the same pace, this one among them.
    """

    def __init__(
        self,
        env: RetroVectorEnv,
        replay: Replay,
        policy: Policy,
        *,
        epsilon: Schedule,
        reward_scale: float,
        seed: list[int],
        ranks: int = 1,
    ) -> None:
        self.env = env
        self.replay = replay
        self.policy = policy
        self.epsilon = epsilon
        self.reward_scale = reward_scale
        self.env_steps = 0
        """env_steps collected, all environments of all ranks together."""
        self.matches = 0
        """Matches counted."""
        self.recent: deque[tuple[bool, float]] = deque(maxlen=RECENT_MATCHES)
        """(won, return in game units) of the last matches counted."""
        self._finished: list[EpisodeResult] = []
        self._restarts_before = -env.restarts
        """Of workers: those of the runs that this one continues, without those that came before in the environments."""
        self._ranks = ranks
        self._rng = np.random.default_rng(seed)
        self._num_actions = int(env.single_action_space.n)
        halves = np.array_split(np.arange(env.num_envs), 2)
        self._groups = [half for half in halves if len(half)]
        self._stacks = FrameStacks(env.num_envs, replay.stack)
        self._ended = np.zeros(env.num_envs, bool)
        self._started = False

    @property
    def worker_restarts(self) -> int:
        """Workers that died and were replaced, all runs together that a resumed one continues."""
        return self._restarts_before + self.env.restarts

    def collect(self, vector_steps: int) -> None:
        """Step every environment `vector_steps` times and add the rows to the replay."""
        if not self._started:
            self._start()
        rows, n = vector_steps, self.env.num_envs
        everywhere = n * self._ranks
        explore = self._rng.random((rows, n))
        actions = self._rng.integers(0, self._num_actions, (rows, n))
        epsilons = [self.epsilon(self.env_steps + row * everywhere) for row in range(rows)]
        frames = np.empty((rows, n, *self._stacks.frames.shape[2:]), np.uint8)
        rewards = np.zeros((rows, n), np.float32)
        outcomes = np.zeros((rows, n), np.uint8)

        def act(row: int, group: NDArray[np.int64]) -> None:
            frames[row, group] = self._stacks.frames[group, -1]
            greedy = group[(explore[row, group] >= epsilons[row]) & ~self._ended[group]]
            if len(greedy):
                actions[row, greedy] = self.policy(self._stacks.frames[greedy])
            self.env.send(actions[row, group], group)

        for group in self._groups:
            act(0, group)
        for row in range(rows):
            for group in self._groups:
                rewards[row, group], outcomes[row, group] = self._receive(group)
                if row + 1 < rows:
                    act(row + 1, group)
        for row in range(rows):
            self.replay.add(frames[row], actions[row], rewards[row] / self.reward_scale, outcomes[row])
        self.env_steps += rows * everywhere

    def stats(self) -> dict[str, float]:
        """Figures to log: progress, exploration, workers replaced, and the last matches once there are any."""
        stats = {
            "env_steps": float(self.env_steps),
            "epsilon": self.epsilon(self.env_steps),
            "worker_restarts": float(self.worker_restarts),
        }
        if self.recent:
            won, returns = zip(*self.recent, strict=True)
            stats |= {
                "train/win_rate": float(np.mean(won)),
                "train/return": float(np.mean(returns)),
                "train/matches": float(self.matches),
            }
        return stats

    def take_finished(self) -> tuple[EpisodeResult, ...]:
        """The matches that ended here since this was last called, in the order in which they did."""
        finished, self._finished = tuple(self._finished), []
        return finished

    def count(self, finished: Iterable[EpisodeResult]) -> None:
        """Take matches into the statistics: those that have been taken, of every rank."""
        for result in finished:
            self.matches += 1
            self.recent.append((result.won, result.episode_return))

    def state_dict(self) -> dict[str, Any]:
        """Counters, random stream, frame stacks, running matches and emulators."""
        return {
            "env_steps": self.env_steps,
            "matches": self.matches,
            "recent": [list(result) for result in self.recent],
            "finished": [list(result) for result in self._finished],
            "rng": self._rng.bit_generator.state,
            "stacks": torch.from_numpy(self._stacks.frames.copy()),
            "ended": self._ended.tolist(),
            "env": self.env.capture() if self._started else None,
            "worker_restarts": self.worker_restarts,  # some may have been noticed just now
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken."""
        self.env_steps = state["env_steps"]
        self.matches = state["matches"]
        self.recent = deque(((bool(won), float(total)) for won, total in state["recent"]), maxlen=RECENT_MATCHES)
        self._finished = [EpisodeResult(*result) for result in state["finished"]]
        self._rng.bit_generator.state = state["rng"]
        self._stacks.frames[:] = state["stacks"].numpy()
        self._ended[:] = state["ended"]
        # Not in checkpoints from before workers were replaced.
        self._restarts_before = state.get("worker_restarts", 0) - self.env.restarts
        self._started = state["env"] is not None
        if self._started:
            self.env.restore(state["env"])

    def _start(self) -> None:
        seeds = [int(seed) for seed in self._rng.integers(0, 2**31, self.env.num_envs)]
        frames, _ = self.env.reset(seed=seeds)
        self._stacks.start(np.arange(self.env.num_envs), frames)
        self._started = True

    def _receive(self, group: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Take a step's results of a group: rewards (K,) in game units and outcomes (K,) of the actions sent."""
        frames, rewards, terminated, truncated = self.env.recv(group)
        began = self._ended[group]
        self._stacks.push(group[~began], frames[~began])
        self._stacks.start(group[began], frames[began])
        outcomes = np.select(
            [began, terminated, truncated], [NO_ACTION, TERMINAL, TRUNCATED], default=CONTINUING
        ).astype(np.uint8)
        self._ended[group] = terminated | truncated
        self._finished.extend(self.env.finished(group[self._ended[group]]))
        return np.where(began, np.float32(0), rewards), outcomes
