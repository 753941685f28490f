"""`mk-lightning completion SHELL`: a script by which a shell completes what is typed; it starts no Python at a TAB."""

from __future__ import annotations

import sys
from argparse import SUPPRESS, Action, ArgumentParser
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from shlex import join
from typing import Any

import shtab

from mk_lightning.cli.arguments import COMMANDS, CONFIG, add_seeds
from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.cli.config_names import config_names
from mk_lightning.cli.help import ABOUT
from mk_lightning.cli.tools import TOOLS, module_of
from mk_lightning.games.catalog import shipped_games
from mk_lightning.interop.export import FORMATS
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import SHIPPED
from mk_lightning.workflows.recipe import new_parser

SHELLS = ("bash", "zsh")


def arguments() -> ToolParser:
    """Return the parser of its words."""
    parser = ToolParser("completion", "A script by which a shell completes commands, options and configs.")
    parser.add_argument("shell", metavar="SHELL", help=" or ".join(SHELLS))
    return parser


def run(words: Sequence[str]) -> int:
    """Print the script and return the exit code.

    Args:
        words: the shell.

    Raises:
        UserError: it is none of those that are known.
    """
    shell = arguments().parse_args(list(words)).shell
    if shell not in SHELLS:
        raise UserError(f"completion: no shell {shell!r}; valid: {', '.join(SHELLS)}")
    sys.stdout.write(f"{shtab.complete(_program(), shell)}\n")
    return 0


def _program() -> ArgumentParser:
    """The whole program's parser, to be looked at only."""
    parsers: dict[str, ArgumentParser] = {command: new_parser() for command in COMMANDS}
    add_seeds(parsers["fit"])
    parsers |= {name: import_module(module_of(name)).arguments() for name in TOOLS}
    told = {command: ABOUT[command][0] for command in COMMANDS} | TOOLS
    program = ArgumentParser("mk-lightning")
    program.add_argument("--version", action="store_true", help="the version")
    known: Any = lambda prog, **_: parsers[prog.split()[-1]]  # noqa: E731 - in the place of a class that makes new ones
    commands = program.add_subparsers(parser_class=known)
    for name, parser in parsers.items():
        parser.description = told[name]
        commands.add_parser(name, help=told[name])
        for action in parser._actions:
            _complete(action)
    return program


def _complete(action: Action) -> None:
    """Say what an option's value, or a word, can be."""
    checkpoints = [str(path.relative_to(SHIPPED)) for path in sorted((SHIPPED / "checkpoints").glob("*.ckpt"))]
    games = [name for id_, path in shipped_games().items() for name in (path.parent.name, id_)]
    values: dict[str, Any] = {
        "config": _any_of("configs", config_names()),
        "ckpt_path": _any_of("runs_checkpoints", ["last", "best", "auto", *checkpoints]),
        "model.init_from": _any_of("checkpoints", checkpoints),
        "checkpoint": _any_of("checkpoints", checkpoints),
        "game": _any_of("games", games),
        "data.game": _any_of("games", games),
        "to": _any_of("formats", FORMATS, files=False),
        "shell": _any_of("shells", SHELLS, files=False),
        "run_dir": shtab.DIRECTORY,
    }
    if action.option_strings and not action.option_strings[0].startswith("-"):
        action.help = SUPPRESS  # a link between options, which jsonargparse keeps among them
    if action.dest == "config":
        action.option_strings = [*CONFIG]
    if action.dest in values or action.type is Path:
        action.complete = values.get(action.dest, shtab.FILE)  # type: ignore[attr-defined]


def _any_of(name: str, words: Iterable[str], *, files: bool = True) -> dict[str, Any]:
    """One of some words, or a file."""
    function, listed = f"_mk_lightning_{'files_or_' * files}{name}", join(words)
    lines = [f'compgen -W "{listed}" -- "$1"', *(['compgen -f -- "$1"'] if files else [])]
    return {
        "bash": function,
        "zsh": f"{{compadd -- {listed}{'; _files' * files}}}",
        "preamble": {"bash": f"{function}() {{\n  " + "\n  ".join(lines) + "\n}"},
    }
