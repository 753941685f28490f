"""A Q-network defined outside the package, trained by the command line and by a script."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml

import mk_lightning as mk
from mk_lightning.cli.main import main
from mk_lightning.networks.checkpoint import about_network, read_checkpoint
from tests.test_resume import CONFIG

OWN = '''
import torch
from torch import nn
from mk_lightning import QNetwork
from mk_lightning.networks.base import pixels

class Pooled(QNetwork):
    """Learns from blurred frames."""

    parameter_groups = {"output": ("head",)}

    def __init__(self, num_actions: int, cells: int = 6):
        super().__init__(num_actions, cells=cells)
        self.pool = nn.AdaptiveAvgPool2d(cells)
        self.body = nn.Linear(4 * cells**2, 12)
        self.head = nn.Linear(12, num_actions)

    def forward(self, observations):
        return self.head(self.body(self.pool(pixels(observations, self.head.weight)).flatten(1)).relu())
'''
CHOICE = {"class_path": "own_networks.Pooled", "init_args": {"cells": 3}}


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The user's module, and a directory to work in."""
    (tmp_path / "own_networks.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    import own_networks

    yield own_networks.Pooled
    del sys.modules["own_networks"]


def config(network: dict[str, Any]) -> str:
    freeze = {"class_path": "FreezeLayers", "init_args": {"patterns": ["output"]}}
    trainer = {k: v for k, v in CONFIG["trainer"].items() if k != "callbacks"} | {"callbacks": [freeze]}
    Path("c.yaml").write_text(yaml.safe_dump(CONFIG | {"model": {"network": network}, "trainer": trainer}))
    return "c.yaml"


def by_script(own: Any) -> mk.DuelingDoubleDQN:
    """The module that a script has trained as the command line does by `config(CHOICE)`."""
    pl.seed_everything(3)
    options = CONFIG["data"] | {"seed": 3}
    options |= {"epsilon": mk.Linear(1.0, 0.1, 300), "env": mk.EnvConfig(**options["env"])}
    options |= {"replay": mk.ReplaySettings(**options["replay"])}
    options |= {"evaluation": mk.EvaluationSettings(**options["evaluation"])}
    data = mk.ExperienceDataModule(**options)
    module = mk.DuelingDoubleDQN(network=partial(own, cells=3))
    callbacks = [mk.FreezeLayers(["output"]), mk.BeforeAfter()]
    trainer = pl.Trainer(
        max_epochs=data.max_epochs, callbacks=callbacks, accelerator="cpu", gradient_clip_val=10.0, logger=False,
        enable_checkpointing=False, num_sanity_val_steps=0, enable_progress_bar=False,
    )  # fmt: skip
    trainer.fit(module, data)
    return module


def test_it_trains_as_by_a_script_is_frozen_by_its_groups_resumed_and_tested(
    own: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    c = config(CHOICE)
    main(["fit", "-c", c, "--run_dir", "run"])
    last = read_checkpoint("run/checkpoints/last.ckpt")
    assert last["network"] == {"num_actions": 26, "cells": 3, "class": "Pooled"}
    assert not torch.equal(last["state_dict"]["online.body.weight"], last["state_dict"]["target.body.weight"])
    assert torch.equal(last["state_dict"]["online.head.weight"], last["state_dict"]["target.head.weight"])
    weights = by_script(own).state_dict()
    assert all(torch.equal(last["state_dict"][name], tensor) for name, tensor in weights.items())
    main(["test", "-c", c, "--ckpt_path", "run/checkpoints/best.ckpt", "--run_dir", "tested"])
    assert "VeryEasy.Bramble-01" in capsys.readouterr().out

    module = mk.DuelingDoubleDQN.load_from_checkpoint("run/checkpoints/last.ckpt", network=partial(own, cells=3))
    assert torch.equal(module.online.get_parameter("body.weight"), last["state_dict"]["online.body.weight"])
    evaluation = mk.evaluate(module, "dojo", "VeryEasy.Bramble-01", matches=1, env=mk.EnvConfig(max_env_steps=20))
    assert evaluation.matches[0].env_steps == 20

    main(["fit", "-c", c, "--run_dir", "run", "--ckpt_path", "run/checkpoints/last.ckpt", "--data.max_env_steps=480"])
    more = read_checkpoint("run/checkpoints/last.ckpt")
    assert more["env_steps"] == last["env_steps"] + 160


@pytest.mark.parametrize(
    ("load", "complaint"),
    [
        (lambda own: mk.DuelingDoubleDQN.load_from_checkpoint("w.ckpt"), "another's making, Pooled: give its class"),
        (lambda own: mk.evaluate("w.ckpt", "dojo", matches=1), "another's making, Pooled: give its class"),
        (
            lambda own: mk.DuelingDoubleDQN.load_from_checkpoint("w.ckpt", network=own),
            "the checkpoint's network is {.*'cells': 3.*}, this config's {.*'cells': 6.*}",
        ),
        (
            lambda own: mk.DuelingDoubleDQN.load_from_checkpoint("w.ckpt", network=mk.SmallDueling),
            "the checkpoint's network is .*Pooled.*, this config's .*SmallDueling",
        ),
    ],
)  # fmt: skip
def test_its_checkpoint_needs_its_class(load: Any, complaint: str, own: Any) -> None:
    module = mk.DuelingDoubleDQN(network=partial(own, cells=3))
    content = {"state_dict": module.state_dict(), "network": about_network(module.online), "env_steps": 0}
    torch.save(content | {"pytorch-lightning_version": "2.6.0"}, "w.ckpt")
    with pytest.raises(mk.UserError, match=complaint):
        load(own)
