"""Every mistake is one clear line, a non-zero exit, and nothing written."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.mistakes import PRETRAIN, fit, refuse

MISTAKES = {
    "state": (["--data.original_states", "[VeryEasy.Bramble-1]"], "VeryEasy.Bramble-01"),
    "training state": (["--data.train_states", "[VeryEasi.Ember-04]"], "VeryEasy.Ember-04"),
    "state in both groups": (
        ["--data.original_states", "[Easy.*]", "--data.challenging_states", "[Easy.Heron-06]"],
        "both",
    ),
    "game": (["--data.game", "Dojo-Genesi"], "Dojo-Genesis"),
    "game without its ROM": (["-c", "configs/mk2/pretrain.yaml"], "af6d2db16f2b76940ff5a9738f1e00c4e7ea485e"),
    "option": (["--data.max_env_step", "8"], "max_env_steps"),
    "nested option": (["--data.replay.capasity", "8"], "capacity"),
    "checkpoint": (["--model.init_from", "checkpoints/dojo-bse.ckpt"], "checkpoints/dojo-bse.ckpt"),
    "resumed checkpoint": (["--ckpt_path", "runs/nowhere/last.ckpt"], "runs/nowhere/last.ckpt"),
    "no last checkpoint": (["--ckpt_path", "last", "--run_dir", "runs/nowhere"], "runs/nowhere"),
    "config": (["-c", "configs/dojo/pretain.yaml"], "pretrain.yaml"),
    "freeze pattern": (
        ["--trainer.callbacks+=FreezeLayers", "--trainer.callbacks.patterns=[convolution]"],
        "did you mean 'convolutions'",
    ),
    "callback": (["--trainer.callbacks+=FreezLayers"], "FreezeLayers"),
    "negative env_steps": (["--data.max_env_steps", "-100"], "-100"),
    "negative learning rate": (["--model.learning_rate", "-0.1"], "-0.1"),
    "negative capacity": (["--data.replay.capacity", "-1"], "-1"),
    "negative seed": (["--seed_everything", "-1"], "-1"),
    "word for a number": (["--data.env.num_envs", "eight"], "eight"),
    "patience with W&B": (
        ["-c", "configs/logger/wandb.yaml", "--trainer.logger.patience=-1"],
        "patience must be above 0 s",
    ),
    "epsilon above 1": (["--data.epsilon", "1.5"], "1.5"),
    "no interval": (["--data.env_steps_per_learner_step", "0"], "between 1 and"),
    "monitor": (["--monitor", "val/win_rate/orignal"], "val/win_rate/original"),
    "two kinds of target update": (["--model.target_tau", "0.01"], "target_every"),
    "optimizer with a rate of its own": (
        ["--model.optimizer", "torch.optim.SGD", "--model.optimizer.lr", "0.5"],
        "model.learning_rate",
    ),
    "number of a callback": (
        ["--trainer.callbacks+=ForgettingGuard", "--trainer.callbacks.margin=2"],
        "margin must be",
    ),
    "phase that never ends": (
        ["--trainer.callbacks+=Curriculum", "--trainer.callbacks.phases=[{states: [original]}, {states: [original]}]"],
        "phase 1 never ends",
    ),
    "key of a phase": (
        ["--trainer.callbacks+=Curriculum", "--trainer.callbacks.phases=[{states: [original], win_rat: 0.5}]"],
        "no option 'win_rat'; did you mean 'win_rate'?",
    ),
    "argument of a callback": (
        ["--trainer.callbacks+=ForgettingGuard", "--trainer.callbacks.margn=0.1"],
        "trainer.callbacks: no option 'margn'; did you mean 'margin'?",
    ),
    "type of a callback's argument": (
        ["--trainer.callbacks+=ForgettingGuard", "--trainer.callbacks.margin=abc"],
        "trainer.callbacks.margin must be a number, got abc",
    ),
    "choice of a callback": (
        ["--trainer.callbacks+=ForgettingGuard", "--trainer.callbacks.action=wrn"],
        "trainer.callbacks.action must be one of 'warn', 'stop', 'restore', got wrn",
    ),
    "argument of a schedule": (
        ["--model.learning_rate=Linear", "--model.learning_rate.env_step=9"],
        "model.learning_rate: no option 'env_step'; did you mean 'env_steps'?",
    ),
    "methods that cancel each other": (
        ["--trainer.callbacks+=Kickstarting", "--trainer.callbacks+=Kickstarting"],
        "Kickstarting is there twice",
    ),
    "no such evaluation": (["--data.train_states", "[weakest 2 of nowhere.json]"], "no file nowhere.json"),
    "schedule": (["--model.learning_rate", "Linaer"], "Linear"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(
    mistake: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, hint = MISTAKES[mistake]
    assert hint in refuse(fit(hint, *arguments), tmp_path, capfd, monkeypatch)


def seconds_of_children() -> float:
    """Of processor time: how long a mistake takes must not depend on what else the machine does."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_a_mistake_takes_less_than_ten_seconds_and_leaves_a_non_zero_exit() -> None:
    command = [
        sys.executable,
        "-m",
        "mk_lightning",
        *PRETRAIN,
        "--data.original_states",
        "[VeryEasy.Brambel-01]",
    ]
    began = seconds_of_children()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert seconds_of_children() - began < 10
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
