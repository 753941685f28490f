from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mk_lightning.checkpointing.run_directory import RunDirectory
from mk_lightning.utils.errors import UserError


def save(path: Path, step: int = 0, weights_only: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"state_dict": {}, "global_step": step, "metrics_rows": 2 * step}
    torch.save(content if weights_only else content | {"optimizer_states": []}, path)
    return path


def test_a_fit_gets_a_directory_of_its_own(tmp_path):
    wanted = tmp_path / "run"
    for name in ("run", "run-2", "run-3"):
        run = RunDirectory.choose("fit", wanted, None)
        assert (run.path, run.checkpoint, run.resume_step) == (tmp_path / name, None, None)
        run.path.mkdir()


def test_numbers_are_compared_as_numbers_and_gaps_are_not_filled(tmp_path):
    for name in ("run", "run-9", "run-10", "run-test", "run-2b", "running-77"):
        (tmp_path / name).mkdir()
    assert RunDirectory.choose("fit", tmp_path / "run", None).path.name == "run-11"


@pytest.mark.parametrize("name", ["a[0]", "*", "it's a  run", "ü"])
def test_any_name_is_numbered(tmp_path, name):
    for expected in (name, f"{name}-2", f"{name}-3"):
        run, lease = RunDirectory.choose("fit", tmp_path / name, None).acquire()
        assert run.path == tmp_path / expected
        lease.release()


def test_a_link_that_leads_nowhere_is_left_alone(tmp_path):
    (tmp_path / "run").symlink_to(tmp_path / "gone")
    run, lease = RunDirectory.choose("fit", tmp_path / "run", None).acquire()
    lease.release()
    assert run.path == tmp_path / "run-2"
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("subcommand", ["validate", "test", "predict"])
def test_other_commands_write_beside_the_run(tmp_path, subcommand):
    checkpoint = save(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)
    for name in (f"run-{subcommand}", f"run-{subcommand}-2"):
        run = RunDirectory.choose(subcommand, tmp_path / "run", str(checkpoint))
        assert (run.path, run.checkpoint, run.resume_step) == (tmp_path / name, checkpoint, None)
        run.path.mkdir()


def test_a_resumed_fit_goes_on_where_its_checkpoint_lies(tmp_path):
    checkpoint = save(tmp_path / "elsewhere" / "checkpoints" / "last.ckpt", step=40)
    run = RunDirectory.choose("fit", tmp_path / "run", str(checkpoint))
    assert (run.path, run.checkpoint, run.resume_step) == (tmp_path / "elsewhere", checkpoint, 40)
    assert run.base is None


def test_last_is_that_of_the_newest_run_that_has_one(tmp_path):
    for name, step in (("run", 1), ("run-2", 2), ("run-10", 10)):
        save(tmp_path / name / "checkpoints" / "last.ckpt", step)
    (tmp_path / "run-11").mkdir()  # stopped before its first checkpoint
    run = RunDirectory.choose("fit", tmp_path / "run", "last")
    assert (run.path.name, run.resume_step) == ("run-10", 10)


def test_best_can_be_tested_but_not_resumed(tmp_path):
    best = save(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)
    assert RunDirectory.choose("test", tmp_path / "run", "best").checkpoint == best
    with pytest.raises(UserError, match=r"best.ckpt holds weights only.*--model.init_from .*best.ckpt"):
        RunDirectory.choose("fit", tmp_path / "run", "best")


@pytest.mark.parametrize(
    ("ckpt_path", "message"),
    [
        ("last", r"no last.ckpt in .*run/checkpoints"),
        ("nowhere/at-all.ckpt", r"no checkpoint nowhere/at-all.ckpt"),
    ],
)
def test_no_such_checkpoint(tmp_path, ckpt_path, message):
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match=message):
        RunDirectory.choose("fit", tmp_path / "run", ckpt_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run"], "something was made"


def test_names_with_brackets_are_names(tmp_path):
    wanted = tmp_path / "lr[1e-4]"
    for name in ("lr[1e-4]", "lr[1e-4]-2", "lr[1e-4]-3"):
        assert RunDirectory.choose("fit", wanted, None).path == tmp_path / name
        (tmp_path / name).mkdir()


def test_a_run_of_the_user_s_own_is_not_the_hundredth_of_another(tmp_path):
    mine = save(tmp_path / "exp" / "checkpoints" / "last.ckpt", step=1)
    save(tmp_path / "exp-100" / "checkpoints" / "last.ckpt", step=2)
    (tmp_path / "exp-100" / "config.yaml").write_text("run_dir: runs/exp-100\n")
    assert RunDirectory.choose("fit", tmp_path / "exp", "last").checkpoint == mine
    (tmp_path / "exp-100" / "config.yaml").write_text("run_dir: runs/exp\n")
    assert RunDirectory.choose("fit", tmp_path / "exp", "last").resume_step == 2


@pytest.mark.parametrize("path", ["last.ckpt", "link.ckpt"])
def test_a_checkpoint_named_from_its_own_folder_or_by_a_link_is_of_its_run(tmp_path, monkeypatch, path):
    save(tmp_path / "run" / "checkpoints" / "last.ckpt", step=3)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.ckpt").symlink_to(tmp_path / "run" / "checkpoints" / "last.ckpt")
    monkeypatch.chdir(tmp_path / ("run/checkpoints" if path == "last.ckpt" else "elsewhere"))
    assert RunDirectory.choose("fit", tmp_path / "other", path).path.resolve() == tmp_path / "run"
