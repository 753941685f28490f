"""The best checkpoint is that of the highest figure, of equals the later, whether the run was interrupted or not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.demos.boring_classes import BoringModel

from mk_lightning.callbacks.checkpoints.best import BestCheckpoint
from mk_lightning.utils.errors import UserError
from tests.lightning.probe import fit as lightning_fit


class Scored(BoringModel):
    """The validation of each epoch is worth what was told."""

    def __init__(self, figures: list[float]) -> None:
        super().__init__()
        self.figures = figures

    def on_validation_epoch_end(self) -> None:
        self.log("figure", self.figures[self.current_epoch])


def fit(folder: Path, figures: list[float], ckpt_path: Path | None = None, max_steps: int = -1) -> Path:
    """Train for an epoch of two batches for each figure; returns the last epoch's checkpoint."""
    last = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    trainer = Trainer(
        accelerator="cpu", max_epochs=len(figures), max_steps=max_steps, limit_train_batches=2, limit_val_batches=1,
        callbacks=[BestCheckpoint(folder, "figure"), last], num_sanity_val_steps=0, enable_progress_bar=False,
        enable_model_summary=False, logger=False,
    )  # fmt: skip
    trainer.fit(Scored(figures), ckpt_path=ckpt_path, weights_only=False)
    return folder / "last.ckpt"


def best_epoch(folder: Path) -> int:
    return torch.load(folder / "best.ckpt", weights_only=False)["epoch"]


@pytest.mark.parametrize(
    ("figures", "epoch"),
    [
        ([0.5, 0.9, 0.8], 1),
        ([0.5, 0.9, 0.8, 0.9], 3),
        ([0.9, 0.9, 0.9], 2),
        ([-0.2, -0.1, -0.3], 1),
        ([0.5, float("nan"), 0.5, 0.4], 2),
    ],
)
def test_of_equals_the_later(tmp_path: Path, figures: list[float], epoch: int) -> None:
    fit(tmp_path, figures)
    assert best_epoch(tmp_path) == epoch
    assert not list(tmp_path.glob("best-*")), "one file, whatever was best before"


@pytest.mark.parametrize(("figures", "epoch"), [([0.9, 0.8, 0.9], 2), ([0.9, 0.8, 0.7], 0)])
def test_a_resumed_run_compares_with_what_was_best_before(tmp_path: Path, figures: list[float], epoch: int) -> None:
    last = fit(tmp_path, figures[:2])
    fit(tmp_path, figures, last)
    assert best_epoch(tmp_path) == epoch


def test_weights_that_were_not_validated_are_never_the_best(tmp_path: Path) -> None:
    """The fit ends half way to the second validation, and the figure that is there is the first one's."""
    fit(tmp_path, [0.9, 0.8], max_steps=3)
    assert torch.load(tmp_path / "best.ckpt", weights_only=False)["global_step"] == 2


@pytest.mark.parametrize(("figures", "epoch"), [([0.9, 0.8, 0.9], 2), ([0.9, 0.8, 0.7], 0)])
def test_a_run_whose_directory_moved_knows_its_best(tmp_path: Path, figures: list[float], epoch: int) -> None:
    fit(tmp_path / "here", figures[:2])
    (tmp_path / "here").rename(tmp_path / "there")
    fit(tmp_path / "there", figures, tmp_path / "there/last.ckpt")
    assert best_epoch(tmp_path / "there") == epoch
    assert not (tmp_path / "here").exists()


def test_a_run_that_was_not_validated_yet_has_no_best_to_miss(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    last = fit(tmp_path, [0.9], max_steps=1)
    assert not (tmp_path / "best.ckpt").exists()
    fit(tmp_path, [0.9, 0.8], last)
    assert (tmp_path / "best.ckpt").is_file()
    assert "no best.ckpt" not in caplog.text


def test_without_its_file_the_best_is_looked_for_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    last = fit(tmp_path, [0.9, 0.8])
    (tmp_path / "best.ckpt").unlink()
    fit(tmp_path, [0.9, 0.8, 0.7], last)
    assert best_epoch(tmp_path) == 2
    assert f"no checkpoint {tmp_path}/best.ckpt" in caplog.text
    assert "the best checkpoint is chosen among the validations from here on" in caplog.text


def test_another_fit_begins_without_the_best_of_the_one_before(tmp_path):
    best = BestCheckpoint(tmp_path / "checkpoints", "val/return/all")
    lightning_fit(tmp_path, best, enable_checkpointing=True)
    assert best.best_model_score is not None
    score = float(best.best_model_score)
    best.best_model_score = best.best_model_score + 1000
    best.best_k_models = {path: value + 1000 for path, value in best.best_k_models.items()}
    with pytest.raises(
        UserError, match=r"best.ckpt is another fit's; give the Trainer another default_root_dir, or its"
    ):
        lightning_fit(tmp_path, best, enable_checkpointing=True)
    best.path.unlink()
    lightning_fit(tmp_path, best, enable_checkpointing=True)
    assert float(best.best_model_score) == score
