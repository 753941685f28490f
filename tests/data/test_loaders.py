from __future__ import annotations

import copy
import time

import numpy as np
import pytest
import torch

from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.loaders import EpisodeLoader, ExperienceLoader, new_loader, new_replay
from mk_lightning.data.run_length import RunLength
from mk_lightning.experience.collector import Collector
from mk_lightning.experience.episodes import EpisodeSpec, play_episodes
from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.experience.replay import Priorities, Replay
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.schedules import Constant
from tests.experience.conftest import STATES
from tests.experience.policies import Fingerprint

VECTOR_STEPS, WARMUP = 4, 10


@pytest.fixture
def make_loader(short_envs):
    """Builds loaders over the same three environments, one at a time."""
    loaders: list[ExperienceLoader] = []

    def make(overlap: bool, length: int = 5, priorities=None, per_batch: int = 3 * VECTOR_STEPS) -> ExperienceLoader:
        for loader in loaders:
            loader.synchronize()
        torch.manual_seed(0)
        learner = NatureDueling(26, hidden=8)
        learner.advantage.weight.data *= 100  # so that other weights choose other actions
        actor = GreedyPolicy(copy.deepcopy(learner).requires_grad_(False))
        replay = Replay(300, 3, n_step=2, priorities=priorities, seed=1)
        collector = Collector(short_envs, replay, actor, epsilon=Constant(0.2), reward_scale=120.0, seed=[3])
        loaders.append(
            ExperienceLoader(
                collector,
                replay,
                actor,
                learner,
                batch_size=8,
                run=RunLength(2, length, per_batch, 3 * WARMUP),
                overlap=overlap,
            )
        )
        return loaders[-1]

    yield make
    for loader in loaders:
        loader.synchronize()
        loader.close()


@torch.no_grad()
def learn(loader: ExperienceLoader, batch) -> None:
    """A stand-in for a learner_step: TD errors, and other weights, that depend on the batch alone."""
    errors = (batch.transition.s_tm1.float().mean((1, 2, 3)) / 50).numpy()
    batch.source.update_priorities(batch.indices, errors[: len(batch.indices)])
    for p in loader.learner.parameters():
        p.mul_(-1.0 + 0.001 * float(errors.mean()))


def run(loader: ExperienceLoader, epochs: int = 2, pause: float = 0.0) -> list:
    seen = []
    for _ in range(epochs):
        for batch in loader:
            time.sleep(pause)
            learn(loader, batch)
            seen.append(batch)
    loader.synchronize()
    return seen


def same(one: list, other: list) -> bool:
    return all(
        a.env_steps == b.env_steps
        and a.stats == b.stats
        and torch.equal(a.weights, b.weights)
        and all(torch.equal(x, y) for x, y in zip(a.transition, b.transition, strict=True))
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("overlap", [True, False])
def test_an_epoch_has_its_length_and_warm_up_comes_once(make_loader, overlap):
    loader = make_loader(overlap, length=3)
    assert len(loader) == 3
    batches = run(loader, epochs=2)
    assert len(batches) == 6
    assert [b.env_steps for b in batches] == [3 * (WARMUP + VECTOR_STEPS * k) for k in range(1, 7)]
    assert [b.stats["env_steps"] for b in batches] == [b.env_steps for b in batches]
    ahead = VECTOR_STEPS if overlap else 0
    assert loader.collector.env_steps == batches[-1].env_steps + 3 * ahead


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("per_batch", [1, 2, 4, 7])
def test_environments_that_do_not_divide_a_batch_s_env_steps_keep_pace(make_loader, overlap, per_batch):
    """What is collected is the least multiple of three that is not less than what is due."""
    batches = run(make_loader(overlap, per_batch=per_batch), epochs=2)
    assert [b.env_steps for b in batches] == [3 * WARMUP + 3 * -(-k * per_batch // 3) for k in range(1, 11)]


@pytest.mark.parametrize("overlap", [True, False])
def test_a_loader_that_is_restored_keeps_pace(make_loader, overlap):
    whole = run(make_loader(overlap, per_batch=2), epochs=1)
    loader = make_loader(overlap, per_batch=2)
    first = [loader.next_batch() for _ in range(2)]
    state, collector = loader.state_dict(), loader.collector.state_dict()
    other = make_loader(overlap, per_batch=2)
    other.replay, other.collector.replay = loader.replay, loader.replay
    other.collector.load_state_dict(collector)
    other.load_state_dict(state)
    rest = [other.next_batch() for _ in range(3)]
    assert [b.env_steps for b in (*first, *rest)] == [b.env_steps for b in whole]


@pytest.mark.parametrize("overlap", [True, False])
def test_a_run_does_not_depend_on_who_is_faster(make_loader, overlap):
    fast, slow = (run(make_loader(overlap, priorities=Priorities()), pause=pause) for pause in (0.0, 0.03))
    assert same(fast, slow)


def test_overlap_is_part_of_what_makes_two_runs_equal(make_loader):
    """Its actions are chosen with weights that are a learner_step older."""
    overlapped, in_turns = run(make_loader(True)), run(make_loader(False))
    assert same(overlapped[:1], in_turns[:1])
    assert not same(overlapped, in_turns)


@pytest.mark.parametrize("overlap", [True, False])
def test_the_actor_acts_with_the_weights_of_a_fixed_moment(make_loader, overlap):
    loader = make_loader(overlap)
    weights = [[p.detach().clone() for p in loader.learner.parameters()]]
    for _ in range(3):
        learn(loader, loader.next_batch())
        weights.append([p.detach().clone() for p in loader.learner.parameters()])
    loader.next_batch()
    # In turns: the weights after three learner_steps were there when the fourth batch's experience was collected.
    # With overlap the same weights are taken for the fifth.
    for mine, theirs in zip(loader.actor.network.parameters(), weights[3], strict=True):
        assert torch.equal(mine, theirs)
    learn(loader, loader.next_batch())
    loader.synchronize()
    for mine, theirs in zip(loader.actor.network.parameters(), weights[3], strict=True):
        assert torch.equal(mine, theirs), "the learner's later steps reached the actor"


@pytest.mark.parametrize("overlap", [True, False])
def test_td_errors_become_priorities_before_the_next_draw(make_loader, overlap):
    loader = make_loader(overlap, priorities=Priorities(alpha=1.0, beta=0.0))
    batch = loader.next_batch()
    newer = loader.replay.sampleable().stop * 3
    # One transition outweighs all others that are known by now.
    batch.source.update_priorities(batch.indices, np.array([0, 0, 0, 1e7, 0, 0, 0, 0], np.float32))
    again = loader.next_batch().indices
    assert set(again[again < newer]) == {batch.indices[3]}
    # In turns the next rows come after these errors, and so with the highest priority seen.
    assert (again >= newer).any() == (not overlap)


def test_priorities_are_the_errors_of_the_rows_at_the_indices(make_loader):
    loader = make_loader(False, priorities=Priorities(alpha=0.5, epsilon=0.25))
    batch = loader.next_batch()
    indices = batch.indices
    batch.source.update_priorities(indices, np.arange(8, dtype=np.float32))
    loader.synchronize()
    leaves = loader.replay.state_dict()["priorities"].numpy()
    expected: dict[int, float] = {}
    for index, error in zip(indices, range(8), strict=True):
        expected.setdefault(index % len(leaves), (error + 0.25) ** 0.5)
    assert {i: leaves[i] for i in expected} == pytest.approx(expected)


def test_synchronize_can_be_called_again_and_again(make_loader):
    loader = make_loader(True, priorities=Priorities())
    learn(loader, loader.next_batch())
    loader.synchronize()
    before = loader.replay.state_dict()
    loader.synchronize()
    after = loader.replay.state_dict()
    assert torch.equal(before["priorities"], after["priorities"])
    assert before["rng"] == after["rng"]


@pytest.mark.parametrize("overlap", [True, False])
def test_its_state_says_whether_experience_waits_even_while_it_is_collected(make_loader, overlap):
    """Lightning asks for the loader's state by itself, before anybody has settled it."""
    loader = make_loader(overlap)
    assert loader.state_dict() == {"ready": False, "ahead": 0, "rehearsal": None}
    loader.next_batch()
    assert loader.state_dict() == {"ready": overlap, "ahead": 0, "rehearsal": None}
    collected = loader.collector.env_steps
    loader.next_batch()
    loader.synchronize()
    assert loader.collector.env_steps == collected + 3 * VECTOR_STEPS


def test_the_actor_can_be_where_the_learner_is(short_envs):
    """Which is a GPU; the device without storage stands for one."""
    data = ExperienceDataModule(original_states=STATES[:1], actor_on_device=True)
    learner = NatureDueling(26, hidden=8).to("meta")
    loader = new_loader(data, short_envs, learner, new_replay(data), None, None)
    assert {weight.device.type for weight in loader.actor.network.parameters()} == {"meta"}
    loader.close()


def test_an_error_while_collecting_reaches_the_learner(make_loader, monkeypatch):
    loader = make_loader(True)
    monkeypatch.setattr(loader.collector, "collect", lambda steps: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loader.next_batch()
    loader._ready = True
    monkeypatch.undo()
    loader.collector.collect(20)
    monkeypatch.setattr(loader.collector, "collect", lambda steps: 1 / 0)
    loader.next_batch()
    with pytest.raises(ZeroDivisionError):
        loader.next_batch()
    loader._job = None


def test_episode_loader_plays_all_matches_in_batches(short_envs):
    specs = [EpisodeSpec(STATES[k % 2], 70 + k) for k in range(7)]
    loader = EpisodeLoader(Fingerprint(), short_envs, specs, {"all": STATES}, epsilon=0.1, batch_size=3)
    assert len(loader) == 3
    for _ in range(2):  # every validation plays them anew
        batches = list(loader)
        assert [len(batch.records) for batch in batches] == [3, 3, 1]
        assert [record.spec for batch in batches for record in batch.records] == specs
        assert {(batch.epsilon, *batch.groups["all"]) for batch in batches} == {(0.1, *STATES)}
    expected = [r.result.episode_return for r in play_episodes(Fingerprint(), short_envs, specs, epsilon=0.1)]
    assert [record.result.episode_return for batch in batches for record in batch.records] == expected
    assert np.isfinite(expected).all()
