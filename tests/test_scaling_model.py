"""The model by which `benchmarks/scaling.py` predicts the pace of several ranks."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

GRADIENTS = 8_000_000


@pytest.fixture(scope="module")
def model() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
        yield import_module("_scaling_model")


def parts(model: ModuleType, **changed: float):
    costs = {"env_step": 2.0, "action": 0.5, "learner_step": 60.0, "learner_path": 40.0, "spread": 0.0} | changed
    return model.Parts(**costs, gradients=GRADIENTS)


def test_one_rank_is_bound_by_its_cores_or_by_its_learner(model: ModuleType) -> None:
    """32 env_steps are 80 ms of play beside 60 of learning: 70 on two cores, and 40 on many, where one waits."""
    nothing = model.Network(0.0, 0.0)
    two = model.predict(parts(model), ranks=1, cores=2, env_steps=32, network=nothing)
    many = model.predict(parts(model), ranks=1, cores=64, env_steps=32, network=nothing)
    assert (two.env_steps_per_s, two.bottleneck) == (pytest.approx(32 / 0.070), "emulators")
    assert (many.env_steps_per_s, many.bottleneck) == (pytest.approx(32 / 0.040), "learner")


def test_ranks_of_one_machine_share_its_cores_and_pay_for_what_they_exchange(model: ModuleType) -> None:
    network = model.Network.measured(small=0.2, objects=1.2, large=9.2, size=GRADIENTS)
    lasts, handled = network.exchange(2, GRADIENTS)
    assert (lasts, handled) == (pytest.approx(9.0 + 1.0 + 4 * 0.2), pytest.approx(9.0 + 1.0))
    said = model.predict(parts(model), ranks=2, cores=1, env_steps=32, network=network)
    assert said.env_steps_per_s == pytest.approx(2 * 32 / 0.150)


def test_a_ring_carries_almost_twice_the_bytes_whatever_its_length(model: ModuleType) -> None:
    network = model.Network(0.0, 0.0).of(gigabits=1, latency=0.0)
    lasts = {ranks: network.exchange(ranks, GRADIENTS)[0] for ranks in (1, 2, 64)}
    assert lasts == {1: 0.0, 2: pytest.approx(64.0), 64: pytest.approx(64.0 * 2 * 63 / 64)}
    slow = model.predict(parts(model), ranks=64, cores=2, env_steps=32, network=network, machines=64)
    assert slow.bottleneck == "network"
    assert slow.env_steps_per_s == pytest.approx(64 * 32 / 0.166)


def test_machines_wait_for_the_slowest(model: ModuleType) -> None:
    rng = np.random.default_rng(1)
    for count in (1, 2, 8, 64):
        assert model.lateness(count) == pytest.approx(rng.normal(size=(20_000, count)).max(1).mean(), abs=0.04)
    nothing = model.Network(0.0, 0.0)
    said = model.predict(parts(model, spread=70.0), ranks=64, cores=2, env_steps=32, network=nothing, machines=64)
    assert said.bottleneck == "the slowest rank"
    assert said.env_steps_per_s == pytest.approx(64 * 32 / (0.070 * (1 + model.lateness(64))))
