"""What a network of Stable-Baselines3 says of observations, ours says with its weights; and the other way round."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mk_lightning as mk
from mk_lightning.networks.checkpoint import load_network, read_checkpoint
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.networks.sb3_mapping import from_sb3, to_sb3
from tests.networks.sb3_agents import KINDS, assert_same_values, observations, q_values, saved


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_its_q_values_and_its_greedy_actions(kind: str, tmp_path: Path) -> None:
    path, theirs = saved(tmp_path, kind)
    stacks = observations()
    mine = load_network(path)
    assert mine.arguments == {"hidden": 256 if "256" in kind else 512}
    values = q_values(mine, stacks)
    assert_same_values(values, q_values(theirs.q_net, stacks))
    actions, _ = theirs.predict(stacks.numpy()[:50], deterministic=True)
    assert actions.tolist() == values[:50].argmax(1).tolist()


@pytest.mark.parametrize("kind", ["DQN", "Dueling DQN"])
def test_a_module_has_them_in_learning_units(kind: str, tmp_path: Path) -> None:
    path, theirs = saved(tmp_path, kind)
    stacks = observations(50)
    module = mk.DuelingDoubleDQN(init_from=str(path), init_reward_scale=20.0)
    assert module.reward_scale == 20.0
    assert_same_values(20 * q_values(module.online, stacks), q_values(theirs.q_net, stacks))
    assert_same_values(q_values(module.target, stacks), q_values(module.online, stacks))
    loaded = mk.DuelingDoubleDQN.load_from_checkpoint(path)
    assert (loaded.reward_scale, loaded.env_steps, loaded.origin) == (1.0, 1_600, str(path))
    assert_same_values(q_values(loaded.online, stacks), q_values(theirs.q_net, stacks))


@pytest.mark.parametrize("dueling", [True, False])
def test_there_and_back_again(dueling: bool) -> None:
    network, back = NatureDueling(7, hidden=32), NatureDueling(7, hidden=32)
    theirs = to_sb3(network.state_dict(), 20.0, dueling=dueling)
    assert ("value_net.0.weight" in theirs) == dueling
    back.load_state_dict(from_sb3(theirs, 20.0))
    stacks = observations(200)
    assert_same_values(q_values(back, stacks), q_values(network, stacks))
    for name in ("convolutions.0.weight", "features.1.bias"):
        assert torch.equal(back.state_dict()[name], network.state_dict()[name])


def test_what_the_zip_says_beside_its_weights_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, theirs = saved(tmp_path)
    assert read_checkpoint(path)["env_steps"] == theirs.num_timesteps == 1_600
    with caplog.at_level("INFO"):
        load_network(path)
    assert caplog.messages == [
        f"{path} is an agent of Stable-Baselines3 (DQN, 1,600 env_steps, gamma 0.99): it plays as it was trained with "
        "EnvConfig.release_frames 0 (overlay from-sb3), and keeps its Q-values with ReplaySettings.gamma 0.99; they "
        "are taken for game units, which a fit divides by ExperienceDataModule.reward_scale"
    ]
