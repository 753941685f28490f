"""Boxing with its ROM, in a copy of stable-retro's integration: nothing is written into what is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import stable_retro.data

from mk_lightning.cli.main import main
from mk_lightning.games.catalog import load_game

BOXING = "Boxing-Atari2600-v0"


def stable_retro_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let stable-retro have Boxing alone, in `folder`; return where its files are."""
    installed = load_game("boxing").folder
    for part in ("stable", "experimental", "contrib"):
        (folder / part).mkdir(parents=True)
    for file in installed.iterdir():
        if file.name != "rom.a26":
            (folder / "stable" / BOXING).mkdir(exist_ok=True)
            shutil.copy(file, folder / "stable" / BOXING)
    monkeypatch.setattr(stable_retro.data, "path", lambda: str(folder))
    return folder / "stable" / BOXING


def import_boxing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Import Boxing's ROM into `folder`, out of its package, without which the test is skipped; return where it is."""
    pytest.importorskip("ale_py")
    files = stable_retro_in(folder, monkeypatch)
    main(["import", "boxing"])
    return files / "rom.a26"
