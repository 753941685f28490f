"""What methods take from the base policy's play, in short fits on the shipped game."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback

from mk_lightning.callbacks.methods.distillation import Cloning, Kickstarting
from mk_lightning.callbacks.methods.ewc import ElasticWeightConsolidation
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings import EvaluationSettings, RecordingSettings, ReplaySettings
from mk_lightning.envs.config import EnvConfig
from mk_lightning.experience.base_dataset import Recording, Rehearsal
from mk_lightning.experience.replay import Priorities
from mk_lightning.learning.fisher import sample_actions
from mk_lightning.learning.losses import distillation_loss
from mk_lightning.learning.module import DuelingDoubleDQN
from tests.learning.batches import new_trainer
from tests.networks.narrow import narrow

SEED, SAMPLES, TEMPERATURE = 5, 24, 0.1


def new_data(learner_steps: int = 4, **settings) -> ExperienceDataModule:
    return ExperienceDataModule(
        game="dojo",
        original_states=["VeryEasy.Bramble-01"],
        challenging_states=["Hard.Scythe-03"],
        train_states=["challenging"],
        max_env_steps=8 * learner_steps,
        warmup_env_steps=80,
        env_steps_per_learner_step=8,
        seed=SEED,
        env=EnvConfig(num_envs=2, max_env_steps=60),
        recording=RecordingSettings(env_steps=200),
        evaluation=EvaluationSettings(every=8 * learner_steps, matches=1, test_matches=1),
        **{"replay": ReplaySettings(capacity=200, batch_size=16)} | settings,
    )


@pytest.fixture
def module() -> DuelingDoubleDQN:
    torch.manual_seed(0)
    return DuelingDoubleDQN(num_actions=26, network=narrow(16), learning_rate=1e-3)


def recording(folder) -> Recording:
    recorded = Recording.load(folder / "recording", {}, n_step=3, gamma=0.97)
    assert recorded is not None
    return recorded


@pytest.mark.parametrize("estimator", ["q_value", "policy"])
def test_the_fisher_information_is_that_of_the_start_on_the_original_states(module, tmp_path, estimator):
    start = copy.deepcopy(module.online)
    ewc = ElasticWeightConsolidation(estimator=estimator, samples=SAMPLES, temperature=TEMPERATURE)
    new_trainer(tmp_path, ewc, limit_val_batches=0).fit(module, new_data())
    task = torch.load(tmp_path / "fisher.pt", weights_only=True)
    anchor = dict(start.named_parameters())
    assert all(torch.equal(anchor[name], w) for name, w in task["anchor"].items())
    assert not torch.equal(module.online.value.weight, anchor["value.weight"])

    drawn = Rehearsal(recording(tmp_path), [SEED, 0, 4]).sample(SAMPLES)
    actions = drawn.transition.a_tm1
    if estimator == "policy":
        actions = sample_actions(drawn.q_values, TEMPERATURE, torch.Generator().manual_seed(SEED))
    expected = {name: torch.zeros_like(p) for name, p in anchor.items()}
    for observation, action in zip(drawn.transition.s_tm1, actions, strict=True):
        start.zero_grad()
        q_values = start(observation[None])[0]
        output = torch.log_softmax(q_values / TEMPERATURE, 0) if estimator == "policy" else q_values
        output[action].backward()
        for name, p in anchor.items():
            assert p.grad is not None
            expected[name] += p.grad.square()
    mean = torch.cat([part.flatten() for part in expected.values()]).mean()
    for name, part in task["fisher"].items():
        torch.testing.assert_close(part, expected[name] / mean, rtol=1e-3, atol=1e-6)


class Seen(Callback):
    """Mixed into a method: what it held the learner to."""

    seen: list[Any]

    def base_values(self, pl_module, batch):
        observations, wanted = super().base_values(pl_module, batch)  # type: ignore[misc]
        self.__dict__.setdefault("seen", []).append((batch, observations, wanted))
        return observations, wanted


class SeenCloning(Seen, Cloning):
    pass


class SeenKickstarting(Seen, Kickstarting):
    pass


def test_cloning_wants_what_the_base_thought_of_what_it_saw(module, tmp_path):
    start = copy.deepcopy(module.online)
    cloning = SeenCloning(batch_size=6)
    new_trainer(tmp_path, cloning, limit_val_batches=0).fit(module, new_data())
    stream = Rehearsal(recording(tmp_path), [SEED, 0, 5])
    assert len(cloning.seen) == 4
    for _, observations, wanted in cloning.seen:
        assert torch.equal(observations, stream.sample(6).transition.s_tm1)
        torch.testing.assert_close(wanted, start(observations), rtol=1e-4, atol=1e-5)


class Shake(Callback):
    """Throws the learner off, once the base policy's play is recorded."""

    def on_train_start(self, trainer, pl_module) -> None:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for p in pl_module.online.parameters():
                p.add_(0.02 * torch.randn(p.shape, generator=generator))
        self.shaken = copy.deepcopy(pl_module.online)


@pytest.mark.parametrize("distance", ["kl", "mse"])
def test_cloning_brings_the_learner_back(module, tmp_path, distance):
    shake = Shake()
    cloning = Cloning(weight=1000.0, distance=distance, batch_size=32)
    trainer = new_trainer(tmp_path, cloning, shake, limit_val_batches=0, gradient_clip_val=1.0)
    trainer.fit(module, new_data(learner_steps=60))
    recorded = recording(tmp_path)
    kept = recorded.batch(recorded.indices)
    with torch.no_grad():
        off, back = (
            float(distillation_loss(network(kept.transition.s_tm1), kept.q_values, distance, 0.1))
            for network in (shake.shaken, module.online)
        )
    assert off > 1e-4
    assert back < off / 3


@pytest.mark.parametrize("priorities", [None, Priorities()])
def test_kickstarting_values_what_is_played_now_with_the_start(module, tmp_path, priorities):
    start = copy.deepcopy(module.online)
    kickstarting = SeenKickstarting(batch_size=4)
    replay = ReplaySettings(capacity=200, batch_size=16, priorities=priorities)
    data = new_data(rehearsal_ratio=0.5, replay=replay)
    new_trainer(tmp_path, kickstarting, limit_val_batches=0).fit(module, data)
    rehearsed = recording(tmp_path).batch(recording(tmp_path).indices).transition.s_tm1
    for batch, observations, wanted in kickstarting.seen:
        assert torch.equal(observations, batch.transition.s_tm1[[0, 2, 4, 6]])  # of 8 that were played
        assert not any((rehearsed == one).all(dim=(1, 2, 3)).any() for one in observations)
        torch.testing.assert_close(wanted, start(observations))
