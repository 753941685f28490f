"""A module from a checkpoint alone, and what it does in a gymnasium loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium.wrappers import FrameStackObservation

from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.evaluation.evaluate import evaluate
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError
from tests.lightning.probe import fit, new_module
from tests.networks.narrow import narrow

BASE = "checkpoints/dojo-base.ckpt"


@pytest.mark.parametrize("weights_only", [True, False])
def test_a_checkpoint_is_all_that_is_needed(weights_only: bool, tmp_path: Path) -> None:
    run = fit(tmp_path, module=new_module(num_actions=7, network=narrow(24)))
    run.trainer.save_checkpoint(tmp_path / "x.ckpt", weights_only=weights_only)
    module = DuelingDoubleDQN.load_from_checkpoint(tmp_path / "x.ckpt")
    assert (module.online.num_actions, module.online.get_parameter("value.weight").shape[1]) == (7, 24)
    pairs = zip(module.online.parameters(), run.module.online.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert module.env_steps == run.module.env_steps > 0


def test_other_arguments_are_taken() -> None:
    module = DuelingDoubleDQN.load_from_checkpoint(BASE, learning_rate=3e-4)
    assert module.learning_rate(0) == 3e-4
    assert module.origin == BASE


def test_a_match_in_a_gymnasium_loop_is_the_evaluation_s() -> None:
    module = DuelingDoubleDQN.load_from_checkpoint(BASE)
    state = "VeryEasy.Ember-04"
    env = FrameStackObservation(FightingEnv("dojo", state), 4)
    observation, info = env.reset(seed=2_000_000)
    over, total, env_steps = False, 0.0, 0
    while not over:
        observation, reward, terminated, truncated, info = env.step(module.predict(observation))
        over, total, env_steps = terminated or truncated, total + float(reward), env_steps + 1
    env.close()
    (match,) = evaluate(BASE, "dojo", state, matches=1).matches
    assert (match.won, match.env_steps) == (info["match"]["won"], env_steps)
    assert match.reward == pytest.approx(total, abs=1e-3)


def test_a_batch_gives_an_action_each_and_epsilon_explores() -> None:
    module = DuelingDoubleDQN.load_from_checkpoint(BASE)
    stacks = np.random.default_rng(0).integers(0, 256, (200, 4, 84, 84), np.uint8)
    greedy = module.predict(stacks)
    assert greedy.shape == (200,)
    assert [module.predict(stack) for stack in stacks[:3]] == greedy[:3].tolist()
    explored = module.predict(stacks, epsilon=1.0)
    assert len(set(explored.tolist())) > 20
    assert 0.3 < (module.predict(stacks, epsilon=0.5) == greedy).mean() < 0.7


@pytest.mark.parametrize(
    "observation", [np.zeros((84, 84), np.uint8), np.zeros((4, 84, 84)), np.zeros((1, 4, 84), np.uint8)]
)
def test_another_observation_is_refused(observation: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"observation must be \(4, 84, 84\) .*FrameStackObservation"):
        new_module().predict(observation)


def test_a_checkpoint_notes_its_plain_hyper_parameters(tmp_path: Path) -> None:
    run = fit(tmp_path, module=new_module(target_every=None, target_tau=0.25, huber_delta=2.0, q_limit=77.0))
    run.trainer.save_checkpoint(tmp_path / "x.ckpt", weights_only=True)
    module = DuelingDoubleDQN.load_from_checkpoint(tmp_path / "x.ckpt", q_limit=99.0)
    assert (module.target_every, module.target_tau, module.huber_delta, module.q_limit) == (None, 0.25, 2.0, 99.0)
    module = DuelingDoubleDQN.load_from_checkpoint(tmp_path / "x.ckpt", target_every=7)
    assert (module.target_every, module.target_tau) == (7, None)


def test_numbers_of_numpy_s_are_saved_as_python_s(tmp_path: Path) -> None:
    run = fit(tmp_path, module=new_module(huber_delta=np.float64(2.0), target_every=np.int64(3)))
    run.trainer.save_checkpoint(tmp_path / "x.ckpt")
    module = DuelingDoubleDQN.load_from_checkpoint(tmp_path / "x.ckpt")
    assert (type(module.huber_delta), type(module.target_every)) == (float, int)


class Fixed(DuelingDoubleDQN):
    """With a network and an argument of its own."""

    def __init__(self, width: int) -> None:
        super().__init__(num_actions=5, network=narrow(width))
        self.save_hyperparameters()
        self.width = width


def test_a_subclass_has_its_own_hyper_parameters(tmp_path: Path) -> None:
    run = fit(tmp_path, module=Fixed(width=12))
    run.trainer.save_checkpoint(tmp_path / "x.ckpt", weights_only=True)
    assert Fixed.load_from_checkpoint(tmp_path / "x.ckpt").width == 12
