"""Putting a ROM where its game looks for it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from mk_lightning.games.catalog import load_game
from mk_lightning.games.consoles import console_of
from mk_lightning.games.game import Game
from mk_lightning.games.integration import bundled_folder
from mk_lightning.games.names import GameError
from mk_lightning.games.rom_files import PACKAGED_ROMS, check_rom, rom_sha1
from mk_lightning.utils.errors import shortened
from mk_lightning.utils.files import exists, replacing

__all__ = ["ImportedRom", "import_rom"]


class ImportedRom(NamedTuple):
    """A ROM that is where its game looks for it."""

    game_id: str
    """The game that it is of."""
    path: Path
    """Where it is now."""
    sha1: str
    """Its SHA-1, in hexadecimal."""
    known: bool
    """Whether its SHA-1 is the game's; False where neither stable-retro nor ``game.yaml`` records one."""


def import_rom(source: str, game: Game | None = None) -> ImportedRom:
    """Copy a ROM into the folder of its game.

    Args:
        source: a file; or the name of a game whose ROM is in a Python package, such as ``boxing``.
        game: whose ROM it is; None finds it by the ROM's SHA-1 among all the games of stable-retro.

    Raises:
        GameError: there is no such file, it is not a ROM, or not one of the game; its SHA-1 and what to do are said.
    """
    path = Path(source)
    if not exists(path):
        path, game = _packaged(source, game)
    if path.suffix.lower() == ".zip":
        raise GameError(f"{path} is an archive; unpack it and give the ROM in it")
    if not path.is_file():
        raise GameError(f"{path} is not a file; give the ROM itself")
    check_rom(path)
    sha1 = rom_sha1(path)
    if game is None:
        game_id = _game_of(path, sha1)
        target = bundled_folder(game_id) / console_of(game_id).rom_name
    else:
        game_id, target = game.id, game.folder / game.console.rom_name
        if game.rom_sha1 not in (None, sha1):
            raise GameError(
                f"{path} (sha1 {sha1}) is not the ROM of {game.id} (sha1 {game.rom_sha1}); if it is another revision "
                f"of it, {_way(game.id, sha1)}"
            )
    try:
        if path.resolve() != target.resolve():
            with replacing(target) as file:
                file.write(path.read_bytes())
    except OSError as error:
        raise GameError(
            f"cannot write {target}: {error.strerror}; let its owner run this, or use a game folder"
        ) from None
    return ImportedRom(game_id, target, sha1, known=game is None or game.rom_sha1 is not None)


def _packaged(name: str, game: Game | None) -> tuple[Path, Game]:
    """Return the ROM that a Python package has of a game, and the game."""
    try:
        named = load_game(name)
    except GameError:
        named = None
    if named is None or named.id not in PACKAGED_ROMS:
        from_packages = ", ".join(sorted(load_game(game_id).aliases[0] for game_id in PACKAGED_ROMS))
        raise GameError(f"no file {shortened(name)!r}; give a ROM, or a game whose ROM a package has: {from_packages}")
    package, file = PACKAGED_ROMS[named.id]
    found = find_spec(package)
    if found is None or found.origin is None:
        raise GameError(f"the ROM of {named.id} comes with `pip install 'mk-lightning[games]'`; run that first")
    return Path(found.origin).parent / file, game or named


def _game_of(path: Path, sha1: str) -> str:
    import stable_retro.data  # reads the integrations of a thousand games

    known = stable_retro.data.get_known_hashes()
    if sha1 not in known:
        raise GameError(f"{path}: stable-retro knows no ROM of sha1 {sha1}; {_way('its game', sha1)}")
    return str(known[sha1][0])


def _way(game: str, sha1: str) -> str:
    return f"write `rom_sha1: {sha1}` in a copy of the game.yaml of {game} and give it: --game COPY.yaml"
