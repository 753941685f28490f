"""Finding and reading ``game.yaml`` files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError, suggestion

__all__ = ["FIGHT_VARIABLES", "load_game", "shipped_games"]

FIGHT_VARIABLES = ("health", "enemy_health", "rounds_won", "enemy_rounds_won")
"""RAM variables that every game's ``data.json`` must have: reward and match end are computed from them."""

_TEXTS = ("id", "title")
_LISTS = ("buttons", "actions", "attack_buttons")
_REQUIRED = (*_TEXTS, *_LISTS, "full_health")
_OPTIONAL = (
    "aliases", "guard_buttons", "integration", "rom_sha1", "seed_variable", "state_order", "two_player_states",
    "opponents",
)  # fmt: skip


def shipped_games() -> dict[str, Path]:
    """Return the ``game.yaml`` of each game in the package by game id."""
    files = sorted(Path(__file__).parent.glob("*/game.yaml"))
    return {str(yaml.safe_load(file.read_text(encoding="utf-8"))["id"]): file for file in files}


def load_game(name: str | Path) -> Game:
    """Return a game by name or from a file.

    Args:
        name: a shipped game's id, with or without its ``-v0``, or alias (``dojo``, ``mk2``), upper or lower
            case alike; or the path of a ``game.yaml`` of your own.

    Raises:
        GameError: unknown name (the nearest one is given), or a file with a mistake (which is named).
    """
    if isinstance(name, Path) or name.endswith((".yaml", ".yml")):
        return _read_game(Path(name).resolve())
    names: dict[str, Path] = {}
    for game_id, file in shipped_games().items():
        aliases = yaml.safe_load(file.read_text(encoding="utf-8")).get("aliases") or ()
        for alias in (game_id, *aliases, re.sub(r"-v\d+$", "", game_id)):
            names[alias] = file
    for alias, file in names.items():
        if alias.casefold() == name.casefold():
            return _read_game(file)
    raise GameError(f"no game {name!r}{suggestion(name, names)} (a game of your own is the path of its game.yaml)")


def _read_game(file: Path) -> Game:
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise GameError(f"cannot read the game file {file}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise GameError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    fields = _checked(file, raw)
    game_id = fields["id"]
    bundled = fields.get("integration") is None
    folder = _bundled_folder(game_id) if bundled else (file.parent / fields["integration"]).resolve()
    variables = _read_variables(folder)
    two_player = _names(fields.get("two_player_states"))
    states = _read_states(folder, _names(fields.get("state_order")))
    game = Game(
        id=game_id,
        title=fields["title"],
        aliases=_names(fields.get("aliases")),
        folder=folder,
        bundled=bundled,
        rom_sha1=fields.get("rom_sha1") or _recorded_sha1(folder),
        buttons=_names(fields["buttons"]),
        actions=_names(fields["actions"]),
        attack_buttons=_names(fields["attack_buttons"]),
        guard_buttons=_names(fields.get("guard_buttons")),
        full_health=fields["full_health"],
        seed_variable=fields.get("seed_variable"),
        variables=variables,
        states=states,
        two_player_states=tuple(s for s in states if any(fnmatchcase(s, pattern) for pattern in two_player)),
        opponents=dict(fields.get("opponents") or {}),
    )
    _check_references(game)
    return game


def _checked(file: Path, raw: Any) -> dict[str, Any]:
    """Return the file's mapping after checking its keys and their types."""
    if not isinstance(raw, dict):
        raise GameError(f"{file}: expected a mapping of keys such as {', '.join(_REQUIRED)}")
    for key in raw:
        if key not in (*_REQUIRED, *_OPTIONAL):
            raise GameError(f"{file}: unknown key {key!r}{suggestion(str(key), (*_REQUIRED, *_OPTIONAL))}")
    for key in _REQUIRED:
        if key not in raw:
            raise GameError(f"{file}: key {key!r} is missing")
    for key in _TEXTS:
        if not isinstance(raw[key], str):
            raise GameError(f"{file}: {key} must be text, not {raw[key]!r}")
    for key in _LISTS:
        if not isinstance(raw[key], list) or not all(isinstance(item, str) for item in raw[key]):
            raise GameError(f"{file}: {key} must be a list of names, not {raw[key]!r}")
    health = raw["full_health"]
    if not isinstance(health, int) or health < 1:
        raise GameError(f"{file}: full_health must be an integer of 1 or more, not {health!r}")
    return raw


def _check_references(game: Game) -> None:
    """Check what the file says of buttons and variables against each other."""
    for button in game.attack_buttons:
        if button not in game.buttons:
            raise GameError(f"{game.id}: no button {button!r} to release{suggestion(button, game.buttons)}")
    for button in game.guard_buttons:
        if button not in game.buttons:
            raise GameError(f"{game.id}: no button {button!r} to guard with{suggestion(button, game.buttons)}")
    if not game.actions:
        raise GameError(f"{game.id}: the action table is empty")
    for action in game.actions:
        game.action_buttons(action)
    wanted = [*FIGHT_VARIABLES, *([game.seed_variable] if game.seed_variable else [])]
    for variable in wanted:
        if variable not in game.variables:
            raise GameError(
                f"{game.id}: {game.folder / 'data.json'} has no variable {variable!r}"
                f"{suggestion(variable, game.variables)}"
            )
    for state in game.opponents:
        game.state_index(state)


def _bundled_folder(game_id: str) -> Path:
    """Return stable-retro's own folder for the game."""
    import stable_retro.data  # not needed for a game that has its own folder

    root = Path(stable_retro.data.path()) / "stable"
    if not (root / game_id).is_dir():
        games = (entry.name for entry in root.iterdir() if entry.is_dir())
        raise GameError(f"stable-retro has no game {game_id!r}{suggestion(game_id, games)}")
    return root / game_id


def _read_variables(folder: Path) -> tuple[str, ...]:
    try:
        described = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise GameError(f"cannot read {folder / 'data.json'}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise GameError(f"{folder / 'data.json'} is not JSON: {error}") from None
    return tuple(sorted(described.get("info", {})))


def _read_states(folder: Path, order: Sequence[str]) -> tuple[str, ...]:
    """Return the folder's states by the first pattern of ``order`` that matches, by number, by name."""

    def rank(state: str) -> tuple[int, int, str]:
        group = next((i for i, pattern in enumerate(order) if fnmatchcase(state, pattern)), len(order))
        number = re.search(r"(\d+)$", state)
        return group, int(number[1]) if number else 0, state

    return tuple(sorted((file.name.removesuffix(".state") for file in folder.glob("*.state")), key=rank))


def _recorded_sha1(folder: Path) -> str | None:
    """Return the first SHA-1 in the folder's ``rom.sha``, where stable-retro keeps it."""
    file = folder / "rom.sha"
    words = file.read_text(encoding="utf-8").split() if file.is_file() else []
    return words[0].lower() if words else None


def _names(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)
