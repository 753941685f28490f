from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.main import main
from mk_lightning.games.catalog import load_game, shipped_games
from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError
from mk_lightning.games.rom_files import rom_sha1
from mk_lightning.games.rom_import import import_rom
from tests.boxing import BOXING, import_boxing, stable_retro_in

SHA1 = "14b9cd91188c7fb0d4566442d639870f8d6f174d"
NOISE = bytes(range(256)) * 8
NOISE_SHA1 = hashlib.sha1(NOISE, usedforsecurity=False).hexdigest()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where stable-retro has Boxing, without its ROM."""
    return stable_retro_in(tmp_path / "retro", monkeypatch)


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    (tmp_path / "noise.bin").write_bytes(NOISE)
    return tmp_path / "noise.bin"


@pytest.fixture
def copied(tmp_path: Path, installed: Path) -> Game:
    """Boxing as a user describes it: another revision of its ROM."""
    described = yaml.safe_load(shipped_games()[BOXING].read_text()) | {"rom_sha1": NOISE_SHA1}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(described))
    return load_game(tmp_path / "own.yaml")


def test_boxing_is_taken_out_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rom = import_boxing(tmp_path / "retro", monkeypatch)
    assert rom_sha1(rom) == SHA1
    assert load_game("boxing").rom_path() == rom
    printed = capsys.readouterr().out
    assert printed == f"{BOXING}: {rom} (sha1 {SHA1})\nits states: mk-lightning states {BOXING}\n"


def test_a_rom_is_known_by_its_sha1_whatever_its_file_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rom = import_boxing(tmp_path / "retro", monkeypatch)
    shutil.move(rom, tmp_path / "any name.bin")
    imported = import_rom(str(tmp_path / "any name.bin"))
    assert imported == (BOXING, rom, SHA1, True)
    assert import_rom(str(rom)) == imported  # from where it already is


def test_another_rom_that_is_there_is_never_replaced(tmp_path: Path, noise: Path) -> None:
    dojo = load_game("dojo")
    folder = tmp_path / "game"
    shutil.copytree(dojo.folder, folder, ignore=shutil.ignore_patterns("rom.sha"))
    rom, game = folder / "rom.md", load_game(folder / "game.yaml")
    with pytest.raises(GameError) as caught:
        import_rom(str(noise), game)
    assert str(caught.value) == (
        f"{rom} is another ROM (sha1 {dojo.rom_sha1s[0]}), which is not replaced; move it away and try again"
    )
    assert rom.read_bytes() == (dojo.folder / "rom.md").read_bytes()
    rom.rename(folder / "mine.md")
    import_rom(str(noise), game)
    assert rom.read_bytes() == NOISE


def test_a_folder_does_not_hide_a_packaged_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "boxing").mkdir()
    monkeypatch.chdir(tmp_path)
    assert import_boxing(tmp_path / "retro", monkeypatch).is_file()


def test_a_super_magic_drives_dump_is_put_in_order(tmp_path: Path) -> None:
    dojo = load_game("dojo")
    folder = tmp_path / "dojo"
    shutil.copytree(dojo.folder, folder, ignore=shutil.ignore_patterns("rom.md"))
    rom = (dojo.folder / "rom.md").read_bytes()
    blocks = (rom[start : start + 0x4000] for start in range(0, len(rom), 0x4000))
    dump = tmp_path / "dump.smd"
    dump.write_bytes(bytes(512) + b"".join(block[1::2] + block[::2] for block in blocks))
    imported = import_rom(str(dump), load_game(folder / "game.yaml"))
    assert imported == (dojo.id, folder / "rom.md", dojo.rom_sha1s[0], True)
    assert (folder / "rom.md").read_bytes() == rom


def test_a_rom_of_an_experimental_game_is_told(tmp_path: Path, installed: Path, noise: Path) -> None:
    folder = tmp_path / "retro" / "experimental" / "Noise-Genesis"
    folder.mkdir()
    (folder / "rom.sha").write_text(f"{NOISE_SHA1}\n")
    for file in installed.glob("*.json"):
        shutil.copy(file, folder)
    with pytest.raises(GameError) as caught:
        import_rom(str(noise))
    assert str(caught.value) == (
        f"{noise} is Noise-Genesis, which stable-retro has among its experimental games, and only its stable ones are "
        f"taken; write a game.yaml for a copy of {folder} and give it: --game GAME.yaml"
    )


def test_an_unknown_rom_is_told_by_its_sha1_and_the_way_is_named(installed: Path, noise: Path) -> None:
    with pytest.raises(GameError) as caught:
        import_rom(str(noise))
    assert str(caught.value) == (
        f"{noise}: stable-retro knows no ROM of sha1 {NOISE_SHA1}; write `rom_sha1: {NOISE_SHA1}` in a copy of the "
        "game.yaml of its game and give it: --game COPY.yaml, or name a game of which no SHA-1 is recorded: --game GAME"
    )
    assert not (installed / "rom.a26").exists()


def test_another_rom_than_the_games_is_refused(installed: Path, noise: Path) -> None:
    with pytest.raises(GameError, match=rf"sha1 {NOISE_SHA1}\) is not the ROM of {BOXING} \(sha1 {SHA1}\); if it is"):
        import_rom(str(noise), load_game("boxing"))


def test_another_revision_is_taken_by_a_game_file_that_says_so(installed: Path, noise: Path, copied: Game) -> None:
    imported = import_rom(str(noise), copied)
    assert imported == (BOXING, installed / "rom.a26", NOISE_SHA1, True)
    assert copied.rom_path().read_bytes() == NOISE


def test_a_game_that_records_no_sha1_takes_any_and_says_so(
    tmp_path: Path, noise: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "game"
    shutil.copytree(load_game("dojo").folder, folder, ignore=shutil.ignore_patterns("rom.*"))
    main(["import", str(noise), "--game", str(folder / "game.yaml")])
    printed = capsys.readouterr().out
    assert (folder / "rom.md").read_bytes() == NOISE
    assert "nothing records which is the right one" in printed


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.zip", b"PK" * 500, "is an archive; unpack it and give the ROM in it"),
        ("a.md", b"", "is no ROM: it has 0 bytes"),
        ("folder", None, "^no file .*; give a ROM, or a game whose ROM a package has: boxing$"),
    ],
)
def test_what_is_no_rom_is_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(GameError, match=message):
        import_rom(str(path))


@pytest.mark.parametrize("name", ["mk2", "nowhere/rom.md", "x" * 5000, "a\0b"])
def test_what_is_neither_a_file_nor_a_packaged_game_is_refused(name: str) -> None:
    with pytest.raises(GameError, match=r"^no file .*give a ROM, or a game whose ROM a package has: boxing$"):
        import_rom(name)


def test_a_nes_roms_header_is_no_part_of_its_sha1(tmp_path: Path) -> None:
    (tmp_path / "rom.nes").write_bytes(b"NES\x1a" + bytes(12) + NOISE)
    assert rom_sha1(tmp_path / "rom.nes") == NOISE_SHA1
