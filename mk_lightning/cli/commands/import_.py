"""`mk-lightning import ROM`: put a ROM where its game looks for it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.games.catalog import load_game, shipped_games
from mk_lightning.games.rom_import import import_rom


def arguments() -> ToolParser:
    """Return the parser of its words."""
    parser = ToolParser("import", "Put a ROM where its game looks for it.")
    parser.add_argument("rom", metavar="ROM", help="a ROM file, or `boxing`, whose ROM comes with a Python package")
    parser.add_argument("--game", help="id, alias or path of a game.yaml (default: found by the ROM's SHA-1)")
    return parser


def run(words: Sequence[str]) -> int:
    """Import a ROM, print whose it is and where it went, and return the exit code.

    Args:
        words: a file, or a game whose ROM is in a Python package; and `--game GAME`.

    Raises:
        UserError: an option or the ROM cannot be used.
    """
    options = arguments().parse_args(list(words))
    imported = import_rom(options.rom, load_game(options.game) if options.game else None)
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(f"{imported.game_id}: {imported.path} (sha1 {imported.sha1})", soft_wrap=True)
    if not imported.known:
        console.print(
            "nothing records which is the right one; should it not play, it is another",
            soft_wrap=True,
        )
    name = options.game or imported.game_id
    if options.game or imported.game_id in shipped_games():
        console.print(f"its states: mk-lightning states {name}", soft_wrap=True)
    else:
        console.print("no game.yaml ships for it; docs/own-game.md says how to write one", soft_wrap=True)
    return 0
