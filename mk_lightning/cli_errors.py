"""Turn the parser's messages into one line that names the mistake and the nearest thing that would work."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pytorch_lightning.callbacks import Callback

from mk_lightning.games.names import suggestion
from mk_lightning.schedules import Schedule

WRAPPED = re.compile(r"(?:Call to compute_fn|Problem with given class_path|Validation failed).*? failed: ", re.S)
UNKNOWN_OPTION = re.compile(r"[Uu]nrecognized arguments?: (--[^\s=]+)")
UNKNOWN_KEY = re.compile(r"""[Kk]ey ['"]?(?P<key>[\w.]+)['"]? is not expected""")
PARENT_KEY = re.compile(r"""Parser key ['"](?P<key>[\w.]+)['"]""")
UNKNOWN_CLASS = re.compile(r"Expected a dot import path string: ([\w.]+)")
UNION = re.compile(r"Does not validate against any of the Union subtypes")


def readable(message: str, options: Iterable[str]) -> str:
    """One line out of a jsonargparse message.

    Args:
        message: as jsonargparse gives it.
        options: every option of the command, without the dashes.
    """
    options = list(options)
    message = WRAPPED.sub("", message)
    if match := UNKNOWN_OPTION.search(message):
        return f"no option {match[1]}{_option(match[1][2:], options)}"
    parent = PARENT_KEY.search(message)
    if match := UNKNOWN_KEY.search(message):
        key = match["key"]
        full = f"{parent['key']}.{key}" if parent and not key.startswith(parent["key"]) else key
        return f"no key {full} in the config{_option(full, options)}"
    if (match := UNKNOWN_CLASS.search(message)) and parent:
        return f"{parent['key']}: no class {match[1]}{suggestion(match[1].rpartition('.')[2], _class_names())}"
    if UNION.search(message) and parent and (value := re.search(r"Given value: (.*)", message)):
        return f"{parent['key']}: {value[1].strip()!r} is of the wrong type"
    return " ".join(message.split())


def _option(unknown: str, options: list[str]) -> str:
    """The nearest option with the same parent, else the nearest of all."""
    parent, _, _ = unknown.rpartition(".")
    siblings = [option for option in options if option.rpartition(".")[0] == parent]
    return suggestion(unknown, siblings or options)


def _class_names() -> list[str]:
    """Classes that a config may name: callbacks and schedules, ours and Lightning's."""

    def below(kind: type[Any]) -> Iterable[type[Any]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return sorted({kind.__name__ for base in (Callback, Schedule) for kind in below(base)})
