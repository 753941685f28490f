"""Finding and reading ``game.yaml`` files."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mk_lightning.games.game import Game
from mk_lightning.games.integration import (
    bundled_folder,
    check_scenario,
    own_folder,
    read_states,
    read_variables,
    recorded_sha1,
)
from mk_lightning.games.names import GameError, is_name, suggestion
from mk_lightning.utils.documents import read_yaml
from mk_lightning.utils.errors import UserError, check_between, shortened

__all__ = ["FIGHT_VARIABLES", "load_game", "shipped_games"]

FIGHT_VARIABLES = ("health", "enemy_health", "rounds_won", "enemy_rounds_won")
"""RAM variables that every game's ``data.json`` must have: reward and match end are computed from them."""

_TEXTS = ("id", "title")
_LISTS = ("buttons", "actions", "attack_buttons")
_REQUIRED = (*_TEXTS, *_LISTS, "full_health")
_OPTIONAL_TEXTS = ("integration", "rom_sha1", "seed_variable")
_OPTIONAL_LISTS = ("aliases", "guard_buttons", "state_order", "two_player_states")
_OPTIONAL = (*_OPTIONAL_TEXTS, *_OPTIONAL_LISTS, "opponents")
_NAMES = (*_LISTS, "aliases", "guard_buttons")
"""Lists of names; the others are of patterns."""
_MOST = 1000
"""Entries of a list."""


def shipped_games() -> dict[str, Path]:
    """Return the ``game.yaml`` of each game in the package by game id."""
    files = sorted(Path(__file__).parent.glob("*/game.yaml"))
    return {str(read_yaml(file, "game")["id"]): file for file in files}


def load_game(name: str | Path) -> Game:
    """Return a game by name or from a file.

    Args:
        name: a shipped game's id, with or without its ``-v0``, or alias (``dojo``, ``mk2``), upper or lower
            case alike; or the path of a ``game.yaml`` of your own.

    Raises:
        GameError: unknown name (the nearest one is given), or a file with a mistake (which is named).
    """
    if isinstance(name, Path) or name.endswith((".yaml", ".yml")):
        return _read_game(Path(name))
    names: dict[str, Path] = {}
    for game_id, file in shipped_games().items():
        aliases = read_yaml(file, "game").get("aliases") or ()
        for alias in (game_id, *aliases, re.sub(r"-v\d+$", "", game_id)):
            names[alias] = file
    for alias, file in names.items():
        if alias.casefold() == name.casefold():
            return _read_game(file)
    raise GameError(f"no game {name!r}{suggestion(name, names)} (a game of your own is the path of its game.yaml)")


def _read_game(file: Path) -> Game:
    try:
        file = file.resolve()
        fields = _checked(file, read_yaml(file, "game file"))
    except (UserError, OSError, ValueError, RuntimeError) as error:  # a loop of links, a NUL in the name
        raise GameError(str(error)) from None
    game_id = fields["id"]
    bundled = fields.get("integration") is None
    folder = bundled_folder(game_id) if bundled else own_folder(file, fields["integration"])
    variables = read_variables(folder)
    if not bundled:
        check_scenario(folder)  # stable-retro's own are as trusted as stable-retro
    two_player = _names(fields.get("two_player_states"))
    states = read_states(folder, _names(fields.get("state_order")))
    game = Game(
        id=game_id,
        title=fields["title"],
        aliases=_names(fields.get("aliases")),
        folder=folder,
        bundled=bundled,
        rom_sha1=(fields.get("rom_sha1") or "").lower() or recorded_sha1(folder),
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
            raise GameError(f"{file}: unknown key {shortened(key)!r}{suggestion(str(key), (*_REQUIRED, *_OPTIONAL))}")
    for key in _REQUIRED:
        if key not in raw:
            raise GameError(f"{file}: key {key!r} is missing")
    for key in (*_TEXTS, *_OPTIONAL_TEXTS):
        if not (isinstance(raw.get(key), str) or (key in _OPTIONAL_TEXTS and raw.get(key) is None)):
            raise GameError(f"{file}: {key} must be text, not {_shown(raw[key])}")
    for key in (*_LISTS, *_OPTIONAL_LISTS):
        _check_list(file, key, raw.get(key), optional=key in _OPTIONAL_LISTS)
    if not is_name(raw["id"]):
        raise GameError(f"{file}: id must be letters, digits and . _ -, not {_shown(raw['id'])}")
    if not raw["title"].isprintable() or len(raw["title"]) > 100:
        raise GameError(f"{file}: title must be a line of at most 100 characters, not {_shown(raw['title'])}")
    if (sha1 := raw.get("rom_sha1")) is not None and not re.fullmatch("[0-9a-fA-F]{40}", sha1):
        raise GameError(f"{file}: rom_sha1 must be 40 hexadecimal digits, not {_shown(sha1)}")
    opponents = raw.get("opponents")
    if opponents is not None and not (
        isinstance(opponents, dict) and all(map(is_name, (*opponents, *opponents.values())))
    ):
        raise GameError(f"{file}: opponents must be a mapping from states to names, not {_shown(opponents)}")
    health = raw["full_health"]
    if type(health) is not int or not 1 <= health < 2**31:
        raise GameError(f"{file}: full_health must be an integer of 1 or more, not {_shown(health)}")
    return raw


def _check_list(file: Path, key: str, value: Any, *, optional: bool) -> None:
    """Check that a value is a list of names; an optional one may be a name alone, or nothing."""
    if optional and value is None:
        return
    if optional and isinstance(value, str):
        value = [value]
    items = value if isinstance(value, list) else [None]
    is_one = is_name if key in _NAMES else _is_pattern
    if not all(map(is_one, items)):
        raise GameError(f"{file}: {key} must be a list of names, not {_shown(value)}")
    check_between(f"{file}: the length of {key}", len(value), 0, _MOST)


def _is_pattern(item: object) -> bool:
    return isinstance(item, str) and item.isprintable() and len(item) <= 100


def _shown(value: object) -> str:
    """A value for a message. Of a list or a mapping only what it is: a few aliases can make it very long."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return repr(shortened(value) if isinstance(value, str) else value)


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


def _names(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)
