"""Options of callbacks by their names: `--Cloning.weight 0.2`, whichever place it has among `trainer.callbacks`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from mk_lightning.cli.arguments import CONFIG, Pipes
from mk_lightning.games.names import suggestion
from mk_lightning.utils.errors import UserError
from mk_lightning.workflows.recipe import new_parser

OPTION = re.compile(r"--(?P<callback>[A-Z]\w*)\.(?P<argument>[a-z]\w*)(?:=(?P<value>.*))?", re.S)
NOT_READ = ("--print_config", "--help", "-h")
"""Words by which a parser would print something and end."""


class MethodOption(NamedTuple):
    """One of them.

    Attributes:
        callback: name of the class.
        argument: of it.
        value: as YAML.
    """

    callback: str
    argument: str
    value: str


def with_method_options(words: Sequence[str], pipes: Pipes) -> list[str]:
    """Return an arranged command line with the callbacks, as such options change them, in a last config instead.

    Args:
        words: the command line, its command first.
        pipes: keeps the config.

    Raises:
        UserError: there is no such callback in `trainer.callbacks`, or more than one; or a config cannot be used.
    """
    options, others = _taken_out(words)
    if not options:
        return list(words)
    callbacks = _callbacks(others)
    for option in options:
        names = [callback["class_path"].rpartition(".")[2] for callback in callbacks]
        if names.count(option.callback) != 1:
            many = "more than one" if option.callback in names else "no"
            hint = suggestion(option.callback, names) if names else "; no config gives any"
            raise UserError(
                f"--{option.callback}.{option.argument}: {many} {option.callback} in trainer.callbacks"
                f"{'' if option.callback in names else hint}"
            )
        changed = callbacks[names.index(option.callback)]
        changed["init_args"] = changed.get("init_args", {}) | {option.argument: _value(option.value)}
    file = pipes.keep(yaml.safe_dump({"trainer": {"callbacks": callbacks}}).encode())
    return [*others, CONFIG[0], file]


def _taken_out(words: Sequence[str]) -> tuple[list[MethodOption], list[str]]:
    """Such options, and the rest of a command line.

    Raises:
        UserError: one has no value.
    """
    options, others, rest = [], [], iter(words)
    for word in rest:
        match = OPTION.fullmatch(word)
        if match is None:
            others.append(word)
            continue
        value = match["value"] if match["value"] is not None else next(rest, None)
        if value is None:
            raise UserError(f"{word}: expected one argument")
        options.append(MethodOption(match["callback"], match["argument"], value))
    return options, others


def _callbacks(words: Sequence[str]) -> list[dict[str, Any]]:
    """The callbacks that a command line describes, as a config has them."""
    parser = new_parser()
    known = ["--config" if word in CONFIG else word for word in words[1:] if not word.startswith(NOT_READ)]
    text = parser.dump(parser.parse_args(known), skip_none=False)
    return yaml.safe_load(text)["trainer"]["callbacks"] or []


def _value(text: str) -> Any:
    """What an option's text stands for in a config; 1e-4 is a number, too."""
    with contextlib.suppress(ValueError):
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
