"""Play whole matches: the one function behind evaluation, before/after tables, videos and tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mk_lightning.envs import EpisodeResult, RetroVectorEnv
from mk_lightning.experience.frames import FrameStacks
from mk_lightning.experience.policy import Policy

GROUP = 8
"""Environments per forward pass. It is constant (short groups are padded) because a batch of another size may round
differently: so a match is the same whatever the number of processes. One observation of eight costs a fifth less than
one of four, and with two groups one's emulators run while the other's actions are computed."""


class EpisodeSpec(NamedTuple):
    """One match to play.

    Attributes:
        state: save state to start from.
        seed: of the environment (start no-ops, the opponent's randomness) and of the exploration.
    """

    state: str
    seed: int


class EpisodeRecord(NamedTuple):
    """One match played: what was asked for and how it ended."""

    spec: EpisodeSpec
    result: EpisodeResult


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
    stacks = FrameStacks(env.num_envs)
    sent: set[int] = set()
    groups = np.split(np.arange(env.num_envs), range(GROUP, env.num_envs, GROUP))
    running: dict[int, tuple[int, np.random.Generator]] = {}
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
            running[int(index)] = (number, np.random.default_rng([specs[number].seed, 1]))

    def act(group: NDArray[np.int64]) -> None:
        playing = np.array([i for i in group if i in running], np.int64)
        if not len(playing):
            return
        padded = np.zeros((GROUP, *stacks.frames.shape[1:]), np.uint8)
        padded[: len(group)] = stacks.frames[group]
        greedy = policy(padded)
        actions = greedy[playing - group[0]].copy()
        for k, i in enumerate(playing):
            rng = running[int(i)][1]
            if epsilon and rng.random() < epsilon:
                actions[k] = rng.integers(num_actions)
        env.send(actions, playing)
        sent.update(playing.tolist())

    def receive(group: NDArray[np.int64]) -> None:
        playing = np.array([i for i in group if i in running], np.int64)
        if not len(playing):
            return
        frames, _, terminated, truncated = env.recv(playing)
        sent.difference_update(playing.tolist())
        stacks.push(playing, frames)
        ended = playing[terminated | truncated]
        for index, result in zip(ended, env.finished(ended), strict=True):
            number, _ = running.pop(int(index))
            done[number] = EpisodeRecord(specs[number], result)
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
