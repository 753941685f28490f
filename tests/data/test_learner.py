"""What the DataModule asks of a module, and tells it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pytorch_lightning import LightningModule

from mk_lightning.data.learner import note_reward_scale, q_network_of
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.networks.checkpoint import about_network
from mk_lightning.utils.errors import UserError
from tests.networks.narrow import narrow


def test_another_reward_scale_than_the_checkpoint_s_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    module = DuelingDoubleDQN(network=narrow())
    note_reward_scale(module, 20.0)
    assert module.reward_scale == 20.0
    assert "learned with" not in caplog.text
    content = {"state_dict": module.state_dict(), "network": about_network(module.online), "reward_scale": 120.0}
    torch.save(content | {"env_steps": 0}, tmp_path / "w.ckpt")
    other = DuelingDoubleDQN(network=narrow(), init_from=str(tmp_path / "w.ckpt"))
    assert other.reward_scale == 120.0
    note_reward_scale(other, 20.0)
    said = [message for message in caplog.messages if "learned with" in message]
    assert said == [
        "the checkpoint learned with a reward_scale of 120, this run has 20: its Q-values begin at 0.167 of what they "
        "should be; reward_scale 120 keeps them"
    ]
    assert other.reward_scale == 20.0


def test_a_module_without_a_q_network_is_one_line() -> None:
    with pytest.raises(UserError, match="LightningModule has no Q-network, `online`"):
        q_network_of(LightningModule())
