"""A fit that EarlyStopping has ended stays ended; every validation of these is won, so the second brings nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytorch_lightning.callbacks import EarlyStopping

from mk_lightning.learning.early_stopping import ended_early, say_why_it_ended
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import UserError
from tests.lightning.probe import BATCHES, Played, fit, new_module, new_trainer


def stopping(patience: int) -> EarlyStopping:
    return EarlyStopping("val/win_rate/all", mode="max", patience=patience)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of a fit that ended after two of nine epochs."""
    folder = tmp_path_factory.mktemp("stopped")
    run = fit(folder, stopping(1), max_epochs=9)
    said = say_why_it_ended(run.trainer)
    assert said is not None
    assert said.startswith("EarlyStopping ended the fit after epoch 2 of 9: Monitored metric val/win_rate/all did not")
    run.trainer.save_checkpoint(folder / "x.ckpt")
    return folder / "x.ckpt"


def test_resumed_fit_trains_no_further(stopped: Path, tmp_path: Path) -> None:
    trainer = new_trainer(tmp_path, stopping(1), max_epochs=9)
    trainer.fit(new_module(), Played(), ckpt_path=stopped, weights_only=True)
    assert trainer.global_step == 2 * BATCHES
    assert ended_early(read_checkpoint(stopped)) is not None


def test_resumed_fit_trains_on_without_the_callback(stopped: Path, tmp_path: Path) -> None:
    trainer = new_trainer(tmp_path, max_epochs=4)
    with pytest.warns(UserWarning, match="EarlyStopping"):
        trainer.fit(new_module(), Played(), ckpt_path=stopped, weights_only=True)
    assert trainer.global_step == 4 * BATCHES


def test_other_patience_is_refused(stopped: Path, tmp_path: Path) -> None:
    trainer = new_trainer(tmp_path, stopping(9), max_epochs=9)
    with pytest.raises(UserError, match="patience was 1 in the fit that is resumed, now it is 9"):
        trainer.fit(new_module(), Played(), ckpt_path=stopped, weights_only=True)


def test_second_fit_with_the_same_objects_goes_on(tmp_path: Path) -> None:
    """As Lightning does: it is asked for more."""
    run = fit(tmp_path, stopping(1), max_epochs=9)
    run.trainer.fit(run.module, Played())
    assert run.trainer.global_step == 3 * BATCHES
