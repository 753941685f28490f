"""Every shipped config starts and learns: each whole one alone, and every overlay on it, several of them at once.

Mortal Kombat II is the stand-in of `tests/standin.py`. What a run plays is cut down; its lengths are the config's own,
so that what is to happen at some env_step is checked against them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pytorch_lightning import Callback, LightningModule, Trainer

from mk_lightning.cli.main import main
from mk_lightning.experience.transition import Batch
from tests.standin import mk2_standin

ROOT = Path(__file__).parents[2]
GROUPS = [
    "pretrain",
    "finetune",
    "finetune mixed freeze lr-conservative l2-sp explore-less checkpoints",
    "finetune weakness freeze-features lr-adaptive weight-decay guard logger/csv",
    "finetune curriculum unfreeze lr-cyclical l2 logger/tensorboard",
    "finetune progressive kickstarting lr-warmup ewc",
    "finetune rehearsal cloning from-sb3",
]
"""Configs that go together, of either game; `recommended` is what is played from end to end."""
RUNS = [
    *((game, group) for game in ("dojo", "mk2") for group in GROUPS),
    ("dojo", "finetune recommended short logger/wandb"),
]
WARMUP = 8
SMALL = [
    "--data.env.num_envs=2",
    "--data.env.max_env_steps=2",
    "--data.env.max_noops=2",
    f"--data.warmup_env_steps={WARMUP}",
    "--data.replay.capacity=2000",
    "--data.replay.batch_size=8",
    "--data.recording.env_steps=64",
    "--data.evaluation.num_envs=2",
    "--data.evaluation.matches=1",
    "--data.evaluation.test_matches=1",
]
TINY = "--model.network.hidden=16"
FIGHTER = "runs/mk2-pretrain/checkpoints/best.ckpt"


class Enough(Exception):  # noqa: N818 - that a run is stopped is no error
    """A learner_step was taken."""


class OneStep(Callback):
    """Stops a run after its first learner_step; on the command line, so after all other callbacks."""

    seen: Trainer | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.before = [parameter.detach().clone() for parameter in pl_module.parameters()]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        OneStep.seen = trainer
        pairs = zip(self.before, pl_module.parameters(), strict=True)
        assert not all(torch.equal(old, new) for old, new in pairs), "nothing was learnt"
        raise Enough


def files(game: str, names: str) -> list[str]:
    """The configs that are meant, as the command line takes them."""
    return [f"configs/{name if '/' in name else f'{game}/{name}'}.yaml" for name in names.split()]


def fit(game: str, names: str) -> list[str]:
    return ["fit", *(word for file in files(game, names) for word in ("-c", file))]


@pytest.fixture(scope="module")
def mk2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Words that put the stand-in into MK2's place, in a directory where a small fighter has been pretrained on it."""
    folder = tmp_path_factory.mktemp("mk2")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        patch.setenv("WANDB_MODE", "offline")
        words = [f"--data.game={mk2_standin(folder)}"]
        short = ["--data.max_env_steps=32", "--data.evaluation.every=32"]
        main([*fit("mk2", "pretrain"), *SMALL, TINY, *short, *words])
        yield words


def test_no_config_is_left_out() -> None:
    tried = {file for game, names in RUNS for file in files(game, names)} | {"configs/mk2/recommended.yaml"}
    tried |= {"configs/boxing/pretrain.yaml"}  # tests/games/test_boxing.py
    shipped = {path for path in (ROOT / "configs").rglob("*.yaml") if path.parent.name != "sweeps"}
    assert tried == {str(path.relative_to(ROOT)) for path in shipped}


@pytest.mark.parametrize(("game", "names"), RUNS)
def test_it_learns(game: str, names: str, mk2: list[str]) -> None:
    words = [*fit(game, names), *SMALL, TINY]
    if game == "mk2":
        words += mk2
    elif names != "pretrain":
        words += [f"--model.init_from={FIGHTER}"]  # the dojo's own is larger
    if names.endswith("ewc"):
        words += ["--trainer.callbacks.init_args.samples=8"]
    words += [f"--trainer.callbacks+={OneStep.__module__}.OneStep"]
    with pytest.raises(Enough):
        main(words)
    trainer: Any = OneStep.seen
    data = trainer.datamodule
    assert data.game.id == ("MortalKombatII-Genesis-v0" if game == "mk2" else "Dojo-Genesis-v0")
    assert trainer.global_step == 1
    assert trainer.lightning_module.env_steps == WARMUP + data.env_steps_per_learner_step
    assert data.length.env_steps == data.max_env_steps, "does not divide"
    assert data.length.rounding(data.max_env_steps, data.evaluation.every) is None, "does not divide"
    assert trainer.max_epochs == data.max_epochs


@pytest.mark.parametrize(("game", "per_epoch"), [("dojo", 48), ("mk2", 64)])
def test_the_recommended_recipe_from_end_to_end(
    game: str, per_epoch: int, mk2: list[str], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The dojo's from the fighter that ships; 100 env_steps with a validation every 60 are two epochs."""
    small = [*SMALL, f"--run_dir={game}", *([TINY, *mk2] if game == "mk2" else [])]
    main([*fit(game, "finetune recommended"), *small, "--data.max_env_steps=100", "--data.evaluation.every=60"])
    assert len([line for line in caplog.messages if line.startswith("the run trains for")]) == 1
    with Path(game, "metrics.csv").open() as file:
        validated = [float(row["env_steps"]) for row in csv.DictReader(file) if row["val/kept"]]
    assert validated[-2:] == [WARMUP + per_epoch, WARMUP + 2 * per_epoch]
    assert "VeryEasy" in Path(game, "report.html").read_text()
    best = str(Path(game, "checkpoints", "best.ckpt"))

    caplog.clear()
    (finetune,) = files(game, "finetune")
    main(["test", "-c", finetune, *small, "--ckpt_path", "best"])
    assert "initialised from" not in caplog.text
    tested = Path(f"{game}-test", "evaluation_epsilon_0.json")
    assert json.loads(tested.read_text())["policy"] == best
    main(["weak", str(tested), "--below", "0.7", "--out", f"{game}-weak.yaml"])
    weak = yaml.safe_load(Path(f"{game}-weak.yaml").read_text())["data"]["challenging_states"]
    data = yaml.safe_load((ROOT / finetune).read_text())["data"]
    assert sorted(weak) == sorted(data["original_states"] + data["challenging_states"]), "two env_steps win nothing"

    capfd.readouterr()
    main(["compare", f"{game}/before.json", f"{game}/after.json"])
    assert "Better on the challenging states?" in capfd.readouterr().out
    main(["predict", "-c", finetune, *small, "--ckpt_path", best])
    with Path(f"{game}-predict", "matches.csv").open() as file:
        assert {row["state"] for row in csv.DictReader(file)} == set(weak)
