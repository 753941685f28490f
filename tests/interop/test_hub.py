"""The folder for the Hugging Face Hub: what is in it, and the agent that comes out of it again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

import mk_lightning as mk
from mk_lightning.envs.reward_checks import DEFAULT_REWARD
from mk_lightning.utils.errors import UserError
from tests.fuzzing import one_line
from tests.networks.sb3_agents import observations, q_values

BASE = "checkpoints/dojo-base.ckpt"
FILM = b"\0\0\0\x20ftypisom"
STATES = {"original": ["VeryEasy.Bramble-01"], "challenging": ["VeryEasy.Heron-06"]}


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation's file."""
    path = tmp_path_factory.mktemp("evaluation") / "e.json"
    mk.evaluate(BASE, "dojo", STATES, matches=2, env=mk.EnvConfig(release_frames=0, max_env_steps=60)).write(path)
    return path


def test_the_folder_has_weights_config_and_card(evaluation: Path, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(FILM)
    out = mk.export(BASE, tmp_path / "out", "hub", evaluation=evaluation, film=tmp_path / "film.mp4")
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "replay.mp4",
    ]
    assert (out / "replay.mp4").read_bytes() == FILM
    config = json.loads((out / "config.json").read_text())
    assert config["network"] == {"class": "mk_lightning.NatureDueling", "num_actions": 26, "hidden": 512}
    assert config["game"] == "Dojo-Genesis-v0"
    played = {"frame_skip": 4, "release_frames": 0, "max_noops": 30, "max_env_steps": 60}
    assert config["env"] == played | {"reward": DEFAULT_REWARD}
    assert config["actions"] == list(mk.load_game("dojo").actions)
    _, data, page = (out / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(data)
    assert card["library_name"] == "mk_lightning"
    assert {"reinforcement-learning", "Dojo-Genesis-v0"} <= set(card["tags"])
    (model,) = card["model-index"]
    measured = mk.Evaluation.read(evaluation)
    assert model["name"] == "dojo-base"
    assert [result["dataset"]["name"] for result in model["results"]] == [
        "Dojo-Genesis-v0, original states", "Dojo-Genesis-v0, challenging states"
    ]  # fmt: skip
    for result, states in zip(model["results"], STATES.values(), strict=True):
        returned, won = result["metrics"]
        score = measured.score(states)
        assert result["task"]["type"] == "reinforcement-learning"
        assert returned["type"] == "mean_reward"
        assert returned["value"].startswith(f"{score.mean_return:.2f} +/- ")
        assert (won["type"], won["value"]) == ("win_rate", score.win_rate)
    assert "| VeryEasy.Heron-06 | challenging | 0% [0%, 66%] |" in page
    assert f"frame_skip=4, release_frames=0, max_noops=30, max_env_steps=60, reward={DEFAULT_REWARD}\n" in page
    cut = sum(match.truncated for match in measured.matches)
    assert cut
    assert f"{cut} of the 4 matches were cut off at 60 env_steps and count as lost.\n" in page
    snippet = page.split("```python\n")[1].split("```")[0]
    calls: list[tuple[str, mk.EnvConfig]] = []
    names = {"observation": observations(1)[0].numpy(), "mk": SimpleNamespace(
        EnvConfig=mk.EnvConfig, from_pretrained=lambda folder: mk.from_pretrained(out),
        evaluate=lambda agent, game, *, env: calls.append((game, env)),
    )}  # fmt: skip
    exec(snippet.replace("import mk_lightning as mk\n", ""), names)
    assert calls == [("Dojo-Genesis-v0", mk.EnvConfig(release_frames=0, max_env_steps=60))]


def test_a_reward_of_one_s_own_is_named(evaluation: Path, tmp_path: Path) -> None:
    content = json.loads(evaluation.read_text())
    content["env"]["reward"] = "rewards.Approach(per_pixel=0.1)"
    (tmp_path / "e.json").write_text(json.dumps(content))
    out = mk.export(BASE, tmp_path / "out", "hub", evaluation=tmp_path / "e.json")
    assert json.loads((out / "config.json").read_text())["env"]["reward"] == "rewards.Approach(per_pixel=0.1)"
    page = (out / "README.md").read_text()
    assert "max_env_steps=60, reward=rewards.Approach(per_pixel=0.1)\n```" in page
    assert "max_env_steps=60)  # for its returns, with reward=rewards.Approach(per_pixel=0.1)\n" in page


def test_the_agent_comes_out_again(tmp_path: Path) -> None:
    out = mk.export(BASE, tmp_path / "a/b", "hub")
    agent = mk.from_pretrained(out)
    stacks = observations()
    mine = mk.DuelingDoubleDQN.load_from_checkpoint(BASE)
    assert torch.equal(q_values(agent.online, stacks), q_values(mine.online, stacks))
    assert agent.predict(stacks[0].numpy()) == mine.predict(stacks[0].numpy())
    assert "model-index" not in (out / "README.md").read_text()


def test_the_card_of_a_run_s_checkpoint_names_what_it_began_with(tmp_path: Path) -> None:
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    own = shutil.copy("checkpoints/dojo-finetuned.ckpt", tmp_path / "run/checkpoints/best.ckpt")
    config = tmp_path / "run/config.yaml"
    told = "trained for 196,000 env_steps, beginning with checkpoints/dojo-base.ckpt (368,000 env_steps))"
    for number, (content, named) in enumerate(
        [
            (f"model: {{init_from: {BASE}}}", True),
            ("model: {init_from: nowhere.ckpt}", False),
            ("model: {init_from: null}", False),
            ("[]", False),
        ]
    ):
        config.write_text(content)
        page = (mk.export(own, tmp_path / str(number), "hub") / "README.md").read_text()
        assert (told in page) == named
        assert ("196,000 env_steps)" in page) != named


def test_an_evaluation_of_another_agent_is_refused(evaluation: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"of checkpoints/dojo-base.ckpt, not of checkpoints/dojo-finetuned.ckpt"):
        mk.export("checkpoints/dojo-finetuned.ckpt", tmp_path / "out", "hub", evaluation=evaluation)
    assert not (tmp_path / "out").exists()


def test_an_agent_in_memory_has_no_evaluation(evaluation: Path, tmp_path: Path) -> None:
    agent = mk.DuelingDoubleDQN.load_from_checkpoint(BASE)
    env = mk.EnvConfig(max_env_steps=20)
    mk.evaluate(agent, "dojo", ["VeryEasy.Bramble-01"], matches=1, env=env).write(tmp_path / "own.json")
    for path in (evaluation, tmp_path / "own.json"):
        with pytest.raises(
            UserError, match=r"whether that is an agent in memory cannot be told: mk.export\(agent, "
        ) as e:
            mk.export(agent, tmp_path / "out", "hub", evaluation=path)
        one_line(e.value, 440)
    assert not (tmp_path / "out").exists()
    file = mk.export(agent, tmp_path / "agent.safetensors", "safetensors")
    mk.evaluate(file, "dojo", ["VeryEasy.Bramble-01"], matches=1, env=env).write(tmp_path / "file.json")
    assert mk.export(file, tmp_path / "out", "hub", evaluation=tmp_path / "file.json").is_dir()


def test_what_is_no_such_folder_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no folder; `hf download USER/NAME --local-dir nix` fetches one"):
        mk.from_pretrained(tmp_path / "nix")
    with pytest.raises(UserError, match=r"no checkpoint .*model.safetensors"):
        mk.from_pretrained(tmp_path)
