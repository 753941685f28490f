"""`mk-lightning states [GAME]`: what can stand in a config as a state; `states new` makes some."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.games.catalog import load_game

NEW = "new"


def arguments() -> ToolParser:
    """Return the parser of its words."""
    parser = ToolParser("states", "The states of a game: what can stand in a config.")
    parser.epilog = "`mk-lightning states new GAME STATE` makes further ones; see its --help."
    parser.add_argument("game", nargs="?", default="dojo", help="id, alias or path of a game.yaml (default: dojo)")
    return parser


def run(words: Sequence[str]) -> int:
    """Print a game's states, its one-player states first, and return the exit code.

    Args:
        words: the game: id, alias or path of a `game.yaml`; none stands for the dojo. Or `new` and what that takes.

    Raises:
        UserError: more than one word, or an unknown game.
    """
    if words[:1] == [NEW]:
        from mk_lightning.cli.commands.new_states import run as make  # needs torch, which takes seconds to load

        return make(words[1:])
    game = load_game(arguments().parse_args(list(words)).game)
    count, apart = len(game.states) - len(game.two_player_states), len(game.two_player_states)
    said = f"{count} state{'s' * (count != 1)}" + (f", and {apart} that `all` leaves out" if apart else "")
    table = Table()
    for column in ("state", "opponent", "players"):
        table.add_column(column)
    for state in sorted(game.states, key=lambda name: name in game.two_player_states):
        table.add_row(state, game.opponent(state), "2" if state in game.two_player_states else "1")
    console = Console(emoji=False)
    console.print(f"{game.id}: {said}", soft_wrap=True, markup=False, highlight=False)
    console.print(table)
    return 0
