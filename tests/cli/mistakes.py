"""What every mistake at the command line must come to: one line, exit 2, nothing written and nothing lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from mk_lightning.cli.main import main

PRETRAIN = ["fit", "-c", "configs/dojo/pretrain.yaml"]
DOJO = Path(__file__).parents[2] / "mk_lightning" / "games" / "dojo"


class Mistake(NamedTuple):
    """A command that cannot work.

    Attributes:
        words: the command line.
        hint: what the line must say.
        files: makes the files that the command is to find, in the directory it runs in.
    """

    words: list[str]
    hint: str
    files: Callable[[Path], object] | None = None


def fit(hint: str, *words: str, files: Callable[[Path], object] | None = None) -> Mistake:
    """A fit of the shipped config with these words beside it."""
    return Mistake([*PRETRAIN, *words], hint, files)


def refuse(mistake: Mistake, folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the command in `folder`, an empty directory; see that it is refused as it should be, and return the line."""
    monkeypatch.chdir(folder)  # the shipped configs are found from anywhere
    if mistake.files is not None:
        mistake.files(folder)
    before = _everything(folder)
    with pytest.raises(SystemExit) as stop:
        main(mistake.words)
    error = capfd.readouterr().err
    assert stop.value.code == 2
    assert error.startswith("mk-lightning: error: ")
    assert error.count("\n") == 1
    assert len(error) < 500
    assert _everything(folder) == before
    return error


def copy_of_the_dojo(folder: Path, change: Callable[[str], str] = lambda text: text) -> Path:
    """A game of one's own in `folder/game`: the dojo with four states, and what `change` makes of its game.yaml."""
    game = folder / "game"
    game.mkdir()
    for name in ("data.json", "scenario.json", "rom.md", "rom.sha"):
        shutil.copy(DOJO / name, game)
    for state in ("VeryEasy.Bramble-01", "VeryEasy.Ember-04", "VeryEasy.Heron-06", "SennVsHeron.2P"):
        shutil.copy(DOJO / f"{state}.state", game)
    (game / "game.yaml").write_text(change((DOJO / "game.yaml").read_text()))
    return game


def _everything(folder: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    } | {str(path.relative_to(folder)): "" for path in folder.rglob("*") if path.is_dir() and not path.is_symlink()}
