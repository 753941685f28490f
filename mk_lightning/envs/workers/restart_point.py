"""Where a match can be played again from, when the worker that played it has died."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

__all__ = ["RestartPoint"]


class RestartPoint:
    """What brings a fresh worker to where another one stood: calls, then actions, then the weights set since.

    The emulator is deterministic, so a match is a function of the random stream and the weights before its reset, of
    the reset's arguments and of the actions. The random stream moves in resets only, and the worker tells where it is
    after each. So what a worker wrote into shared memory is never needed, and it may be killed while it writes.
    """

    def __init__(self, weights: dict[str, float]) -> None:
        """Stand before the first reset, with a random stream of its own.

        Args:
            weights: probability of each state at a reset.
        """
        self._random: dict[str, Any] = dict(np.random.PCG64().state)
        self.weights = weights
        """Of the next reset: they may have been set while the match ran."""
        self.calls: list[tuple[str, tuple[Any, ...]]] = [("prepare", (self._random, weights))]
        """Methods that begin the match, or continue one that was captured, with their arguments."""
        self.actions: list[int] = []
        """Actions sent since then."""

    def began(self, random: dict[str, Any], seed: int | None = None, state: str | None = None) -> None:
        """Note that a match has begun.

        Args:
            random: state of the random generator after the reset.
            seed: the reset's.
            state: the reset's.
        """
        self.calls = [("prepare", (self._random, self.weights)), ("reset", (seed, state))]
        self._random = random
        self.actions.clear()

    def called(self, method: str, args: tuple[Any, ...], result: Any) -> None:
        """Note that a method has been called: those that change what comes."""
        if method == "reset":
            self.began(result, *args)
        elif method == "set_states":
            (self.weights,) = args
        elif method == "restore":
            captured = copy.deepcopy(args[0])  # the caller may go on changing it
            self._random, self.weights = captured["env"]["random"], captured["env"]["weights"]
            self.calls = [(method, (captured,))]
            self.actions.clear()
