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
    costs = {
        "env_step": 0.5, "env_step_beside": 1.0, "action_beside": 0.2, "learner_step": 30.0,
        "learner_step_beside": 60.0, "spread": 0.0,
    }  # fmt: skip
    return model.Parts(**(costs | changed), gradients=GRADIENTS)


NOTHING = (0.0, 0.0)
"""A network at no cost."""


def test_what_takes_longer_goes_on_alone(model: ModuleType) -> None:
    """15 env_steps leave three quarters of a learner_step, which takes half as long without them; 120 half of them."""
    network = model.Network(*NOTHING)
    for env_steps, milliseconds, bottleneck in ((15, 15 + 22.5, "learner"), (120, 60 + 30, "emulators")):
        said = model.predict(parts(model), ranks=1, env_steps=env_steps, network=network)
        assert said == model.Prediction(pytest.approx(1e3 * env_steps / milliseconds), bottleneck)
    slow = model.predict(parts(model, action_beside=0.7), ranks=1, env_steps=120, network=network)
    assert slow.bottleneck == "actor"


def test_the_gradients_are_exchanged_while_the_rest_is_played(model: ModuleType) -> None:
    """In 10 ms: after the learner_step, for which a shorter play has waited, or beside what a longer one has left."""
    network = model.Network.measured(small=0.2, objects=1.2, large=8.4, size=GRADIENTS)
    assert network.exchange(2, GRADIENTS) == pytest.approx(8.2 + 1.0 + 4 * 0.2)
    for env_steps, milliseconds in ((15, 15 + 22.5 + 10), (64, 60 + 10), (120, 60 + 30)):
        said = model.predict(parts(model), ranks=2, env_steps=env_steps, network=network)
        assert said.env_steps_per_s == pytest.approx(2e3 * env_steps / milliseconds)


def test_a_ring_carries_almost_twice_the_bytes_whatever_its_length(model: ModuleType) -> None:
    network = model.Network(*NOTHING).of(gigabits=1, latency=0.0)
    lasts = {ranks: network.exchange(ranks, GRADIENTS) for ranks in (1, 2, 64)}
    assert lasts == {1: 0.0, 2: pytest.approx(64.0), 64: pytest.approx(64.0 * 2 * 63 / 64)}
    slower = model.Network(latency=1.0, byte=0.0, packing=0.5)
    assert [slower.exchange(ranks, GRADIENTS) for ranks in (2, 3)] == [4 * 2 + 1.0, 5 * 4 + 1.5]
    slow = model.predict(parts(model), ranks=64, env_steps=60, network=network, machines=64)
    assert slow == model.Prediction(pytest.approx(64 * 60 / 0.186), "network")


def test_machines_wait_for_the_slowest(model: ModuleType) -> None:
    rng = np.random.default_rng(1)
    for count in (1, 2, 8, 64):
        assert model.lateness(count) == pytest.approx(rng.normal(size=(20_000, count)).max(1).mean(), abs=0.04)
    network = model.Network(*NOTHING)
    said = model.predict(parts(model, spread=70.0), ranks=64, env_steps=60, network=network, machines=64)
    assert said.bottleneck == "the slowest rank"
    assert said.env_steps_per_s == pytest.approx(64 * 60 / (0.060 + 0.070 * model.lateness(64)))
