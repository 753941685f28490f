"""What a game's integration folder holds, checked file by file: it may have been downloaded."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from mk_lightning.games.names import GameError, is_name, suggestion
from mk_lightning.utils.documents import read_json
from mk_lightning.utils.errors import UserError, shortened

STATE_BYTES = 32 * 2**20
"""A Genesis save state has 1,036,288 bytes, the largest of a console 17 million; no more is ever unpacked of one."""
SHA_BYTES = 1000
"""Read of a ``rom.sha``: more lines than any has."""
MAX_PIXELS = 4096
"""Beyond any console's screen."""
VARIABLE_TYPE = re.compile(r"[|<>=]{1,2}[uidn][1-8]")


def own_folder(file: Path, integration: str) -> Path:
    """The folder that a ``game.yaml`` names, which must lie beside it or below.

    Args:
        file: the ``game.yaml``, resolved.
        integration: path relative to it.

    Raises:
        GameError: it is elsewhere, or one of its files is a link to elsewhere.
    """
    root = file.parent
    try:
        folder = (root / integration).resolve()
    except (OSError, ValueError, RuntimeError):  # a loop of links, a NUL
        raise GameError(f"{file}: integration {integration!r} is no path") from None
    if not folder.is_relative_to(root):
        raise GameError(f"{file}: integration {integration!r} leads out of {root}; put the game's files there")
    for path in _game_files(folder):
        if not path.resolve().is_relative_to(root):
            raise GameError(f"{path} is a link that leads out of {root}; put the file itself there")
    return folder


def bundled_folder(game_id: str) -> Path:
    """Stable-retro's own folder for a game.

    Raises:
        GameError: it has no such game.
    """
    import stable_retro.data  # not needed for a game that has its own folder

    root = Path(stable_retro.data.path()) / "stable"
    games = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    if game_id not in games:
        raise GameError(f"stable-retro has no game {game_id!r}{suggestion(game_id, games)}")
    return root / game_id


def read_addresses(folder: Path) -> tuple[str, ...]:
    """Names of the RAM variables in ``data.json``, sorted.

    Raises:
        GameError: the file cannot be read, or describes a variable as stable-retro cannot read it.
    """
    file = folder / "data.json"
    info = _mapping(file).get("info")
    if not isinstance(info, dict):
        raise GameError(f"{file} has no object 'info' of RAM variables")
    check_addresses(file, info)
    return tuple(sorted(info))


def check_addresses(file: Path, variables: Mapping[Any, Any]) -> None:
    """Check what a file says of RAM variables: ``{name: {"address": 16753064, "type": ">u2"}}``.

    Raises:
        GameError: stable-retro could not read one so.
    """
    for name, entry in variables.items():
        if not is_name(name):
            raise GameError(f"{file}: {shortened(name)!r} is no name of a variable")
        address, kind = (entry.get("address"), entry.get("type")) if isinstance(entry, dict) else (None, None)
        if type(address) is not int or not 0 <= address < 2**32:
            raise GameError(f"{file}: the address of {name!r} must be a whole number of 32 bits")
        if not isinstance(kind, str) or not VARIABLE_TYPE.fullmatch(kind):
            raise GameError(f"{file}: the type of {name!r} must be one such as '|u1' or '>u2'")


def read_crop(folder: Path) -> tuple[int, int, int, int]:
    """Where the picture is in the screen buffer, by ``scenario.json``: left, top, width, height, in pixels.

    A width or height of 0 reaches to the buffer's end, and so all zeros, where the file says nothing, are all of it.

    Raises:
        GameError: the file cannot be read, or its crop is something else.
    """
    file = folder / "scenario.json"
    crop = _mapping(file).get("crop", [0, 0, 0, 0])
    if not (isinstance(crop, list) and len(crop) == 4 and all(type(n) is int and 0 <= n < MAX_PIXELS for n in crop)):
        raise GameError(f"{file}: crop must be [left, top, width, height] in pixels, not {shortened(crop)}")
    left, top, width, height = crop
    return left, top, width, height


def check_scenario(folder: Path) -> None:
    """Check that ``scenario.json`` is there, which stable-retro wants, and names no scripts, which it would run.

    Raises:
        GameError: it is not, or does.
    """
    file = folder / "scenario.json"
    if "scripts" in _mapping(file):
        raise GameError(f"{file} names Lua scripts, and a game's files run no code; take 'scripts' out")


def read_states(folder: Path, order: Sequence[str]) -> tuple[str, ...]:
    """The folder's states by the first pattern of ``order`` that matches, by number, by name.

    Raises:
        GameError: a file's name is none that a config or a table could hold.
    """

    def rank(state: str) -> tuple[int, int, str]:
        group = next((i for i, pattern in enumerate(order) if fnmatchcase(state, pattern)), len(order))
        number = re.search(r"([0-9]{1,9})$", state)
        return group, int(number[1]) if number else 0, state

    names = [file.name.removesuffix(".state") for file in folder.glob("*.state")]
    for name in names:
        if not is_name(name):
            raise GameError(f"{folder}: {name[:60]!r} is no name of a state; use letters, digits and . _ -")
    return tuple(sorted(names, key=rank))


def recorded_sha1s(folder: Path) -> tuple[str, ...]:
    """The SHA-1s in the folder's ``rom.sha``, where stable-retro keeps one a line: some ROMs have two revisions.

    Raises:
        GameError: the file holds something else.
    """
    file = folder / "rom.sha"
    if not file.is_file():
        return ()
    with file.open("rb") as stream:
        lines = stream.read(SHA_BYTES).decode(errors="replace").lower().splitlines()
    sha1s = tuple(line.split()[0] for line in lines if line.strip())
    if not all(re.fullmatch("[0-9a-f]{40}", sha1) for sha1 in sha1s):
        raise GameError(f"{file} holds no sha1, 40 hexadecimal digits")
    return sha1s


@lru_cache(maxsize=16)
def read_state(path: Path, begins: bytes) -> bytes:
    """Unpack a save state; about 1 MB each, hence the bound of the cache.

    Args:
        path: a gzip file.
        begins: what the emulator core begins each of its save states with; it takes no other.

    Raises:
        GameError: it cannot be read, or is no state of the emulator core.
    """
    try:
        if not path.is_file():
            raise GameError(f"no save state {path}")
        with gzip.open(path) as file:
            state = file.read(STATE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise GameError(f"{path} is no save state: {str(error)[:120]}") from None
    if len(state) > STATE_BYTES:
        raise GameError(f"{path} is no save state: it unpacks to more than {STATE_BYTES:,} bytes")
    if not state.startswith(begins):
        shown = "".join(filter(str.isprintable, begins.decode("latin-1")))
        raise GameError(f"{path} is no save state of the emulator core: it does not begin with {shown}")
    return state


def _game_files(folder: Path) -> list[Path]:
    return [
        *(folder / name for name in ("data.json", "scenario.json", "rom.sha")),
        *folder.glob("rom.*"),
        *folder.glob("*.state"),
    ]


def _mapping(file: Path) -> dict[str, Any]:
    try:
        content = read_json(file, "file of a game")
    except UserError as error:
        raise GameError(str(error)) from None
    if not isinstance(content, dict):
        raise GameError(f"{file} must hold an object, {{...}}")
    return content
