"""Turn the parser's messages into one line that names the mistake and the nearest thing that would work."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable
from typing import Any

from pytorch_lightning.callbacks import Callback

from mk_lightning.callbacks import Phase
from mk_lightning.games.names import suggestion
from mk_lightning.schedules import Schedule

WRAPPED = re.compile(r"(?:Call to compute_fn|Problem with given class_path|Validation failed).*? failed: ", re.S)
UNKNOWN_OPTION = re.compile(r"[Uu]nrecognized arguments?: (--[^\s=]+)")
UNKNOWN_KEY = re.compile(r"""[Kk]ey ['"]?(?P<key>[\w.]+)['"]? is not expected""")
PARENT_KEY = re.compile(r"""Parser key ['"](?P<key>[\w.]+)['"]""")
UNKNOWN_CLASS = re.compile(r"Expected a dot import path string: ([\w.]+)")
UNION = re.compile(r"Does not validate against any of the Union subtypes")
UNION_ERROR = re.compile(r"^ +- (?!Expected a |Not a valid subclass)(?P<reason>.+(?:\n {8,}.+)*)", re.M)
"""Of a union's kinds that the value was not, the ones that say more than that."""
INNER_KEY = re.compile(r"""Parser key ['"](?P<key>[\w.]+)['"]:\s*""")
NOT_ACCEPTED = re.compile(r"Option '(\w+)' is not accepted")
NO_CLASS = re.compile(r"Problem with given class_path '[\w.]*?(\w+)':\s+module .* has no attribute")
WRONG_CHOICE = re.compile(r"Expected a typing.Literal\[(.*)\]\. Got value: (.*)")
WRONG_TYPE = re.compile(r"Expected a <class '(\w+)'>\. Got value: (.*)")
UNEXPECTED = re.compile(r"Unexpected config: *(.*)")


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
    if UNION.search(message) and parent:
        if error := UNION_ERROR.search(message):
            return _reason(parent["key"], error["reason"])
        if value := re.search(r"Given value: (.*)", message):
            return f"{parent['key']}: {value[1].strip()!r} is of the wrong type"
    if match := UNEXPECTED.match(message):
        return f"a config must be a mapping of keys, got {match[1] or 'nothing'}"
    return " ".join(message.split())


def _reason(key: str, reason: str) -> str:
    """What is wrong below `key`, at the most exact place that is known."""
    while inner := INNER_KEY.match(reason):
        key, reason = f"{key}.{inner['key']}", reason[inner.end() :]
    if match := NOT_ACCEPTED.search(reason):
        return f"{key}: no option {match[1]!r}{suggestion(match[1], _argument_names())}"
    if match := NO_CLASS.search(reason):
        return f"{key}: no class {match[1]}{suggestion(match[1], _class_names())}"
    if match := WRONG_CHOICE.search(reason):
        return f"{key} must be one of {match[1]}, got {match[2]}"
    if match := WRONG_TYPE.search(reason):
        return f"{key} must be of type {match[1]}, got {match[2]}"
    return f"{key}: {' '.join(reason.split())}"


def _option(unknown: str, options: list[str]) -> str:
    """The nearest option with the same parent, else the nearest of all."""
    parent, _, _ = unknown.rpartition(".")
    siblings = [option for option in options if option.rpartition(".")[0] == parent]
    return suggestion(unknown, siblings or options)


def _class_names() -> list[str]:
    """Classes that a config may name: callbacks and schedules, ours and Lightning's."""
    return sorted({kind.__name__ for kind in _classes()})


def _argument_names() -> list[str]:
    """Arguments of those of them that are ours."""
    ours = (kind for kind in _classes() if kind.__module__.startswith("mk_lightning."))
    names = {name for kind in ours for name in inspect.signature(kind).parameters}
    return sorted(names | {field.name for field in dataclasses.fields(Phase)})


def _classes() -> Iterable[type[Any]]:
    def below(kind: type[Any]) -> Iterable[type[Any]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return [kind for base in (Callback, Schedule) for kind in below(base)]
