from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from mk_lightning.checkpointing.io import CheckpointFiles, check_whole
from mk_lightning.checkpointing.run_directory import RunDirectory
from mk_lightning.utils.errors import UserError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "replay").mkdir(parents=True)
    return tmp_path / "run"


def checkpoint(*stops: int, step: int = 0) -> dict:
    """Names a segment of one row for each of `stops`."""
    named = [{"file": f"{stop - 1:010d}-{stop:010d}.rows", "start": stop - 1, "stop": stop, "crc": 0} for stop in stops]
    weights = torch.arange(1000.0)
    return {
        "state_dict": {"online.weight": weights},
        "optimizer_states": [],
        "global_step": step,
        "ExperienceDataModule": {"segments": named, "folder": {"root": "nowhere", "number": 1}},
    }


def segments(run: Path) -> list[int]:
    return sorted(int(path.stem.partition("-")[2]) for path in (run / "replay").iterdir())


def write_segments(run: Path, *stops: int) -> None:
    for stop in stops:
        (run / "replay" / f"{stop - 1:010d}-{stop:010d}.rows").write_bytes(b"")


def test_segments_stay_as_long_as_a_checkpoint_names_them(run: Path) -> None:
    files, folder = CheckpointFiles(run), run / "checkpoints"
    write_segments(run, 1, 2)
    files.save_checkpoint(checkpoint(1, 2), folder / "a.ckpt")
    write_segments(run, 3, 4)
    files.save_checkpoint(checkpoint(2, 3), folder / "b.ckpt")
    assert segments(run) == [1, 2, 3, 4]
    files.save_checkpoint(checkpoint(3), folder / "a.ckpt")
    assert segments(run) == [2, 3, 4], "4 is newer than all that is named"
    files.remove_checkpoint(folder / "b.ckpt")
    assert segments(run) == [3, 4]


def test_checkpoints_of_an_earlier_process_count(run: Path) -> None:
    write_segments(run, 1, 2)
    CheckpointFiles(run).save_checkpoint(checkpoint(1), run / "checkpoints" / "a.ckpt")
    CheckpointFiles(run).save_checkpoint(checkpoint(2), run / "checkpoints" / "b.ckpt")
    assert segments(run) == [1, 2]


def test_weights_alone_name_nothing(run: Path) -> None:
    write_segments(run, 1)
    files = CheckpointFiles(run)
    files.save_checkpoint(checkpoint(1), run / "checkpoints" / "last.ckpt")
    files.save_checkpoint({"state_dict": {}}, run / "checkpoints" / "best.ckpt")
    assert segments(run) == [1]


def test_a_deleted_run_is_not_made_anew(run: Path) -> None:
    (run / "replay").rmdir()
    run.rmdir()
    with pytest.raises(FileNotFoundError):
        CheckpointFiles(run).save_checkpoint(checkpoint(), run / "checkpoints" / "last.ckpt")
    assert not run.exists()


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "compress"])
def test_the_newest_whole_checkpoint_is_named_beside_a_damaged_one(run: Path, damage: str) -> None:
    files, folder = CheckpointFiles(run), run / "checkpoints"
    for name, step in (("older", 1), ("previous", 2), ("last", 3)):
        files.save_checkpoint(checkpoint(step=step), folder / f"{name}.ckpt")
    torch.save({"state_dict": {}}, folder / "best.ckpt")
    last = folder / "last.ckpt"
    data = bytearray(last.read_bytes())
    data[data.index(torch.arange(500.0, 510.0).numpy().tobytes())] ^= 1
    if damage == "compress":
        with zipfile.ZipFile(last) as archive, zipfile.ZipFile(folder / "new", "w", zipfile.ZIP_DEFLATED) as packed:
            for name in archive.namelist():
                packed.writestr(name, archive.read(name))
        (folder / "new").rename(last)
    else:
        last.write_bytes({"flip": bytes(data), "cut": bytes(data[:-100]), "empty": b""}[damage])
    with pytest.raises(UserError, match=rf"last.ckpt is .*; the newest whole one is {folder}/previous.ckpt") as error:
        RunDirectory.choose("fit", run, "last")
    assert str(error.value).endswith(f"--ckpt_path {folder}/previous.ckpt")


def test_a_checkpoint_whose_replay_is_gone_is_not_whole(run: Path) -> None:
    files = CheckpointFiles(run)
    files.save_checkpoint(checkpoint(), run / "checkpoints" / "previous.ckpt")
    files.save_checkpoint(checkpoint(5), run / "checkpoints" / "last.ckpt")
    with pytest.raises(UserError, match=r"needs .*5.rows, which is missing"):
        check_whole(run / "checkpoints" / "last.ckpt")
    with pytest.raises(UserError, match=r"which is missing; the newest whole one is .*previous.ckpt"):
        RunDirectory.choose("fit", run, "last")
