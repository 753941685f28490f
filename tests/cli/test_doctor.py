from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from mk_lightning.cli.commands import doctor as doctor_command
from mk_lightning.cli.main import main
from mk_lightning.games.catalog import load_game, shipped_games
from tests.boxing import BOXING, stable_retro_in


def test_a_sound_machine(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    main(["doctor"])
    text = capsys.readouterr().out
    for found in (
        "torch 2",
        "Dojo-Genesis-v0: states",
        "48, all readable",
        "plays the dojo",
        "0.9 MB for 128 environments",
        "GB free",
        "wandb 0",
    ):
        assert found in text
    assert "ready: mk-lightning fit" in text


def test_what_is_missing_fails_and_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A game of which the ROM is another one and a state is cut short."""
    source = load_game("dojo").folder
    for path in source.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "rom.md").write_bytes(b"another" * 100)
    state = tmp_path / "Easy.Ember-04.state"
    state.write_bytes(state.read_bytes()[:50])
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(doctor_command, "shipped_games", lambda: {"dojo": tmp_path / "game.yaml"})
    with pytest.raises(SystemExit) as stop:
        main(["doctor"])
    assert stop.value.code == doctor_command.FAILED
    text = capsys.readouterr().out
    assert "is another ROM" in text
    assert "Easy.Ember-04.state is no save state" in text
    assert "2 of" in text


def test_a_game_without_its_rom_is_no_warning_and_its_states_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = next(stable_retro_in(tmp_path, monkeypatch).glob("*.state"))
    state.write_bytes(state.read_bytes()[:50])
    only_boxing = {BOXING: shipped_games()[BOXING]}
    monkeypatch.setattr(doctor_command, "shipped_games", lambda: only_boxing)
    _, _, roms, states = islice(doctor_command.findings(), 4)
    command = "pip install 'mk-lightning[games]' && mk-lightning import boxing"
    assert roms == ("games without ROM", "ok", f"boxing: `{command}`")
    assert (states.what, states.verdict) == ("their states", "fail")
    assert f"{state} is no save state" in states.text


def test_games_whose_roms_are_imported_alike_stand_together() -> None:
    games = [load_game(name) for name in ("mk2", "virtua-fighter-2", "sf2")]
    assert doctor_command._imports(games) == (
        "mk2, sf2: `mk-lightning import FILE`; virtua-fighter-2: `mk-lightning import FILE --game virtua-fighter-2`"
    )


def test_it_takes_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["doctor", "please"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
