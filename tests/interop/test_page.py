"""What the page on agents of other programs says can be done."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from pathlib import Path

import pytest
import torch
from stable_baselines3 import DQN, PPO

import mk_lightning as mk
from mk_lightning.cli.main import main
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import UserError
from tests.cli.test_shipped_runs import SMALL
from tests.networks.sb3_agents import Pixels, assert_same_values, observations, saved

PAGE = (Path(__file__).parents[2] / "docs/interop.md").read_text()
SHORT = [*SMALL, "--data.max_env_steps=32", "--data.evaluation.every=32"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


def test_its_commands_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    _, theirs = saved(tmp_path, "Dueling DQN")
    for command in "".join(blocks("bash")).splitlines():
        program, *words = shlex.split(command)
        assert program == "mk-lightning"
        main([*words, *(SHORT if words[0] in {"test", "fit"} else [])])
    said = [line for line in caplog.messages if line.startswith("model.zip is an agent of Stable-Baselines3")]
    assert len(said) == 2, "once a command"
    assert type(DQN.load("agent-2.zip").policy) is type(theirs.policy)
    agent = mk.from_pretrained("dojo-base")
    stack = observations(1)[0].numpy()
    plain, _ = DQN.load("agent.zip").predict(stack[None], deterministic=True)
    assert agent.predict(stack) == plain[0]
    values = DQN.load("agent.zip").q_net(torch.from_numpy(stack)[None])[0]
    assert_same_values(values[None], 20 * agent(torch.from_numpy(stack)[None]))
    assert not [line for line in caplog.messages if "learning units" in line]
    assert "Dojo-Genesis-v0" in Path("dojo-base/README.md").read_text()


def test_an_agent_of_another_algorithm_plays_the_same_every_time(tmp_path: Path) -> None:
    model = PPO("CnnPolicy", Pixels(), n_steps=2, device="cpu")
    model.save(tmp_path / "ppo.zip")
    with pytest.raises(UserError) as refused:
        read_checkpoint(tmp_path / "ppo.zip")
    stacks = observations(50).numpy()
    for advice in (str(refused.value), PAGE):
        (function,) = re.findall(r"mk.evaluate\((lambda stacks: .*\[0\])[,)]", advice)
        play = eval(function, {"model": model})  # noqa: S307 - a line of ours
        assert (play(stacks) == play(stacks)).all()
        assert (play(stacks) == model.predict(stacks, deterministic=True)[0]).all()


def test_its_python_calls_what_there_is_as_it_is_called() -> None:
    calls = [node for block in blocks("python") for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
    ours = [
        call
        for call in calls
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id == "mk"
    ]
    assert len(ours) == 6
    for call in ours:
        assert isinstance(call.func, ast.Attribute)
        arguments = {keyword.arg or "": None for keyword in call.keywords}
        inspect.signature(getattr(mk, call.func.attr)).bind(*call.args, **arguments)
