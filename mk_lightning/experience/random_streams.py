"""The random streams of a run, apart from those of its matches: one seed, a stream for each use and rank."""

from __future__ import annotations

from enum import IntEnum, unique

import numpy as np
import torch


@unique
class RandomStream(IntEnum):
    """What a stream is for; a new use takes a new number, for two with one would draw the same.

    Numbers from 1,000 on are for methods outside the package.
    """

    REPLAY = 0
    """Which transitions are drawn."""
    COLLECTION = 1
    """Exploration, and the seeds of training matches."""
    RECORDING = 2
    """Exploration while the base policy's play is recorded."""
    REHEARSAL = 3
    """Which recorded transitions are mixed into a batch."""
    FISHER = 4
    """Which recorded observations the Fisher information is of."""
    DISTILLATION = 5
    """Which recorded observations are distilled."""
    FISHER_ACTIONS = 6
    """Which actions the policy's Fisher information is of."""


def stream_seed(seed: int, rank: int, stream: int) -> list[int]:
    """Return the seed of a stream, as `numpy.random.default_rng` takes it.

    Args:
        seed: of the run.
        rank: of the process.
        stream: a `RandomStream`, or a number from 1,000 on.
    """
    return [seed, rank, int(stream)]


def torch_stream(seed: int, rank: int, stream: int) -> torch.Generator:
    """Return a stream as PyTorch draws it.

    Args:
        seed: of the run, which is that of rank 0's stream, whatever the stream: as a run in one process has it.
        rank: of the process.
        stream: a `RandomStream`, or a number from 1,000 on.
    """
    words = np.random.SeedSequence(stream_seed(seed, rank, stream)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0]) if rank else seed)
