from __future__ import annotations

import itertools

import numpy as np
import torch

from mk_lightning.experience.random_streams import RandomStream, stream_seed, torch_stream


def test_streams_are_the_ones_of_saved_runs() -> None:
    """A resumed run draws on from its numbers: they never change, and a new use takes a new one."""
    names = ("REPLAY", "COLLECTION", "RECORDING", "REHEARSAL", "FISHER", "DISTILLATION", "FISHER_ACTIONS")
    assert {stream.name: int(stream) for stream in RandomStream} == dict(zip(names, range(7), strict=True))


def test_streams_seeds_and_ranks_draw_apart() -> None:
    keys = [*itertools.product((0, 1), (0, 1), [*RandomStream, 1000])]
    draws = {tuple(np.random.default_rng(stream_seed(*key)).integers(0, 2**31, 4).tolist()) for key in keys}
    assert len(draws) == len(keys)


def test_torch_draws_apart_on_every_rank_and_on_rank_0_as_the_seed_says() -> None:
    def draws(generator: torch.Generator) -> tuple[float, ...]:
        return tuple(torch.rand(4, generator=generator).tolist())

    for seed in range(3):
        assert draws(torch_stream(seed, 0, 6)) == draws(torch.Generator().manual_seed(seed))
    keys = [*itertools.product(range(3), range(3), (6, 1000))]
    assert len({draws(torch_stream(*key)) for key in keys if key[1]}) == 12
    assert draws(torch_stream(1, 1, 6)) != draws(torch_stream(2, 0, 6)), "neighbouring seeds have nothing in common"
