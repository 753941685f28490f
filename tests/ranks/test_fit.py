"""A fit on two ranks: what is equal on both and what is not, and its checkpoints."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks._whole_run import differences, everything
from mk_lightning.experience.replay import COLUMNS
from tests.commands import PROGRAM
from tests.ranks.commands import ON, QUIET, ended, launch, run, write_config
from tests.ranks.watching import watched

METHODS = [
    {"class_path": "ElasticWeightConsolidation", "init_args": {"strength": 3.0, "samples": 16}},
    {"class_path": "Cloning", "init_args": {"batch_size": 4}},
    {"class_path": "Kickstarting", "init_args": {"distance": "mse", "batch_size": 4}},
    {"class_path": "WeaknessTargeting", "init_args": {"matches": 3, "every": 96}},
    {"class_path": "FreezeLayers", "init_args": {"patterns": ["value.*"], "unfreeze_at": {"features": 0.5}}},
    {"class_path": "ForgettingGuard", "init_args": {"action": "restore"}},
    {"class_path": "tests.ranks.watching.Watch"},
    {
        "class_path": "pytorch_lightning.callbacks.ModelCheckpoint",
        "init_args": {"every_n_train_steps": 5, "save_top_k": -1, "filename": "{step}"},
    },
]

FEW = {"mean_return": -1e6, "matches": 7}
CURRICULUM = {
    "class_path": "Curriculum",
    "init_args": {"phases": [{"states": ["VeryEasy.Bramble-01"], **FEW}, {"states": ["Hard.Scythe-03"]}]},
}


def apart(run: Path, other: Path) -> list[str]:
    """What two runs do not have in common, but where the second, a copy of the first, says where that was."""
    return [line for line in differences(everything(run), everything(other)) if "best_model_path" not in line]


def rows(run: Path) -> list[dict[str, str]]:
    """The metrics of a run."""
    return [*csv.DictReader((run / "metrics.csv").read_text().splitlines())]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_config(
        tmp_path_factory.mktemp("fit") / "c.yaml",
        METHODS,
        rehearsal_ratio=0.25,
        recording={"env_steps": 90},
    )


@pytest.fixture(scope="module")
def finished(config: Path) -> Path:
    """The directory of a finished run."""
    path = config.parent / "run"
    out, err = ended([launch("fit", "-c", config, "--run_dir", path)])
    assert out.count("run: ") == out.count("Another way to fight?") == 1
    assert "Warning" not in err
    assert err.count("will take at most") == err.count("shows how it does not win") == 1
    return path


def test_all_ranks_learn_the_same_from_what_each_has_played(finished: Path) -> None:
    """Weights, matches that count and figures are equal bit for bit; what is drawn is not."""
    one, other = watched(finished, 2)
    assert len(one) == 16
    for mine, theirs in zip(one, other, strict=True):
        assert mine["drawn"] != theirs["drawn"]
        assert {**mine, "drawn": None} == {**theirs, "drawn": None}
    assert len({noted["online"] for noted in one}) == 16, "nothing was learnt"
    assert sum(len(noted["finished"]) for noted in one) > 10


def test_env_steps_are_those_of_all_ranks(finished: Path) -> None:
    """Two ranks with two environments: warm-up of 40, 24 a learner_step, of which each environment plays 6."""
    one, _ = watched(finished, 2)
    assert [noted["env_steps"] for noted in one] == [40 + 24 * (step + 1) for step in range(16)]
    replay = torch.load(finished / "checkpoints/last.ckpt", weights_only=True)["ExperienceDataModule"]["replay"]
    assert replay["added"] == (40 + 24 * 17) / 4, "rows, those for the next batch among them"
    assert next(row["env_steps"] for row in rows(finished) if row["loss"]) == str(40.0 + 24 * 4)


def test_two_runs_are_compared_with_the_replays_of_all_ranks(finished: Path) -> None:
    columns = everything(finished)["replay"]
    one, other = columns[: len(COLUMNS)], columns[len(COLUMNS) :]
    assert len(one) == len(other)
    assert one[0] != other[0], "both have played the same frames"


def test_a_resumed_run_continues_bit_for_bit(config: Path, finished: Path, tmp_path: Path) -> None:
    """As if it had been killed in its second epoch, shortly after a checkpoint."""
    path = tmp_path / "run"
    shutil.copytree(finished, path)
    (path / "before_after.json").unlink()
    for file in [*(path / "checkpoints").glob("[lp]*.ckpt"), *path.glob("rank-*.jsonl")]:
        file.unlink()
    run(2, "fit", "-c", config, "--ckpt_path", path / "checkpoints/step=10.ckpt")
    assert apart(path, finished) == []
    assert watched(path, 2) == [noted[10:] for noted in watched(finished, 2)]


def test_a_run_is_resumed_in_another_directory_with_its_best(config: Path, finished: Path, tmp_path: Path) -> None:
    """Rank 0 fetches what the checkpoint names, and all go on from it alike."""
    path = tmp_path / "run"
    (path / "checkpoints").mkdir(parents=True)
    shutil.copy(finished / "checkpoints/step=10.ckpt", path / "checkpoints/last.ckpt")
    late = "--trainer.callbacks+=tests.ranks.watching.Late"
    run(2, "fit", "-c", config, "--ckpt_path", path / "checkpoints/last.ckpt", late)
    assert watched(path, 2) == [noted[10:] for noted in watched(finished, 2)]
    best, before = (torch.load(run / "checkpoints/best.ckpt")["state_dict"] for run in (path, finished))
    assert all(torch.equal(best[name], before[name]) for name in before)
    for name in ("evaluations.csv", "after.csv"):
        assert (path / name).read_bytes() == (finished / name).read_bytes()


def test_three_ranks_resume_bit_for_bit_too(tmp_path: Path) -> None:
    """A sum of three gradients depends on their order, which DDP would change after its first learner_step."""
    config = write_config(tmp_path / "c.yaml", [CURRICULUM, *METHODS[-2:]], max_env_steps=360, warmup_env_steps=48)
    words = ["fit", "-c", str(config), "--data.evaluation.every", "1.0"]
    out, err = run(3, *words, "--run_dir", tmp_path / "run")
    assert out.count("run: ") == 1
    phases = [row["curriculum/phase"] for row in rows(tmp_path / "run") if row["loss"]]
    assert phases[0] == "1.0"
    assert phases[-1] == "2.0", "no rank alone has played as many matches as end a phase"
    assert "find_unused_parameters" not in err
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    (tmp_path / "again/before_after.json").unlink()
    for file in (tmp_path / "again/checkpoints").glob("[lp]*.ckpt"):
        file.unlink()
    run(3, *words, "--ckpt_path", tmp_path / "again/checkpoints/step=10.ckpt")
    assert apart(tmp_path / "again", tmp_path / "run") == []


def test_another_number_of_ranks_is_refused(config: Path, finished: Path) -> None:
    last = finished / "checkpoints/last.ckpt"
    longer = ["--data.max_env_steps", "576", "--ckpt_path", str(last)]
    _, err = run(1, "fit", "-c", config, *longer, code=2)
    assert err.splitlines()[-1] == (
        "mk-lightning: error: the checkpoint is of a run on 2 ranks, this one has 1, and each rank has a replay and "
        "emulators of its own: resume with trainer.devices 2 (or that many over all nodes), or start another fit from "
        "its weights with model.init_from"
    )


def test_a_lost_part_of_another_rank_s_replay_is_noticed(config: Path, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    for path in (tmp_path / "run/replay").glob("*-rank-1.rows"):
        path.write_bytes(b"damaged")
    words = ["--run_dir", str(tmp_path / "run"), *ON[2], "--data.max_env_steps", "576", "--ckpt_path", "last"]
    _, err = run(1, "fit", "-c", config, *words, code=2)
    assert "rank-1.rows is damaged" in err
    assert err.count("error:") == 1


def test_torchrun_makes_the_same_run(config: Path, finished: Path, tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(PROGRAM)]
    words = [*torchrun, "fit", "-c", str(config), "--run_dir", str(tmp_path / "run"), *ON[2]]
    out = subprocess.check_output(words, text=True, timeout=300, env=os.environ | QUIET)
    assert out.count("run: ") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert differences(everything(tmp_path / "run"), everything(finished)) == []
