from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.next_round import evaluated_checkpoint, lost_states, told
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import SHIPPED
from tests.evaluation.test_compare import BEFORE, A, B, C

WEIGHTS = b"the weights that were evaluated"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's directory with a checkpoint and its evaluation, which names the checkpoint as it was given."""
    run = tmp_path / "somewhere" / "runs" / "mine"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "best.ckpt").write_bytes(WEIGHTS)
    return run


def evaluation(policy: str) -> Evaluation:
    return replace(BEFORE, policy=policy, sha256=hashlib.sha256(WEIGHTS).hexdigest())


def test_lost_states_come_weakest_first() -> None:
    assert lost_states(BEFORE) == [C]
    assert lost_states(BEFORE, 0.8) == [C, B]
    assert lost_states(BEFORE, 0.8, states=[A, B]) == [B]
    assert told(BEFORE, [C]) == f"{C} 10% of 40"


@pytest.mark.parametrize("policy", ["runs/mine/checkpoints/best.ckpt", "{run}/checkpoints/best.ckpt"])
@pytest.mark.parametrize("folder", [".", "runs/mine", "elsewhere"])
def test_a_checkpoint_is_found_from_anywhere(
    run: Path, policy: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = run.parents[1] / folder
    here.mkdir(exist_ok=True)
    monkeypatch.chdir(here)
    found = evaluated_checkpoint(evaluation(policy.format(run=run)), run / "after.json")
    assert found == str(run / "checkpoints" / "best.ckpt")


def test_a_run_that_was_moved_has_its_own(run: Path) -> None:
    moved = run.rename(run.parents[2] / "moved")
    found = evaluated_checkpoint(evaluation(f"{run}/checkpoints/best.ckpt"), moved / "after.json")
    assert found == str(moved / "checkpoints" / "best.ckpt")


def test_a_shipped_one_goes_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "checkpoints/dojo-base.ckpt"
    shipped = replace(BEFORE, policy=name, sha256=hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest())
    assert evaluated_checkpoint(shipped, tmp_path / "x.json") == name


def test_a_policy_of_no_file_has_none(tmp_path: Path) -> None:
    assert evaluated_checkpoint(replace(BEFORE, policy="untrained", sha256=""), tmp_path / "x.json") is None


def test_a_checkpoint_that_is_gone_or_another_by_now_is_refused(run: Path) -> None:
    best, file = run / "checkpoints" / "best.ckpt", run / "after.json"
    best.write_bytes(b"of a run that went on")
    with pytest.raises(UserError, match=r"best\.ckpt has been written anew since .*after\.json was made of it; test"):
        evaluated_checkpoint(evaluation(str(best)), file)
    best.unlink()
    with pytest.raises(UserError, match=r"best\.ckpt, which .*after\.json is of, is gone; test the checkpoint"):
        evaluated_checkpoint(evaluation(str(best)), file)
