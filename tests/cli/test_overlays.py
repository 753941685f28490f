"""What the overlays for learning rate, exploration, freezing, weight decay and checkpoints set, built as in a run."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback

from mk_lightning.callbacks.methods.freeze import FreezeLayers
from mk_lightning.callbacks.methods.weight_decay import WeightDecay
from mk_lightning.experience.transition import Progress
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.loggers.metrics_csv import MetricsCSV
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.schedules import Schedule
from tests.callbacks import tiny

CONFIGS = Path(__file__).parents[2] / "configs"
GAMES = ["dojo", "mk2"]


def read(game: str, name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((CONFIGS / game / f"{name}.yaml").read_text())
    return config


def built(kind: type, config: dict[str, Any]) -> Any:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--it", type=kind)
    return parser.instantiate_classes(parser.parse_object({"it": config})).it


def callback(game: str, name: str) -> Any:
    (config,) = read(game, name)["trainer"]["callbacks+"]
    return built(Callback, config)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("lr-conservative", {0.0: 5e-5, 0.5: 2.55e-5, 1.0: 1e-6}),
        ("lr-adaptive", {0.0: 1e-4, 0.5: 5.5e-5, 1.0: 1e-5}),
        ("lr-cyclical", {0.0: 5e-5, 0.125: 7.5e-5, 0.25: 1e-4, 0.5: 5e-5, 0.75: 1e-4, 1.0: 5e-5}),
    ],
)
def test_learning_rates_over_the_run(game: str, name: str, rates: dict[float, float]) -> None:
    schedule = built(Schedule, read(game, name)["model"]["learning_rate"])
    of_run = schedule.over(1000)
    assert {fraction: of_run(round(fraction * 1000)) for fraction in rates} == pytest.approx(rates)


@pytest.mark.parametrize("game", GAMES)
def test_the_warmup_leaves_the_rate_and_is_a_small_part_of_the_run(game: str) -> None:
    model = read(game, "lr-warmup")["model"]
    assert list(model) == ["learning_rate_warmup"]
    assert 0.01 < model["learning_rate_warmup"] < 0.2


@pytest.mark.parametrize("game", GAMES)
def test_exploration_falls_from_a_tenth_to_a_hundredth(game: str) -> None:
    epsilon = built(Schedule, read(game, "explore-less")["data"]["epsilon"]).over(1000)
    length = round(1000 * read(game, "finetune")["data"]["epsilon"]["init_args"]["env_steps"])
    assert [epsilon(0), epsilon(length // 2), epsilon(length)] == pytest.approx([0.1, 0.055, 0.01], rel=1e-2)


@pytest.mark.parametrize("game", GAMES)
def test_what_is_frozen(game: str) -> None:
    module = DuelingDoubleDQN(num_actions=3, network=partial(NatureDueling, hidden=2))
    freezers = {name: callback(game, name) for name in ("freeze", "freeze-features", "unfreeze")}
    assert all(isinstance(freezer, FreezeLayers) for freezer in freezers.values())

    def layers(name: str, fraction: float = 0.0) -> set[str]:
        progress = Progress(round(1000 * fraction), 0, 1000)
        return {parameter.rpartition(".")[0] for parameter in freezers[name].frozen_names(module, progress)}

    convolutions = {"convolutions.0", "convolutions.2", "convolutions.4"}
    assert layers("freeze") == convolutions
    assert layers("freeze-features") == layers("unfreeze") == convolutions | {"features.1"}
    times = list(freezers["unfreeze"].unfreeze_at.values())
    stages = [layers("unfreeze", fraction) for fraction in times]
    assert stages == [convolutions, convolutions - {"convolutions.4"}, {"convolutions.0"}, set()]
    data = read(game, "finetune")["data"]
    assert data["warmup_env_steps"] < times[0] < times[-1] < 1


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize(("name", "kind"), [("weight-decay", "decoupled"), ("l2", "l2"), ("l2-sp", "l2_sp")])
def test_which_weights_decay(game: str, name: str, kind: str) -> None:
    decay, module = callback(game, name), DuelingDoubleDQN(num_actions=3, network=partial(NatureDueling, hidden=2))
    assert isinstance(decay, WeightDecay)
    assert decay.kind == kind
    assert len(decay.decayed_names(module)) == 6


def test_both_games_lose_as_much_by_decay() -> None:
    """The longer run has the lower rate: a weight without a gradient loses a few hundredths of itself in either."""
    lost = {}
    for game in GAMES:
        config = read(game, "finetune")
        data = config["data"]
        rate = built(Schedule, config["model"]["learning_rate"]).over(data["max_env_steps"])
        first, per_step = round(data["warmup_env_steps"] * data["max_env_steps"]), data["env_steps_per_learner_step"]
        total = sum(rate(t) for t in range(first + per_step, first + data["max_env_steps"] + 1, per_step))
        lost[game] = 1 - math.exp(-callback(game, "weight-decay").rate * total)
    assert lost == {"dojo": pytest.approx(0.06, abs=0.01), "mk2": pytest.approx(0.06, abs=0.01)}


@pytest.mark.parametrize("game", GAMES)
def test_checkpoints_of_weights_lie_in_the_run_s_folder(game: str, tmp_path: Path) -> None:
    (config,) = read(game, "checkpoints")["trainer"]["callbacks+"]
    data = read(game, "finetune")["data"]
    every = config["init_args"]["every_n_train_steps"]
    assert 1 < data["max_env_steps"] / data["env_steps_per_learner_step"] / every < 20
    config["init_args"]["every_n_train_steps"] = 2
    module = tiny.Tiny(torch.optim.Adam)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        default_root_dir=tmp_path,
        logger=[MetricsCSV(tmp_path)],
        callbacks=[built(Callback, config)],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, tiny.TinyBatches(7))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.ckpt")) == [
        "checkpoints/step=2.ckpt",
        "checkpoints/step=4.ckpt",
        "checkpoints/step=6.ckpt",
    ]
