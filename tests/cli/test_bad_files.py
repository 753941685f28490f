"""Checkpoints, recordings and Fisher information that cannot be used: they may come from anywhere."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.resume_checks import common
from mk_lightning.data.settings import EvaluationSettings, ReplaySettings
from mk_lightning.envs.config import EnvConfig
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.networks.checkpoint import about_network, read_checkpoint
from tests.cli.mistakes import Mistake, fit, refuse
from tests.networks.narrow import narrow

Files = Callable[[Path], object]
STATES = ["VeryEasy.Bramble-01"], ["VeryEasy.Heron-06"]
SMALL = [
    "--model.network=SmallDueling",
    "--model.network.hidden=16",
    f"--data.original_states={STATES[0]}",
    f"--data.challenging_states={STATES[1]}",
    "--data.train_states=null",
    "--data.replay.capacity=800",
]


class RunsCode:
    """Unpickled with nothing to prevent it, this makes a file where it stands."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


def weights(**options: Any) -> dict[str, Any]:
    """What a checkpoint of weights holds."""
    module = DuelingDoubleDQN(**{"network": narrow(16)} | options)
    content: dict[str, Any] = {"state_dict": module.state_dict(), "global_step": 7, "env_steps": 112, "epoch": 0}
    return content | {"network": about_network(module.online)}


def resumable(**changes: Any) -> dict[str, Any]:
    """What a fit resumes from, as far as it is looked at before anything starts."""
    env, replay = EnvConfig(max_env_steps=1500), ReplaySettings(capacity=800)
    evaluation = EvaluationSettings(every=40_000)
    data = ExperienceDataModule(
        "dojo", *STATES, env_steps_per_learner_step=16, reward_scale=20, seed=1, max_env_steps=40_000,
        env=env, replay=replay, evaluation=evaluation,
    )  # fmt: skip
    state = {"replay": {"shape": [100, 8]}, "segments": [], "common": common(data) | changes}
    state["folder"] = {"root": "nowhere", "number": 1}
    return weights() | {"optimizer_states": [], "ExperienceDataModule": state}


def saved(content: Any, name: str = "a.ckpt") -> Files:
    return lambda folder: torch.save(content, folder / name)


def mutated(change: Callable[[bytes], bytes]) -> Files:
    """A good checkpoint whose bytes are changed."""

    def files(folder: Path) -> None:
        torch.save(weights(), folder / "a.ckpt")
        raw = (folder / "a.ckpt").read_bytes()
        (folder / "a.ckpt").write_bytes(change(raw))

    return files


def compressed(folder: Path) -> None:
    """A good checkpoint as another program would pack it."""
    torch.save(weights(), folder / "b")
    with (
        zipfile.ZipFile(folder / "b") as whole,
        zipfile.ZipFile(folder / "a.ckpt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in whole.namelist():
            packed.writestr(name, whole.read(name))
    (folder / "b").unlink()


def changed(**entries: Any) -> Files:
    """A checkpoint with other weights under these names, dots as double underscores."""
    content = weights()
    content["state_dict"] |= {name.replace("__", "."): value for name, value in entries.items()}
    return saved(content)


def start(files: Files, hint: str) -> Mistake:
    return fit(hint, *SMALL, "--model.init_from=a.ckpt", files=files)


def evaluate(files: Files, hint: str) -> Mistake:
    config = ["-c", "configs/dojo/pretrain.yaml"]
    return Mistake(["test", *config, *SMALL, "--ckpt_path=a.ckpt"], hint, files)


def resume(files: Files, hint: str, *words: str) -> Mistake:
    return fit(hint, *SMALL, *words, "--ckpt_path", "a.ckpt", files=files)


CHECKPOINTS = {
    "none": fit("no checkpoint a.ckpt; there: b.ckpt", "--model.init_from=a.ckpt", files=saved(weights(), "b.ckpt")),
    "directory": start(lambda folder: (folder / "a.ckpt").mkdir(), "is a directory, not a checkpoint"),
    "empty": start(mutated(lambda raw: b""), "it is empty"),
    "text": start(mutated(lambda raw: b"hello\n"), "never written by torch.save"),
    "half": start(mutated(lambda raw: raw[: len(raw) // 2]), "it is cut short"),
    "without its end": start(mutated(lambda raw: raw[:-1]), "is not a readable checkpoint"),
    "a byte flipped": start(
        mutated(lambda raw: raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 1]) + raw[len(raw) // 2 + 1 :]),
        "damaged",
    ),
    "zipped again": start(compressed, "compressed parts"),
    "another zip": start(
        lambda folder: zipfile.ZipFile(folder / "a.ckpt", "w").writestr("x", "y"), "is not a readable checkpoint"
    ),
    "plain pickle": start(mutated(lambda raw: pickle.dumps(weights())), "never written by torch.save"),
    "code in a pickle": start(mutated(lambda raw: pickle.dumps(RunsCode(), 2)), "never written by torch.save"),
    "code": start(saved(RunsCode()), "names posix.system, which is neither a tensor nor plain Python"),
    "code among weights": start(saved(weights() | {"callbacks": RunsCode()}), "nothing of it was run"),
    "code in a test": evaluate(saved(weights() | {"callbacks": RunsCode()}), "nothing of it was run"),
    "code in a resume": resume(saved(resumable() | {"loops": RunsCode()}), "nothing of it was run"),
    "a module": start(saved(torch.nn.Linear(1, 1)), "nothing of it was run"),
    "list": start(saved([1]), "it has no state_dict"),
    "no state_dict": start(saved({"weights": 1}), "it has no state_dict"),
    "state_dict of numbers": start(saved({"state_dict": {"online.x": 1.0}}), "is no tensor with a name"),
    "no weights": start(saved({"state_dict": {}}), "does not fit the network (0 parameters matched; missing"),
    "nan": start(
        changed(online__value__bias=torch.full((1,), torch.nan)), "online.value.bias has values that are not finite"
    ),
    "whole numbers": start(changed(online__value__bias=torch.zeros(1, dtype=torch.int64)), "is of type torch.int64"),
    "sparse": start(changed(online__value__bias=torch.zeros(1).to_sparse()), "is not a plain tensor"),
    "claims": start(changed(online__value__bias=torch.zeros(1).expand(10**12)), "which are not in the file"),
    "parameter too many": start(changed(online__more=torch.zeros(1)), "unexpected: more"),
    "env_steps": start(saved(weights() | {"env_steps": -3}), "its env_steps is -3"),
    "another width": start(saved(weights(network=narrow(8))), "of another shape: features.1.weight"),
    "other actions": start(saved(weights(num_actions=5)), "of another shape: advantage.weight"),
    "another width in a test": evaluate(saved(weights(network=narrow(8))), "the checkpoint's network is"),
    "parameter missing in a test": evaluate(saved({"state_dict": {}}), "does not fit the network"),
    "options in a test": evaluate(
        saved(weights(network=narrow(8)) | {"hyper_parameters": {"hidden": 8}}), "the checkpoint's network is"
    ),
    "lying about its network": evaluate(
        saved(
            weights(network=narrow(8))
            | {"network": {"num_actions": 26, "hidden": 16, "class": "mk_lightning.SmallDueling"}}
        ),
        "does not fit the network",
    ),
}

RESUMED = {
    "weights only": resume(saved(weights()), "holds weights only, a fit cannot be resumed from it"),
    "no global_step": resume(saved(resumable() | {"global_step": None}), "its global_step is None"),
    "no replay": resume(saved(weights() | {"optimizer_states": []}), "has no replay"),
    "another width": resume(saved(resumable()), "the checkpoint's network is", "--model.network.hidden=8"),
    "seed": resume(
        saved(resumable()), "seed_everything of the checkpoint is 1, this config's 2", "--seed_everything=2"
    ),
    "num_envs": resume(saved(resumable()), "num_envs of the checkpoint is 8, this config's 4", "--data.env.num_envs=4"),
    "capacity": resume(saved(resumable()), "capacity of the checkpoint is 800", "--data.replay.capacity=900"),
    "priorities": resume(
        saved(resumable()),
        "priorities of the checkpoint is False, this config's True",
        "--data.replay.priorities={alpha: 0.5}",
    ),
    "frame_skip": resume(saved(resumable()), "frame_skip of the checkpoint is 4", "--data.env.frame_skip=3"),
    "reward": resume(
        saved(resumable()),
        "reward of the checkpoint is mk_lightning.envs.rewards.DamageReward(), this config's tests.envs.own_rewards.Advance",
        "--data.env.reward=tests.envs.own_rewards.Advance",
    ),
    "game": resume(
        saved(resumable(**{"data.game": "MortalKombatII-Genesis-v0"})),
        "data.game of the checkpoint is Mortal",
    ),
    "states": resume(
        saved(resumable()), "data.challenging_states of the checkpoint", "--data.challenging_states=[Hard.Scythe-03]"
    ),
    "segment elsewhere": resume(
        saved(resumable() | {"ExperienceDataModule": {"replay": {}, "segments": [{"file": "../x"}]}}), "'../x'"
    ),
    "shape of an older one": resume(
        saved(
            resumable()
            | {
                "ExperienceDataModule": {
                    "replay": {"shape": [3, 3]},
                    "segments": [],
                    "folder": {"root": "x", "number": 1},
                }
            }
        ),
        "[3, 3] rows x environments",
    ),
}

EWC = ["--trainer.callbacks+=ElasticWeightConsolidation", "--trainer.callbacks.files=[fisher.pt]"]


def ewc(content: Any, hint: str) -> Mistake:
    return fit(hint, *SMALL, *EWC, files=saved(content, "fisher.pt"))


TENSORS = {
    "Fisher information with code": ewc({"fisher": RunsCode()}, "nothing of it was run"),
    "Fisher information of nothing": ewc({}, "fisher.pt is not of this network"),
    "Fisher information in a list": ewc([1], "fisher.pt is not of this network"),
    "Fisher information of numbers": ewc(
        {"fisher": {"value.bias": 1.0}, "anchor": 3}, "fisher.pt is not of this network"
    ),
    "text for Fisher information": fit(
        "is not a readable Fisher information", *SMALL, *EWC, files=lambda f: (f / "fisher.pt").write_text("x")
    ),
    "recording with code": fit(
        "nothing of it was run",
        *SMALL,
        *("--data.rehearsal_ratio=0.25", "--data.recording.folder=r"),
        files=lambda f: ((f / "r").mkdir(), torch.save({"about": RunsCode()}, f / "r" / "recording.pt")),
    ),
    "recording of another game": fit(
        "holds another recording (game: x",
        *SMALL,
        *("--data.rehearsal_ratio=0.25", "--data.recording.folder=r"),
        files=lambda f: ((f / "r").mkdir(), torch.save({"about": {"game": "x"}}, f / "r" / "recording.pt")),
    ),
    "recording of nothing": fit(
        "is not a readable recording",
        *SMALL,
        *("--data.rehearsal_ratio=0.25", "--data.recording.folder=r"),
        files=lambda f: ((f / "r").mkdir(), torch.save([1], f / "r" / "recording.pt")),
    ),
    "folder of a recording": fit(
        "data.recording.folder", *SMALL, "--data.recording.folder=f/x", files=lambda f: (f / "f").write_text("")
    ),
}


MISTAKES = {
    f"{kind}: {name}": mistake
    for kind, mistakes in {
        "checkpoint": CHECKPOINTS, "resumed": RESUMED, "tensors": TENSORS,
    }.items()
    for name, mistake in mistakes.items()
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_it_is_refused_in_one_line(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MISTAKES[name].hint in refuse(MISTAKES[name], tmp_path, capfd, monkeypatch)
    assert not (tmp_path / "ran").exists()


def test_the_code_would_have_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the tests above would prove nothing."""
    monkeypatch.chdir(tmp_path)
    torch.save(RunsCode(), "a.ckpt")
    torch.load("a.ckpt", weights_only=False)
    assert (tmp_path / "ran").exists()


def test_a_good_file_is_taken(tmp_path: Path) -> None:
    torch.save(resumable(), tmp_path / "a.ckpt")
    assert read_checkpoint(tmp_path / "a.ckpt")["global_step"] == 7
