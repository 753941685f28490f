from __future__ import annotations

import itertools

import numpy as np

from mk_lightning.experience.random_streams import RandomStream, stream_seed


def test_streams_are_the_ones_of_saved_runs() -> None:
    """A resumed run draws on from its numbers: they never change, and a new use takes a new one."""
    names = ("REPLAY", "COLLECTION", "RECORDING", "REHEARSAL", "FISHER", "DISTILLATION")
    assert {stream.name: int(stream) for stream in RandomStream} == dict(zip(names, range(6), strict=True))


def test_streams_seeds_and_ranks_draw_apart() -> None:
    keys = [*itertools.product((0, 1), (0, 1), [*RandomStream, 1000])]
    draws = {tuple(np.random.default_rng(stream_seed(*key)).integers(0, 2**31, 4).tolist()) for key in keys}
    assert len(draws) == len(keys)
