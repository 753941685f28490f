"""A run is a function of config and seed, and a resumed run continues it bit for bit.

Everything through the command line, in this process, on the shipped game; tiny networks and short matches.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from benchmarks._whole_run import differences, everything
from mk_lightning.cli.main import main
from tests.loggers.test_tensor_board import curves

CONFIG: dict[str, Any] = {
    "seed_everything": 3,
    "model": {
        "network": {"class_path": "SmallDueling", "init_args": {"hidden": 16}},
        "target_every": 9,
        "learning_rate": {"class_path": "Linear", "init_args": {"start": 1e-3, "end": 1e-4, "env_steps": 300}},
    },
    "data": {
        "game": "dojo",
        "original_states": ["VeryEasy.Bramble-01"],
        "challenging_states": ["Hard.Scythe-03"],
        "max_env_steps": 320,
        "warmup_env_steps": 40,
        "env_steps_per_learner_step": 16,
        "epsilon": {"class_path": "Linear", "init_args": {"start": 1.0, "end": 0.1, "env_steps": 300}},
        "env": {"num_envs": 2, "frame_skip": 2, "max_env_steps": 15},
        "replay": {"capacity": 220, "n_step": 3, "batch_size": 8},
        "evaluation": {"every": 160, "matches": 1, "test_matches": 1, "test_epsilons": [0.2]},
    },
    "trainer": {
        "accelerator": "cpu",
        "gradient_clip_val": 10.0,
        "log_every_n_steps": 4,
        "callbacks": [
            {
                "class_path": "pytorch_lightning.callbacks.ModelCheckpoint",
                "init_args": {"every_n_train_steps": 5, "save_top_k": -1, "filename": "{step}"},
            }
        ],
    },
}
"""Two epochs of 10 learner_steps; the replay wraps around; checkpoints also within epochs. Most of what a tiny run
costs are learner_steps, decisions and frames, so that there are few, and an env_step has two."""

METHODS = [
    {"class_path": "ElasticWeightConsolidation", "init_args": {"strength": 3.0, "samples": 16}},
    {"class_path": "Cloning", "init_args": {"batch_size": 4}},
    {"class_path": "Kickstarting", "init_args": {"distance": "mse", "batch_size": 4}},
    {"class_path": "WeightDecay", "init_args": {"rate": 0.1, "kind": "l2_sp"}},
    {"class_path": "FreezeLayers", "init_args": {"unfreeze_at": {"convolutions": 150}}},
]
AVERAGE = {"class_path": "pytorch_lightning.callbacks.WeightAveraging"}
VARIANTS: dict[str, tuple[dict, list, tuple[int, ...]]] = {
    "overlap, prioritised": ({"replay": {"priorities": {"alpha": 0.6, "beta": 0.5}}}, [], (10,)),
    "turns, uniform, a vector env_step that is no whole learner_step's": (
        {"overlap": False, "env": {"num_envs": 3}},
        [],
        (15,),
    ),
    "every method that holds on, and an average": (
        {"rehearsal_ratio": 0.25, "recording": {"env_steps": 90}},
        [*METHODS, AVERAGE],
        (5,),
    ),
}
"""Settings, callbacks, and the learner_steps from which a run is resumed: within an epoch of ten, or on its last,
when the validation is still to come."""


def fit(run: Path, data: dict, callbacks: list, *words: str) -> None:
    config = json.loads(json.dumps(CONFIG))
    config["trainer"]["callbacks"] += callbacks
    for key, value in data.items():
        config["data"][key] = config["data"].get(key, {}) | value if isinstance(value, dict) else value
    path = run.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(config))
    main(["fit", "-c", str(path), "--run_dir", str(run), *words])


@pytest.fixture(scope="module", params=VARIANTS)
def uninterrupted(request, tmp_path_factory):
    """A finished run, what it left, and its variant."""
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    data, callbacks, steps = VARIANTS[request.param]
    fit(run, data, callbacks)
    return run, everything(run), data, callbacks, steps


def shown(run: Path) -> dict[str, set[tuple[int, float]]]:
    """TensorBoard's curves; a checkpoint's own env_steps have their validation twice, the same."""
    return {name: set(points) for name, points in curves(run).items()}


@pytest.mark.parametrize("uninterrupted", ["overlap, prioritised"], indirect=True)
def test_the_same_command_twice(uninterrupted, tmp_path):
    """Of the other variants a run in two parts is the same, which no run is that differs by itself."""
    _, expected, data, callbacks, _ = uninterrupted
    fit(tmp_path / "run", data, callbacks)
    assert differences(everything(tmp_path / "run"), expected) == []
    losses = [row["loss"] for row in csv.DictReader(expected["metrics"].splitlines()) if row["loss"]]
    assert len(losses) == len(set(losses)) == 5, "nothing was learnt or nothing written"


def test_stopped_half_way_and_resumed(uninterrupted, tmp_path):
    _, expected, data, callbacks, _ = uninterrupted
    fit(tmp_path / "run", data | {"max_env_steps": 160}, callbacks)
    fit(tmp_path / "run", data, callbacks, "--ckpt_path", "last")
    assert differences(everything(tmp_path / "run"), expected) == []


def test_resumed_in_the_middle_of_an_epoch(uninterrupted):
    """As if it had been killed shortly after that checkpoint; the metrics have gone on a little further."""
    run, expected, data, callbacks, steps = uninterrupted
    board = shown(run)
    for step in steps:
        (run / "before_after.json").unlink()
        for path in (run / "checkpoints").glob("*.ckpt"):
            if path.stem not in {f"step={step}", "best"}:
                path.unlink()
        fit(run, data, callbacks, "--ckpt_path", str(run / "checkpoints" / f"step={step}.ckpt"))
        assert differences(everything(run), expected) == []
        assert shown(run) == board, "what came after the checkpoint is shown beside what the resumed run made of it"


def test_the_best_checkpoint_holds_weights_only(uninterrupted):
    best = torch.load(uninterrupted[0] / "checkpoints" / "best.ckpt", weights_only=True)
    assert {name.split(".")[0] for name in best["state_dict"]} == {"online"}
    assert not best.keys() & {"optimizer_states", "callbacks", "ExperienceDataModule"}


@pytest.fixture(scope="module")
def without_methods(tmp_path_factory):
    """A run that began without any method."""
    run = tmp_path_factory.mktemp("without_methods") / "run"
    fit(run, {"max_env_steps": 160}, [])
    return run


@pytest.mark.parametrize("method", METHODS[:4], ids=lambda method: method["class_path"])
def test_a_method_that_requires_initial_state_cannot_come_later(without_methods, method, capsys):
    before = everything(without_methods)
    with pytest.raises(SystemExit):
        fit(without_methods, {}, [method], "--ckpt_path", "last")
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"{method['class_path']} holds on to how a run began, and the checkpoint's began without it" in said
    assert differences(everything(without_methods), before) == []


def test_rewards_of_another_scale_are_refused(without_methods, capsys):
    with pytest.raises(SystemExit):
        fit(without_methods, {"reward_scale": 7}, [], "--ckpt_path", "last")
    assert "data.reward_scale of the checkpoint is" in capsys.readouterr().err


def test_another_optimizer_is_refused(without_methods, capsys):
    before = everything(without_methods)
    with pytest.raises(SystemExit):
        fit(without_methods, {}, [], "--model.optimizer", "torch.optim.SGD", "--ckpt_path", "last")
    said = capsys.readouterr().err.splitlines()[-1]
    assert "optimizer of the checkpoint is torch.optim.adam.Adam, this config's torch.optim.sgd.SGD" in said
    assert differences(everything(without_methods), before) == []


def test_rehearsal_cannot_come_later(without_methods, capsys):
    with pytest.raises(SystemExit):
        fit(without_methods, {"rehearsal_ratio": 0.25}, [], "--ckpt_path", "last")
    assert "rehearsal_ratio is 0.25, but the checkpoint's run began without a recording" in capsys.readouterr().err


def test_a_recording_that_is_gone_is_not_made_again_by_another_fighter(tmp_path, capsys):
    data = {"rehearsal_ratio": 0.25, "recording": {"env_steps": 90}}
    fit(tmp_path / "run", data | {"max_env_steps": 160}, [])
    with pytest.raises(SystemExit):
        fit(tmp_path / "run", data | {"recording": {"env_steps": 91}}, [], "--ckpt_path", "last")
    assert "data.recording.env_steps of the checkpoint's recording is 90, this config's 91" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "run" / "recording")
    with pytest.raises(SystemExit):
        fit(tmp_path / "run", data, [], "--ckpt_path", "last")
    assert f"recording of the base policy's play is not in {tmp_path / 'run/recording'} any more" in (
        capsys.readouterr().err
    )
