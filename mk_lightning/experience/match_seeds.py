"""Which matches an evaluation plays: the same for every policy, and none of a test's in a validation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from mk_lightning.experience.episodes import EpisodeSpec

MAX_SEED = 2**32 - 1
"""Of a run: NumPy's and Lightning's."""
MAX_TEST_SEED = 1000
VALIDATION_SEEDS = 1_000_000
"""Seed of match 0 in a validation."""


def first_test_seed(test_seed: int) -> int:
    """Seed of match 0 in a test: with another `test_seed` it shares no match, and none with a validation."""
    return (2 + test_seed) * 1_000_000


def unused_test_seed(seeds: Iterable[int]) -> int:
    """The next `test_seed`, whose matches are none of those with these seeds; round after round it comes to others."""
    last = max(-1, *(seed // 1_000_000 - 2 for seed in seeds))
    return (last + 1) % (MAX_TEST_SEED + 1)


def matches_of_each(states: Sequence[str], matches: int, first_seed: int) -> list[EpisodeSpec]:
    """That many matches of every state, with the same seeds on each.

    State by state within a match number: the lengths of matches mix, so no process idles for long at the end.
    """
    return [EpisodeSpec(state, first_seed + m) for m in range(matches) for state in states]


def mixed_matches(states: Sequence[str], matches: int, first_seed: int) -> list[EpisodeSpec]:
    """As many in all, each on a state drawn at random and with a seed of its own."""
    drawn = np.random.default_rng(first_seed).choice(states, matches * len(states))
    return [EpisodeSpec(str(state), first_seed + m) for m, state in enumerate(drawn)]
