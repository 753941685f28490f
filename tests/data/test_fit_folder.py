from __future__ import annotations

from pathlib import Path

import pytest

from mk_lightning.data.fit_folder import FitFolder, source_of
from mk_lightning.utils.errors import UserError
from tests.commands import elsewhere


def used(folder: FitFolder, *segments: str) -> dict:
    """A checkpoint's state that names segments, which are written."""
    folder.path("replay").mkdir(parents=True, exist_ok=True)
    for name in segments:
        (folder.path("replay") / name).write_text(name)
    return {"folder": folder.as_dict(), "segments": [{"file": name} for name in segments]}


def test_fits_one_after_another_are_numbered(tmp_path):
    for number, names in (
        (1, ("replay", "fisher.pt")),
        (2, ("replay-2", "fisher-2.pt")),
        (3, ("replay-3", "fisher-3.pt")),
    ):
        folder = FitFolder.claim(tmp_path / "run")
        assert folder.number == number
        assert [folder.path(name).name for name in ("replay", "fisher.pt")] == list(names)
        used(folder)
        folder.release()


def test_a_number_that_left_nothing_is_taken_again(tmp_path):
    FitFolder.claim(tmp_path).release()
    assert FitFolder.claim(tmp_path).number == 1


def test_a_fit_that_kept_only_its_recording_counts(tmp_path):
    (tmp_path / "recording").mkdir()
    assert FitFolder.claim(tmp_path).number == 2


def claim(folder: Path, noted: Path) -> None:
    noted.write_text(str(FitFolder.claim(folder).number))


def test_fits_at_the_same_time_are_apart_in_one_process_and_in_two(tmp_path):
    first, second = FitFolder.claim(tmp_path / "run"), FitFolder.claim(tmp_path / "run")
    assert elsewhere(claim, tmp_path / "run", tmp_path / "number") == 0
    assert (first.number, second.number, (tmp_path / "number").read_text()) == (1, 2, "3")


def test_a_fit_goes_on_in_place_in_its_directory(tmp_path):
    folder = FitFolder.claim(tmp_path)
    state = used(folder, "a.rows")
    folder.release()
    again = FitFolder.resume(tmp_path, state, tmp_path / "checkpoints" / "last.ckpt")
    assert (again.root, again.number) == (tmp_path, 1)


def test_a_fit_that_has_lost_a_file_stays_in_its_place(tmp_path):
    folder = FitFolder.claim(tmp_path)
    state = used(folder, "a.rows", "b.rows")
    folder.release()
    (folder.path("replay") / "a.rows").unlink()
    assert FitFolder.resume(tmp_path, state, tmp_path / "checkpoints" / "last.ckpt").number == 1


def test_a_fit_that_is_going_on_cannot_be_resumed_beside_itself(tmp_path):
    state = used(FitFolder.claim(tmp_path), "a.rows")
    folder = FitFolder.claim(tmp_path)  # keeps nothing of the first from being used
    assert folder.number == 2
    running = FitFolder(tmp_path)
    assert not running.acquire()
    with pytest.raises(UserError, match=r"replay is being written by another fit; wait for it to end"):
        FitFolder.resume(tmp_path, state, None)


def test_a_fit_that_goes_on_elsewhere_leaves_the_other_whole(tmp_path):
    first = FitFolder.claim(tmp_path / "one")
    state = used(first, "a.rows", "b.rows")
    (first.path("recording")).mkdir()
    (first.path("recording") / "recording.pt").write_text("recorded")
    second = FitFolder.resume(tmp_path / "two", state, tmp_path / "one" / "checkpoints" / "last.ckpt")
    assert second.root == tmp_path / "two"
    for name in ("a.rows", "b.rows"):
        (second.path("replay") / name).unlink()
    assert sorted(path.name for path in first.path("replay").iterdir()) == ["a.rows", "b.rows"]
    assert (second.path("recording") / "recording.pt").read_text() == "recorded"


@pytest.mark.parametrize(
    "checkpoint",
    [
        "one/checkpoints/last.ckpt",
        "one/checkpoints/val/return/all=0.5-step=8.ckpt",  # a metric's name makes directories
        "elsewhere/step=8.ckpt",
    ],
)
def test_the_files_are_found_from_wherever_the_checkpoint_lies(tmp_path, checkpoint):
    state = used(FitFolder.claim(tmp_path / "one"), "a.rows")
    found = source_of(state, tmp_path / checkpoint)
    assert found is not None
    assert found.root == tmp_path / "one"


def test_a_directory_that_was_moved_is_preferred_to_where_it_was(tmp_path):
    state = used(FitFolder.claim(tmp_path / "one"), "a.rows")
    (tmp_path / "one").rename(tmp_path / "moved")
    used(FitFolder.claim(tmp_path / "one"), "other.rows")
    found = source_of(state, tmp_path / "moved" / "checkpoints" / "last.ckpt")
    assert found is not None
    assert found.root == tmp_path / "moved"
    assert source_of(state, Path("nowhere/last.ckpt")) is None


@pytest.mark.parametrize("noted", [None, 3, {"root": 1, "number": 1}, {"root": "x", "number": 0}, {"number": True}])
def test_a_state_that_does_not_say_where_is_refused(noted):
    with pytest.raises(UserError, match="does not say where its replay lies"):
        source_of({"folder": noted, "segments": []}, None)
