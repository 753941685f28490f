"""What `docs/own-game.md` says can be followed word for word."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.main import main
from mk_lightning.games import fields
from mk_lightning.games.catalog import load_game
from mk_lightning.games.readings import read_variables
from tests.boxing import import_boxing

PAGE = (Path(__file__).parents[2] / "docs/own-game.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def rom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Boxing's ROM where the page puts it, and its game file here."""
    monkeypatch.chdir(tmp_path)
    Path("my-boxing.yaml").write_text(block("yaml"))
    return import_boxing(tmp_path / "retro", monkeypatch)


def test_one_file_makes_a_game_of_what_stable_retro_has(rom: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["states", "my-boxing.yaml"])
    assert "Boxing-Atari2600-v0: 1 state\n" in capsys.readouterr().out
    exec(compile(block("python"), "own-game.md", "exec"), {})  # seeds the actions by nothing: health may differ
    health, enemy_health, clock = map(int, capsys.readouterr().out.split())
    assert 50 <= min(health, enemy_health) <= max(health, enemy_health) <= 100
    assert clock == 16 + 46, "200 env_steps are 13 seconds"


def test_it_reads_what_the_shipped_one_reads(rom: Path) -> None:
    mine, shipped = load_game("my-boxing.yaml"), load_game("boxing")
    memory = {"score1": 20, "score1_byte": 192, "score2": 33, "score2_byte": 51, "minutes": 0, "seconds": 7}
    assert read_variables(mine, dict(memory), None) == read_variables(shipped, dict(memory), None)


def test_a_folder_makes_a_game_that_stable_retro_does_not_know(rom: Path) -> None:
    folder = Path("boxing")
    folder.mkdir()
    text = block("yaml").replace("integration: null", "integration: .")
    (folder / "game.yaml").write_text(text.replace("id: Boxing-", "id: Ours-"))
    (folder / "scenario.json").write_text("{}")
    for name in ("data.json", "Start.state"):
        shutil.copy(rom.parent / name, folder)
    main(["import", str(rom), "--game", "boxing/game.yaml"])
    game = load_game("boxing/game.yaml")
    assert game.rom_path() == (folder / "rom.a26").resolve()
    assert (game.states, game.bundled) == (("Start",), False)


def test_the_page_has_every_key() -> None:
    table = PAGE.partition("## Every key")[2]
    told = {key for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
    assert told == {*fields._REQUIRED, *fields._OPTIONAL}
    assert set(yaml.safe_load(block("yaml"))) < told
