"""Play whole matches: the one function behind evaluation, before/after tables, videos and tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.frame_stacks import FrameStacks
from mk_lightning.experience.policy import Policy

GROUP = 8
"""Environments per forward pass. It is constant (short groups are padded) because a batch of another size may round
differently: so a match is the same whatever the number of processes. One observation of eight costs less than one of
four, and with two groups one's emulators run while the other's actions are computed."""

TRACED = (
    "health", "enemy_health", "rounds_won", "enemy_rounds_won",
    "x_position", "enemy_x_position", "y_position", "enemy_y_position",
)  # fmt: skip
"""RAM variables that a trace follows, as far as a game has them."""


class EpisodeSpec(NamedTuple):
    """One match to play.

    Attributes:
        state: save state to start from.
        seed: of the environment (start no-ops, the opponent's randomness) and of the exploration.
    """

    state: str
    seed: int


class EpisodeTrace(NamedTuple):
    """One match, env_step by env_step.

    Attributes:
        actions: (T,) uint16, rows of the action table.
        variables: each of `TRACED` that the game has, (T + 1,) int32: before the first env_step and after each.
    """

    actions: NDArray[np.uint16]
    variables: dict[str, NDArray[np.int32]]


class EpisodeRecord(NamedTuple):
    """One match played: what was asked for, how it ended, and how it went."""

    spec: EpisodeSpec
    result: EpisodeResult
    trace: EpisodeTrace


class EpisodeBatch(NamedTuple):
    """Some matches of an evaluation, and what it is of: all that is needed to score them.

    Attributes:
        records: the matches.
        groups: every state of the evaluation, by the group's name.
        epsilon: probability of a random action.
    """

    records: list[EpisodeRecord]
    groups: Mapping[str, Sequence[str]]
    epsilon: float


class _Tape:
    """What is kept of a match under way."""

    def __init__(self, number: int, seed: int, start: NDArray[np.int64]) -> None:
        self.number = number
        self.rng = np.random.default_rng([seed, 1])
        self.actions: list[int] = []
        self.rows = [start]

    def trace(self, names: Sequence[str]) -> EpisodeTrace:
        columns = np.array(self.rows, np.int32).T
        return EpisodeTrace(np.array(self.actions, np.uint16), dict(zip(names, columns, strict=True)))


def play_episodes(
    policy: Policy, env: RetroVectorEnv, specs: Sequence[EpisodeSpec], *, epsilon: float = 0.0
) -> Iterator[EpisodeRecord]:
    """Play every match of `specs` in `env` and yield the records in the order of `specs`, as they become known.

    A match depends on the policy, its spec and epsilon alone, not on the number of environments or on what else is
    played: its random actions come from a stream of its own.

    Args:
        policy: chooses the greedy actions.
        env: environments to play in; their running matches are abandoned.
        specs: matches to play.
        epsilon: probability of a random action.
    """
    num_actions = int(env.single_action_space.n)
    traced = [name for name in TRACED if name in env.game.variables]
    variables = [env.variables()[name] for name in traced]
    stacks = FrameStacks(env.num_envs)
    sent: set[int] = set()
    groups = np.split(np.arange(env.num_envs), range(GROUP, env.num_envs, GROUP))
    running: dict[int, _Tape] = {}
    done: dict[int, EpisodeRecord] = {}
    next_spec = yielded = 0

    def begin(envs: NDArray[np.int64]) -> None:
        nonlocal next_spec
        envs = envs[: len(specs) - next_spec]
        if not len(envs):
            return
        numbers = range(next_spec, next_spec + len(envs))
        next_spec += len(envs)
        frames = env.reset_envs(envs, [specs[i].seed for i in numbers], [specs[i].state for i in numbers])
        stacks.start(envs, frames)
        for index, number in zip(envs, numbers, strict=True):
            running[int(index)] = _Tape(number, specs[number].seed, np.array([values[index] for values in variables]))

    def act(group: NDArray[np.int64]) -> None:
        playing = np.array([i for i in group if i in running], np.int64)
        if not len(playing):
            return
        padded = np.zeros((GROUP, *stacks.frames.shape[1:]), np.uint8)
        padded[: len(group)] = stacks.frames[group]
        greedy = policy(padded)
        actions = greedy[playing - group[0]].copy()
        for k, i in enumerate(playing):
            tape = running[int(i)]
            if epsilon and tape.rng.random() < epsilon:
                actions[k] = tape.rng.integers(num_actions)
            tape.actions.append(int(actions[k]))
        env.send(actions, playing)
        sent.update(playing.tolist())

    def receive(group: NDArray[np.int64]) -> None:
        playing = np.array([i for i in group if i in running], np.int64)
        if not len(playing):
            return
        frames, _, terminated, truncated = env.recv(playing)
        sent.difference_update(playing.tolist())
        stacks.push(playing, frames)
        for i, row in zip(playing, np.stack([values[playing] for values in variables], 1), strict=True):
            running[int(i)].rows.append(row)
        ended = playing[terminated | truncated]
        for index, result in zip(ended, env.finished(ended), strict=True):
            tape = running.pop(int(index))
            done[tape.number] = EpisodeRecord(specs[tape.number], result, tape.trace(traced))
        begin(ended)

    try:
        for group in groups:
            begin(group)
            act(group)
        while yielded < len(specs):
            for group in groups:
                receive(group)
                act(group)
            while yielded in done:
                yield done.pop(yielded)
                yielded += 1
    except GeneratorExit:
        env.recv(sorted(sent))  # whoever stops early leaves the environments ready for the next matches
        raise
