"""A reward of the user's own trains, is evaluated, recorded and filmed, by YAML and by Python, and stays the run's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import yaml

import mk_lightning as mk
from benchmarks._whole_run import differences, everything
from mk_lightning.cli.main import main
from mk_lightning.data.base_play import about_recording
from mk_lightning.data.resume_checks import check_resumable, common
from mk_lightning.experience.base_dataset import Recording
from tests.envs.own_rewards import Advance, Weighted
from tests.networks.narrow import narrow
from tests.test_resume import fit

MODULE = """
from dataclasses import dataclass
import mk_lightning as mk

@dataclass(frozen=True)
class Walked(mk.Reward):
    per_pixel: float = 1.0

    def __call__(self, before, after, full_health):
        return self.per_pixel * (after.variables["x_position"] - before.variables["x_position"])
"""
"""A match's return is the way from where the agent began to where it ended."""
PIXEL = 0.375
WALKED = f"rewards_beside_the_config.Walked(per_pixel={PIXEL})"

REWARD = {"class_path": "rewards_beside_the_config.Walked", "init_args": {"per_pixel": PIXEL}}
SETTINGS: dict[str, Any] = {
    # Or nobody walks before the match is cut off.
    "env": {"reward": REWARD, "frame_skip": 4, "max_noops": 30, "max_env_steps": 25},
    "env_steps_per_learner_step": 8,
    "reward_scale": 2.0,
    "rehearsal_ratio": 0.25,
    "recording": {"env_steps": 90},
}


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working directory, with the reward's module in it: the command line finds it there."""
    folder = tmp_path_factory.mktemp("own_reward")
    (folder / "rewards_beside_the_config.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """A fit by YAML, of two epochs."""
    fit(folder / "run", SETTINGS, [])
    return folder / "run"


def ways(evaluation: mk.Evaluation) -> list[int]:
    """Pixels from where the agent began to where it ended, in each match, played again in this process."""
    found = []
    with closing(mk.FightingEnv("dojo", config=evaluation.config)) as env:
        for match in evaluation.matches:
            _, first = env.reset(seed=match.seed, options={"state": match.state})
            for action in evaluation.played(match):
                *_, last = env.step(int(action))
            found.append(last["x_position"] - first["x_position"])
    return found


def test_what_it_pays_is_what_the_ram_says(run: Path) -> None:
    for when in ("before", "after"):
        evaluation = mk.Evaluation.read(run / f"{when}.json")
        pixels = ways(evaluation)
        assert len(set(pixels)) > 1
        assert [match.reward for match in evaluation.matches] == [PIXEL * way for way in pixels]
        assert evaluation.env["reward"] == WALKED


def test_it_is_learned_from(run: Path) -> None:
    """In learning units, half of a game unit each; what damage is worth is seldom a multiple of a pixel's."""
    recording = Recording.load(run / "recording", {"reward": WALKED}, n_step=3, gamma=0.9)
    assert recording is not None
    played = np.frombuffer(everything(run)["replay"][2], np.float32)
    for rewards in (played, recording.replay.rewards):
        pixels = rewards / (PIXEL / 2)
        assert (pixels == pixels.round()).all()
        assert -50 < pixels.min() < pixels.max() < 50
        assert len(np.unique(pixels)) > 3


def test_the_config_of_a_run_names_it(run: Path) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["data"]["env"]["reward"] == REWARD


def test_a_resumed_run_is_the_run(run: Path, folder: Path) -> None:
    fit(folder / "resumed", SETTINGS | {"max_env_steps": 160}, [])
    fit(folder / "resumed", SETTINGS, [], "--ckpt_path", "last")
    assert differences(everything(folder / "resumed"), everything(run)) == []


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (REWARD | {"init_args": {"per_pixel": 0.25}}, "rewards_beside_the_config.Walked(per_pixel=0.25)"),
        ({"class_path": "tests.envs.own_rewards.Advance"}, "tests.envs.own_rewards.Advance(per_pixel=1)"),
        ({"class_path": "DamageReward"}, "mk_lightning.envs.rewards.DamageReward()"),
    ],
)
def test_a_run_is_not_resumed_with_another(
    run: Path, other: dict[str, Any], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(run)
    with pytest.raises(SystemExit):
        fit(run, SETTINGS | {"max_env_steps": 480, "env": {"reward": other}}, [], "--ckpt_path", "last")
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"data.env.reward of the checkpoint is {WALKED}, this config's {named}: a run is resumed" in said
    assert differences(everything(run), before) == []


def test_a_prediction_is_filmed_with_it(run: Path, folder: Path) -> None:
    words = ["-c", str(run / "config.yaml"), "--ckpt_path", str(run / "checkpoints/best.ckpt"), "--film.matches", "1"]
    main(["predict", *words, "--run_dir", str(folder / "films"), "--film.format", "gif"])
    for trace in (folder / "films/films").glob("*.jsonl"):
        moments = [json.loads(line) for line in trace.read_text().splitlines()]
        places = [moment["variables"]["x_position"] for moment in moments]
        assert [moment["reward"] for moment in moments[1:]] == (PIXEL * np.diff(places)).tolist()
        assert moments[-1]["return"] == sum(moment["reward"] for moment in moments)


def new_data(reward: mk.Reward, **settings: Any) -> mk.ExperienceDataModule:
    env = mk.EnvConfig(num_envs=2, max_env_steps=25, reward=reward)
    return mk.ExperienceDataModule(
        "dojo",
        original_states=["VeryEasy.Bramble-01"],
        challenging_states=["Hard.Scythe-03"],
        max_env_steps=160,
        warmup_env_steps=40,
        env_steps_per_learner_step=8,
        reward_scale=120,
        env=env,
        replay=mk.ReplaySettings(capacity=220, n_step=3, gamma=0.5, batch_size=8),
        recording=mk.RecordingSettings(env_steps=90),
        evaluation=mk.EvaluationSettings(every=160, matches=1, test_matches=1),
        **settings,
    )


class Seen(pl.Callback):
    """What the learner was given."""

    def __init__(self) -> None:
        self.rewards: set[float] = set()
        self.ended: list[mk.EpisodeResult] = []

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, *_: Any) -> None:
        self.rewards.update(batch.transition.r_t.tolist())
        self.ended.extend(batch.finished)


def test_a_script_trains_by_it(tmp_path: Path) -> None:
    """Closed forms: an env_step pays a quarter of 120; of one, two or three a quarter of 1, 1.5 or 1.75 is learned."""
    seen, measured = Seen(), mk.BeforeAfter()
    data = new_data(Weighted(parts=[], price=-0.25))
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=data.max_epochs, default_root_dir=tmp_path, logger=mk.MetricsCSV(tmp_path),
        callbacks=[seen, measured], num_sanity_val_steps=0, enable_progress_bar=False, enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(mk.DuelingDoubleDQN(network=narrow(16)), data)
    assert seen.rewards == {1.75 / 4, 1.5 / 4, 1 / 4}
    assert [result.episode_return for result in seen.ended] == [30 * result.env_steps for result in seen.ended]
    for evaluation in (measured.before, measured.after):
        assert evaluation is not None
        assert [match.reward for match in evaluation.matches] == [25 * 30, 25 * 30]


def test_a_checkpoint_from_before_there_was_another_goes_on_with_the_default() -> None:
    plain, own = new_data(mk.DamageReward()), new_data(Advance())
    state: dict[str, Any] = {"replay": {"shape": [110, 2]}, "segments": [], "common": common(plain)}
    del state["common"]["data.env.reward"]
    check_resumable(plain, state)
    said = (
        "EnvConfig.reward of the checkpoint is mk_lightning.envs.rewards.DamageReward(), this config's "
        "tests.envs.own_rewards.Advance(per_pixel=1)"
    )
    for older in (state, state | {"common": None}):
        check_resumable(plain, older)
        with pytest.raises(mk.UserError) as caught:
            check_resumable(own, older)
        assert str(caught.value).startswith(said)


def test_a_recording_is_one_reward_s(run: Path, tmp_path: Path) -> None:
    """One that names none, as before there was another, is the default's."""
    network = mk.NatureDueling(26, hidden=8)
    plain = about_recording(new_data(mk.DamageReward()), network)
    own = about_recording(new_data(Advance()), network)
    assert "reward" not in plain
    assert own == plain | {"reward": "tests.envs.own_rewards.Advance(per_pixel=1)"}
    content = torch.load(run / "recording/recording.pt", weights_only=True)
    for kept, wanted, said in (
        (plain, own, r"reward: mk_lightning.envs.rewards.DamageReward\(\), this run's tests.envs.own_rewards.Advance"),
        (own, plain, r"reward: tests.envs.own_rewards.Advance\(per_pixel=1\), this run's mk_lightning.envs"),
    ):
        shutil.copytree(run / "recording", tmp_path, dirs_exist_ok=True)
        torch.save(content | {"about": kept}, tmp_path / "recording.pt")
        assert Recording.read(tmp_path, kept) is not None
        with pytest.raises(mk.UserError, match=said):
            Recording.read(tmp_path, wanted)
