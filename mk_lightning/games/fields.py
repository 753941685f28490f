"""The keys of a ``game.yaml``, and what may stand under each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mk_lightning.games.consoles import console_of
from mk_lightning.games.integration import check_addresses
from mk_lightning.games.names import GameError, is_name, suggestion
from mk_lightning.utils.errors import check_between, shortened

__all__ = ["checked_fields"]

_TEXTS = ("id", "title")
_LISTS = ("actions", "attack_buttons")
_REQUIRED = (*_TEXTS, *_LISTS, "full_health")
_OPTIONAL_TEXTS = ("integration", "rom_sha1", "seed_variable", "rounds")
_OPTIONAL_LISTS = ("aliases", "guard_buttons", "state_order", "two_player_states")
_MAPPINGS = ("opponents", "ram", "variables")
_OPTIONAL = (*_OPTIONAL_TEXTS, *_OPTIONAL_LISTS, *_MAPPINGS, "clock", "rounds_to_win")
_NAMES = (*_LISTS, "aliases", "guard_buttons")
"""Lists of names; the others are of patterns."""
_MOST = 1000
"""Entries of a list or mapping."""
_MOST_ROUNDS = 99
"""To win a match."""


def checked_fields(file: Path, raw: Any) -> dict[str, Any]:
    """Return a ``game.yaml``'s mapping after checking its keys and their types.

    Args:
        file: for messages.
        raw: what stands in it. A mapping that is empty or null, like ``ram:`` without a line, is left out.

    Raises:
        GameError: the first mistake, with the nearest valid key where it is one of spelling.
    """
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
    _check_identity(file, raw)
    fields = {key: value for key, value in raw.items() if value is not None or key not in (*_MAPPINGS, "clock")}
    _check_mappings(file, fields)
    _check_rounds(file, fields)
    return fields


def _check_identity(file: Path, raw: dict[str, Any]) -> None:
    """Check the id, the title and the ROM's SHA-1."""
    if not is_name(raw["id"]):
        raise GameError(f"{file}: id must be letters, digits and . _ -, not {_shown(raw['id'])}")
    try:
        console_of(raw["id"])
    except GameError as error:
        raise GameError(f"{file}: {error}") from None
    if not raw["title"].isprintable() or len(raw["title"]) > 100:
        raise GameError(f"{file}: title must be a line of at most 100 characters, not {_shown(raw['title'])}")
    if (sha1 := raw.get("rom_sha1")) is not None and not re.fullmatch("[0-9a-fA-F]{40}", sha1):
        raise GameError(f"{file}: rom_sha1 must be 40 hexadecimal digits, not {_shown(sha1)}")


def _check_mappings(file: Path, raw: dict[str, Any]) -> None:
    """Check what stands under names of the user's: opponents, addresses, formulas."""
    for key in _MAPPINGS:
        if key in raw and not isinstance(raw[key], dict):
            raise GameError(f"{file}: {key} must be a mapping from {_KINDS[key]}, not {_shown(raw[key])}")
        check_between(f"{file}: the length of {key}", len(raw.get(key, ())), 0, _MOST)
    opponents = raw.get("opponents", {})
    if not all(map(is_name, (*opponents, *opponents.values()))):
        raise GameError(f"{file}: opponents must be a mapping from {_KINDS['opponents']}, not {_shown(opponents)}")
    check_addresses(file, raw.get("ram", {}))
    for name, entry in raw.get("ram", {}).items():
        if surplus := set(entry) - {"address", "type"}:
            raise GameError(f"{file}: ram: {name!r} has address and type, not {shortened(min(map(str, surplus)))!r}")
    for name, formula in raw.get("variables", {}).items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w{0,59}", name):
            raise GameError(f"{file}: variables: {shortened(name)!r} is no name of a variable")
        _check_formula_text(file, name, formula)


_KINDS = {"opponents": "states to names", "ram": "names to address and type", "variables": "names to formulas"}


def _check_rounds(file: Path, raw: dict[str, Any]) -> None:
    """Check health, rounds and clock."""
    health = raw["full_health"]
    if health is not None and (type(health) is not int or not 1 <= health < 2**31):
        raise GameError(
            f"{file}: full_health must be an integer of 1 or more, or null to take the state's, not {_shown(health)}"
        )
    if "rounds_to_win" in raw and type(raw["rounds_to_win"]) is not int:
        raise GameError(f"{file}: rounds_to_win must be an integer, not {_shown(raw['rounds_to_win'])}")
    check_between(f"{file}: rounds_to_win", raw.get("rounds_to_win", 1), 1, _MOST_ROUNDS)
    rounds = raw.get("rounds")
    if rounds not in (None, "knockouts"):
        raise GameError(
            f"{file}: rounds must be knockouts, or be left out where variables have them, not {_shown(rounds)}"
        )
    if "clock" in raw:
        if rounds is None:
            raise GameError(f"{file}: clock is for `rounds: knockouts`; where variables have the rounds, take it out")
        _check_formula_text(file, "clock", raw["clock"])
    if rounds and (won := {"rounds_won", "enemy_rounds_won", "clock"} & raw.get("variables", {}).keys()):
        raise GameError(f"{file}: variables: {min(won)!r} is made of `rounds: knockouts` and `clock`; take it out")


def _check_formula_text(file: Path, name: str, formula: object) -> None:
    if not isinstance(formula, str) and type(formula) is not int:
        raise GameError(f"{file}: {name} must be a formula such as 100 - score, not {_shown(formula)}")


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
