"""A run that begins with an agent of Stable-Baselines3, and the command line's answers to zips that it cannot take."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from stable_baselines3 import PPO

import mk_lightning as mk
from mk_lightning.cli.main import main
from mk_lightning.cli.option_names import as_options
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import sha256
from tests.networks.sb3_agents import Pixels, saved
from tests.test_resume import CONFIG

FEW: dict[str, Any] = {"features_extractor_kwargs": {"features_dim": 4}}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A quick config for an agent of four features, in the working directory."""
    monkeypatch.chdir(tmp_path)
    content = copy.deepcopy(CONFIG)
    content["model"]["network"] = {"class_path": "NatureDueling", "init_args": {"hidden": 4}}
    content["data"] |= {"rehearsal_ratio": 0.25, "recording": {"env_steps": 90}, "reward_scale": 20}
    content["trainer"]["callbacks"] = [{"class_path": "Cloning", "init_args": {"batch_size": 4}}]
    Path("c.yaml").write_text(yaml.safe_dump(content))
    return Path("c.yaml")


def test_a_fit_begins_with_it_and_goes_on_without_its_recording(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, _ = saved(config.parent, "Dueling DQN", **FEW)
    words = ["fit", "-c", str(config), "--run_dir", "run", "--model.init_from", str(path)]
    main([*words, "--data.max_env_steps", "160"])
    said = " ".join(caplog.messages)
    assert "DQN, 1,600 env_steps, gamma 0.99): it plays as it was trained with" in said
    assert "initialised from model.zip: 12 parameters matched" in said
    assert "learned with a reward_scale" not in said, "its values are brought to the run's unit"
    assert "divides by data.reward_scale" in as_options(said)
    before = json.loads(Path("run/before.json").read_text())
    assert (before["policy"], before["sha256"]) == ("model.zip", sha256(path))
    assert read_checkpoint("run/checkpoints/best.ckpt")["reward_scale"] == 20.0
    shutil.rmtree("run/recording")
    caplog.clear()
    main([*words, "--ckpt_path", "last"])
    assert any("model.zip is recorded again" in message for message in caplog.messages)
    assert read_checkpoint("run/checkpoints/last.ckpt")["env_steps"] == 360


def ppo(folder: Path) -> None:
    PPO("CnnPolicy", Pixels(), policy_kwargs=FEW, n_steps=2, device="cpu").save(folder / "model.zip")


REFUSED: dict[str, tuple[Any, str, str]] = {
    "PPO": (ppo, "--model.init_from", "model.zip cannot be used: it is an agent of PPO or A2C, and only DQN's kinds"),
    "PPO in a test": (ppo, "test", "model.zip cannot be used: it is an agent of PPO or A2C"),
    "another width": (
        lambda folder: saved(folder, features_extractor_kwargs={"features_dim": 8}),
        "--model.init_from",
        "it holds {'num_actions': 26, 'hidden': 8}, here is {'num_actions': 26, 'hidden': 4}",
    ),
    "other actions": (lambda folder: saved(folder, actions=12, **FEW), "--model.init_from", "(12, 4) -> (26, 4)"),
    "other actions in a test": (
        lambda folder: saved(folder, actions=12, **FEW),
        "test",
        "network is {'num_actions': 12, 'hidden': 4}, this config's {'num_actions': 26, 'hidden': 4}",
    ),
    "to go on from": (lambda folder: saved(folder, **FEW), "--ckpt_path", "start one with --model.init_from model.zip"),
    "missing": (
        lambda folder: saved(folder)[0].rename(folder / "agent.zip"),
        "--model.init_from",
        "no checkpoint model.zip; there: agent.zip",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_begin_a_run_is_a_line_and_leaves_no_run(
    name: str, config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, option, hint = REFUSED[name]
    make(Path())
    command = ["test", "-c", str(config), "--ckpt_path"] if option == "test" else ["fit", "-c", str(config), option]
    with pytest.raises(SystemExit) as stop:
        main([*command, "model.zip", "--run_dir", "run"])
    assert stop.value.code == 2
    (line,) = capfd.readouterr().err.splitlines()[-1:]
    assert hint in line
    assert line.startswith("mk-lightning: error: ")
    assert not list(Path().glob("run*"))


def test_an_evaluation_wants_the_game_s_actions(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, actions=12, **FEW)
    with pytest.raises(UserError, match="chooses among 12 actions, the game's table has 26"):
        mk.evaluate(path, "dojo", ["VeryEasy.Bramble-01"], matches=1)
