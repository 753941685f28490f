"""Putting a ROM where its game looks for it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from mk_lightning.games.catalog import load_game
from mk_lightning.games.consoles import console_of
from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError
from mk_lightning.games.rom_files import PACKAGED_ROMS, check_rom, content_sha1, read_rom
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
    """Copy a ROM into the folder of its game, unless another one is there.

    Args:
        source: a file; or the name of a game whose ROM is in a Python package, such as ``boxing``.
        game: whose ROM it is; None finds it by the ROM's SHA-1 among all the games of stable-retro.

    Raises:
        GameError: there is no such file, it is not a ROM, or not one of the game, or another is in its place; its SHA-1
            and what to do are said.
    """
    path = Path(source)
    if not (exists(path) and path.is_file()):
        path, game = _packaged(source, game)
    if path.suffix.lower() == ".zip":
        raise GameError(f"{path} is an archive; unpack it and give the ROM in it")
    check_rom(path)
    content = read_rom(path)
    sha1 = content_sha1(content, path.suffix)
    if game is None:
        game_id, folder = _game_of(path, sha1)
        target = folder / console_of(game_id).rom_name
    else:
        game_id, target = game.id, game.folder / game.console.rom_name
        if game.rom_sha1s and sha1 not in game.rom_sha1s:
            raise GameError(
                f"{path} (sha1 {sha1}) is not the ROM of {game.id} (sha1 {' or '.join(game.rom_sha1s)}); if it is "
                f"another revision of it, {_way(game.id, sha1)}"
            )
    try:
        _put(content, sha1, target)
    except OSError as error:
        raise GameError(
            f"cannot write {target}: {error.strerror}; let its owner run this, or use a game folder"
        ) from None
    return ImportedRom(game_id, target, sha1, known=game is None or bool(game.rom_sha1s))


def _put(content: bytes, sha1: str, target: Path) -> None:
    """Write a ROM where none is; what is there may be the only copy of another."""
    if not target.exists():
        with replacing(target) as file:
            file.write(content)
    elif (theirs := content_sha1(target.read_bytes(), target.suffix)) != sha1:
        raise GameError(f"{target} is another ROM (sha1 {theirs}), which is not replaced; move it away and try again")


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


def _game_of(path: Path, sha1: str) -> tuple[str, Path]:
    """Return the game of stable-retro's that a ROM is of, and its folder."""
    import stable_retro.data  # reads the integrations of a thousand games

    known = stable_retro.data.get_known_hashes()
    if sha1 not in known:
        raise GameError(
            f"{path}: stable-retro knows no ROM of sha1 {sha1}; {_way('its game', sha1)}, or name a game of which no "
            "SHA-1 is recorded: --game GAME"
        )
    game_id, _, games = known[sha1]
    folder = Path(games) / game_id
    if folder.parent.name != "stable":
        raise GameError(
            f"{path} is {game_id}, which stable-retro has among its {folder.parent.name} games, and only its stable "
            f"ones are taken; write a game.yaml for a copy of {folder} and give it: --game GAME.yaml"
        )
    return game_id, folder


def _way(game: str, sha1: str) -> str:
    return f"write `rom_sha1: {sha1}` in a copy of the game.yaml of {game} and give it: --game COPY.yaml"
