"""A worker of :class:`~mk_lightning.envs.RetroVectorEnv`: one emulator, driven through a pipe.

It ends by itself when the parent does, for then its pipe ends; should a fork of the parent hold the pipe open, the
fork server notices within a second that its parent has gone, and the worker that the fork server has.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.observation import FRAME_SHAPE
from mk_lightning.envs.workers.channel import (
    BEGAN,
    CALL,
    DONE,
    RESULT,
    STEP,
    read_message,
    write_error,
    write_message,
)
from mk_lightning.envs.workers.shared_memory import SharedArrays
from mk_lightning.games.game import Game

__all__ = ["WorkerSetup", "serve"]


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker is told when it starts."""

    index: int
    """Its row in the shared arrays."""
    game: Game
    weights: dict[str, float]
    """Probability of each state at a reset."""
    config: EnvConfig
    """How matches are played."""
    render_mode: str | None
    """``rgb_array`` or None."""
    num_envs: int
    """Rows of the shared arrays."""
    memory_fd: int
    """Descriptor of the shared memory, inherited."""


class _Worker:
    """The methods that the parent calls by name."""

    def __init__(self, env: FightingEnv, setup: WorkerSetup) -> None:
        self._env = env
        arrays = SharedArrays(setup.num_envs, len(setup.game.variables), setup.memory_fd)
        self._actions, self._index = arrays["actions"].data, setup.index
        self._frame = arrays["observations"][setup.index]
        self._record = arrays.recorder(setup.index)
        self._values = itemgetter(*setup.game.variables)
        self._no_values = (0,) * len(setup.game.variables)  # before the first reset
        self._reward, self._terminated, self._truncated = 0.0, False, False

    def step(self) -> dict[str, Any] | None:
        """Play the action in shared memory; after the end of a match, begin the next one as :meth:`reset` does."""
        if self._env.over:
            return self.reset(None, None)
        self._publish(*self._env.play(self._actions[self._index], self._frame))
        return None

    def prepare(self, random: dict[str, Any], weights: dict[str, float]) -> None:
        """Take another worker's random stream and weights, as they are before a reset."""
        self._env.np_random.bit_generator.state = random
        self._env.set_states(weights)

    def reset(self, seed: int | None, state: str | None) -> dict[str, Any]:
        """Begin a match and return the random generator's state, which changes here only."""
        self._frame[:], _ = self._env.reset(seed=seed, options={"state": state} if state else None)
        self._publish(0.0, False, False)
        return dict(self._env.np_random.bit_generator.state)

    def set_states(self, weights: dict[str, float]) -> None:
        self._env.set_states(weights)

    def render(self) -> Any:
        return self._env.render()

    def capture(self) -> dict[str, Any]:
        return {
            "env": self._env.capture(),
            "observation": self._frame.tobytes(),
            "reward": self._reward,
            "terminated": self._terminated,
            "truncated": self._truncated,
        }

    def restore(self, captured: dict[str, Any]) -> None:
        self._env.restore(captured["env"])
        self._frame[:] = np.frombuffer(captured["observation"], np.uint8).reshape(FRAME_SHAPE)
        self._publish(captured["reward"], captured["terminated"], captured["truncated"])

    def _publish(self, reward: float, terminated: bool, truncated: bool) -> None:
        """Write what the parent reads after a step, but for the frame, which is there already."""
        self._reward, self._terminated, self._truncated = reward, terminated, truncated
        env = self._env
        variables = self._values(env.variables) if env.variables else self._no_values
        won = terminated and env.result().won
        self._record(*variables, env.episode_return, env.env_steps, reward, env.state_index, terminated, truncated, won)


def serve(env: FightingEnv, setup: WorkerSetup, command_fd: int, reply_fd: int) -> None:
    """Serve the parent until its end of the pipe closes.

    Args:
        env: what it plays.
        setup: what is its own.
        command_fd: where the parent's commands arrive.
        reply_fd: where the answers go.
    """
    try:
        worker = _Worker(env, setup)
        while command := os.read(command_fd, 1):
            if command == STEP:
                random = worker.step()
                if random is None:
                    os.write(reply_fd, DONE)
                else:
                    write_message(reply_fd, BEGAN, random)
            elif command == CALL:
                name, args = read_message(command_fd)
                write_message(reply_fd, RESULT, getattr(worker, name)(*args))
    except (EOFError, BrokenPipeError):
        pass  # the parent has gone in the middle of a message
    except Exception as error:
        with contextlib.suppress(BrokenPipeError):
            write_error(reply_fd, error)
