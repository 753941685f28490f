"""Finding and reading ``game.yaml`` files."""

from __future__ import annotations

import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from mk_lightning.games.consoles import console_of
from mk_lightning.games.fields import checked_fields
from mk_lightning.games.formulas import check_formula
from mk_lightning.games.game import Game
from mk_lightning.games.integration import (
    bundled_folder,
    check_scenario,
    own_folder,
    read_addresses,
    read_crop,
    read_states,
    recorded_sha1s,
)
from mk_lightning.games.names import GameError, suggestion
from mk_lightning.utils.documents import read_yaml
from mk_lightning.utils.errors import UserError

__all__ = ["FIGHT_VARIABLES", "load_game", "shipped_games"]

WINS = ("rounds_won", "enemy_rounds_won")
FIGHT_VARIABLES = ("health", "enemy_health", *WINS)
"""Variables that every game must have, in RAM or computed: reward and match end are computed from them."""


def shipped_games() -> dict[str, Path]:
    """Return the ``game.yaml`` of each game in the package by game id."""
    return {game_id: file for file, (game_id, *_) in _shipped_names().items()}


@cache
def _shipped_names() -> dict[Path, tuple[str, ...]]:
    """Return the names of each game in the package by its ``game.yaml``, the id first; the files are read once."""
    names = {}
    for file in sorted(Path(__file__).parent.glob("*/game.yaml")):
        described = read_yaml(file, "game")
        game_id = str(described["id"])
        names[file] = (game_id, *_names(described.get("aliases")), re.sub(r"-v\d+$", "", game_id))
    return names


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
    names = {alias: file for file, aliases in _shipped_names().items() for alias in aliases}
    for alias, file in names.items():
        if alias.casefold() == name.casefold():
            return _read_game(file)
    raise GameError(f"no game {name!r}{suggestion(name, names)} (a game of your own is the path of its game.yaml)")


def _read_game(file: Path) -> Game:
    try:
        file = file.resolve()
        fields = checked_fields(file, read_yaml(file, "game file"))
    except (UserError, OSError, ValueError, RuntimeError) as error:  # a loop of links, a NUL in the name
        raise GameError(str(error)) from None
    game_id = fields["id"]
    bundled = fields.get("integration") is None
    folder = bundled_folder(game_id) if bundled else own_folder(file, fields["integration"])
    addresses = (*read_addresses(folder), *fields.get("ram", ()))
    if not bundled:
        check_scenario(folder)  # stable-retro's own are as trusted as stable-retro
    counts_knockouts = fields.get("rounds") is not None
    formulas = {name: str(formula) for name, formula in fields.get("variables", {}).items()}
    if "clock" in fields:
        formulas["clock"] = str(fields["clock"])
    two_player = _names(fields.get("two_player_states"))
    states = read_states(folder, _names(fields.get("state_order")))
    game = Game(
        id=game_id,
        title=fields["title"],
        aliases=_names(fields.get("aliases")),
        folder=folder,
        bundled=bundled,
        rom_sha1s=(fields["rom_sha1"].lower(),) if fields.get("rom_sha1") else recorded_sha1s(folder),
        console=console_of(game_id),
        actions=_names(fields["actions"]),
        attack_buttons=_names(fields["attack_buttons"]),
        guard_buttons=_names(fields.get("guard_buttons")),
        full_health=fields["full_health"],
        seed_variable=fields.get("seed_variable"),
        variables=tuple(sorted({*addresses, *formulas, *(WINS if counts_knockouts else ())})),
        states=states,
        two_player_states=tuple(s for s in states if any(fnmatchcase(s, pattern) for pattern in two_player)),
        opponents=dict(fields.get("opponents") or {}),
        ram=fields.get("ram", {}),
        formulas=formulas,
        counts_knockouts=counts_knockouts,
        rounds_to_win=fields.get("rounds_to_win", 2),
        crop=read_crop(folder),
    )
    for name, formula in formulas.items():
        check_formula(f"{game_id}: {name}", formula, addresses)
    _check_references(game, addresses)
    return game


def _check_references(game: Game, addresses: Collection[str]) -> None:
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
    for variable in FIGHT_VARIABLES:
        if variable not in game.variables:
            raise GameError(
                f"{game.id}: {game.folder / 'data.json'} has no variable {variable!r}"
                f"{suggestion(variable, game.variables)} (another name, or arithmetic, stands under 'variables')"
            )
    if game.seed_variable and game.seed_variable not in addresses:
        raise GameError(
            f"{game.id}: {game.folder / 'data.json'} has no variable {game.seed_variable!r}"
            f"{suggestion(game.seed_variable, addresses)}"
        )
    for state in game.opponents:
        game.state_index(state)


def _names(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)
