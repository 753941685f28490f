"""Turn the parser's messages into one line that names the mistake and the nearest thing that would work."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable
from typing import Any

from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from torch.optim import Optimizer

from mk_lightning.callbacks.methods.curriculum import Phase
from mk_lightning.envs.rewards import Reward
from mk_lightning.experience.replay import Priorities
from mk_lightning.games.names import suggestion
from mk_lightning.networks.base import QNetwork
from mk_lightning.schedules import Schedule
from mk_lightning.utils.errors import shortened

WRAPPED = re.compile(r"(?:Call to compute_fn|Problem with given class_path|Validation failed).*? failed: ", re.S)
UNKNOWN_OPTION = re.compile(r"[Uu]nrecognized arguments?: (--[^\s=]+)")
REFUSED_OPTION = re.compile(r"(?:Subcommand '\w+' does not accept option|^Option(?= '\w+\.)) '([\w.]+)'")
GROUP_OPTION = re.compile(r"Group '([\w.]+)' does not accept option '([\w.]+)'")
UNKNOWN_KEY = re.compile(r"""[Kk]ey ['"]?(?P<key>[\w.]+)['"]? is not expected""")
PARENT_KEY = re.compile(r"""Parser key ['"](?P<key>[\w.]+)['"]""")
UNKNOWN_CLASS = re.compile(r"Expected a dot import path string: ([\w.]+)")
UNION = re.compile(r"Does not validate against any of the Union subtypes\s+Subtypes: \[(?P<kinds>.*)\]\s+Errors:")
UNION_ERROR = re.compile(
    r"^ +- (?!Expected a |Not a valid subclass|a class path|a dict |Does not validate)(?P<reason>.+(?:\n {8,}.+)*)",
    re.M,
)
"""Of a union's kinds that the value was not, the ones that say more than that."""
UNION_VALUE = re.compile(r"Given value: (.*)")
INNER_KEY = re.compile(r"""Parser key ['"](?P<key>[\w.]+)['"]:\s*""")
NOT_ACCEPTED = re.compile(r"Option '(\w+)' is not accepted")
NO_CLASS = re.compile(r"Problem with given class_path '[\w.]*?(\w+)':\s+(?:module .* has no|No \w+) attribute")
OTHER_CLASS = re.compile(
    r"(?:Import path|Expected) '?([\w.]+)'? (?:does not correspond to|to be) a subclass of \W*(\w+)"
)
ABSTRACT = re.compile(r"Expected an instantiatable class, but (?:\w+\.)*(\w+) is abstract")
NO_FILE = re.compile(r"\s*- Expected a path but .* either not accessible or invalid\s+- ")
"""That the value names no file of options either."""
WRONG_KIND = re.compile(
    r"Expected a (?P<kind><class '[\w.]+'>|typing.Literal\[.*\]|\w+\[.*\])\. Got value: (?P<value>.*)"
)
UNEXPECTED = re.compile(r"Unexpected config: *(.*)")
NO_GROUP = re.compile(r"Unable to load config '(.*)'")
LINKED = re.compile(
    r"""Linked ['"]([\w.]+)['"] must be given via ['"]([\w.]+)['"]|argument \w+\((.*)\) --> ([\w.]+): invalid"""
)
HIDDEN = ("-h", "help", "print_shtab")
"""Of a parser's options, those that nobody means."""
RETIRED = re.compile(r"--print_shtab")
NO_COMMAND = re.compile(r"""expected "subcommand" to be one of \{(.*)\}""")
OTHER_COMMAND = re.compile(r"argument subcommand: invalid choice: '(.*)' \(choose from (.*)\)")
SECTIONS = ("model", "data", "trainer", "film", "run_dir", "monitor", "torch_threads", "seed_everything", "ckpt_path")
"""What a config's keys begin with."""
SAID = re.compile(r"\w+ must be ")
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "NoneType": "null",
    "list": "a list",
    "collections.abc.Sequence": "a list",
    "collections.abc.Iterable": "a list",
    "list[str]": "a list of names",
    "list[float]": "a list of numbers",
    "dict": "a mapping",
    "dict[str, float]": "a mapping from names to numbers",
    "dict[str, int | float]": "a mapping from names to numbers",
}
"""Types, as people call them."""


def readable(message: str, options: Iterable[str]) -> str:
    """One line out of a jsonargparse message.

    Args:
        message: as jsonargparse gives it.
        options: every option of the command, without the dashes.
    """
    options = [option for option in options if option not in HIDDEN]
    message = WRAPPED.sub("", message)
    if RETIRED.search(message):
        return "no option --print_shtab; `mk-lightning completion bash` prints the script"
    if match := UNKNOWN_OPTION.search(message):
        return f"no option {match[1]}{_option(match[1][2:], options)}"
    if match := REFUSED_OPTION.search(message):
        section = match[1].partition(".")[0]
        return f"no key {match[1]} in the config{'' if section in SECTIONS else suggestion(section, SECTIONS)}"
    if match := GROUP_OPTION.search(message):
        return f"no key {match[1]}.{match[2]} in the config{_option(f'{match[1]}.{match[2]}', options)}"
    if match := LINKED.search(message):
        return f"{match[1] or match[4]} follows from {match[2] or match[3]}; leave it out"
    if match := NO_COMMAND.search(message):
        return f"no command given; valid: {match[1].replace(',', ', ')}"
    if match := OTHER_COMMAND.search(message):
        commands = re.findall(r"\w+", match[2])
        return f"no command {match[1]!r}{suggestion(match[1], commands)}"
    parent = PARENT_KEY.search(message)
    if match := UNKNOWN_KEY.search(message):
        key = match["key"]
        full = f"{parent['key']}.{key}" if parent and not key.startswith(parent["key"]) else key
        return f"no key {full} in the config{_option(full, options)}"
    if parent and (match := UNION.search(message)):
        return _union(parent["key"], match["kinds"], message[match.end() :])
    if parent and (match := UNKNOWN_CLASS.search(message)):
        return f"{parent['key']}: no class {match[1]}{_class(match[1], parent['key'])}"
    if parent and (match := NO_GROUP.search(message)):
        return f"{parent['key']} must be a mapping of keys, got {shortened(match[1])}"
    if parent and parent.start() == 0:
        return _reason(parent["key"], message[parent.end() :].lstrip(": \n"))
    if match := UNEXPECTED.match(message):
        return f"a config must be a mapping of keys, got {shortened(match[1]) or 'nothing'}"
    return " ".join(message.split())


def _union(key: str, kinds: str, errors: str) -> str:
    """What is wrong with a value that may be of several kinds."""
    given = UNION_VALUE.findall(errors)  # of unions within this one, then its own
    value = shortened(given[-1]) if given else "something else"
    error = UNION_ERROR.search(errors)
    if error and "Given value" not in error["reason"]:
        return _reason(key, error["reason"])
    if (match := UNKNOWN_CLASS.search(errors)) and re.search("Schedule|Callback|Logger", kinds):
        what = "neither a number nor a class" if "'float'" in kinds else "no class"
        return f"{key}: {match[1]!r} is {what}{_class(match[1], key, kinds)}"
    return f"{key} must be {' or '.join(_kinds(kinds))}, got {value}"


def _kinds(kinds: str) -> list[str]:
    """Types as jsonargparse lists them, as people call them."""
    literals = re.findall(r"typing\.Literal\[([^\]]*)\]", kinds)
    plain = re.sub(r"typing\.Literal\[[^\]]*\]", "", kinds)
    names = re.findall(r"<class '([\w.]+)'>|((?:\w+\.)*\w+\[(?:[^\[\]]|\[[^\]]*\])*\])", plain)
    found = [f"one of {', '.join(literals)}"] if literals else []
    for simple, generic in names:
        name = (simple or generic).replace("typing.", "")
        found.append(
            KINDS.get(name) or f"a {simple.rpartition('.')[2]}" if simple else KINDS.get(name, "a list of them")
        )
    if KINDS["float"] in found:  # which a whole number is
        found = [kind for kind in found if kind != KINDS["int"]]
    return list(dict.fromkeys(found))


def _reason(key: str, reason: str) -> str:
    """What is wrong below `key`, at the most exact place that is known."""
    reason = NO_FILE.sub("", reason)
    while inner := INNER_KEY.match(reason):
        key, reason = f"{key}.{inner['key']}", reason[inner.end() :]
    if match := UNION.search(reason):
        return _union(key, match["kinds"], reason[match.end() :])
    if (match := NOT_ACCEPTED.search(reason)) and (owner := _owner(key, match[1])):
        return f"{key}: the last one has no option {match[1]!r}; {owner}'s is --{owner}.{match[1]}"
    if match := NOT_ACCEPTED.search(reason):
        return f"{key}: no option {match[1]!r}{suggestion(match[1], _argument_names(key))}"
    if match := NO_CLASS.search(reason):
        return f"{key}: no class {match[1]}{_class(match[1], key)}"
    if match := OTHER_CLASS.search(reason):
        wanted = _base(key, match[2]).__name__ if match[2] == "class" else match[2]
        return f"{key}: {match[1]} is no {wanted}{_class(match[1], key, match[2])}"
    if match := ABSTRACT.search(reason):
        return f"{key}: {match[1]} is only the base of others{_class('', key, match[1])}"
    if match := WRONG_KIND.search(reason):
        kind, value = " or ".join(_kinds(match["kind"])) or match["kind"], shortened(match["value"])
        hint = f"; write {value[:-2]}" if kind == KINDS["int"] and re.fullmatch(r"-?\d+\.0", value) else ""
        return f"{key} must be {kind}, got {value}{hint}"
    if SAID.match(reason):  # by the parser of a class
        return f"{key}.{reason}"
    return f"{key}: {' '.join(reason.split())}"


def _option(unknown: str, options: list[str]) -> str:
    """The nearest option with the same parent, else the nearest of all."""
    parent, _, _ = unknown.rpartition(".")
    siblings = [option for option in options if option.rpartition(".")[0] == parent]
    return suggestion(unknown, siblings or options)


def _class(name: str, key: str, kinds: str = "") -> str:
    """The nearest of the classes that can stand at `key`."""
    names = {kind.__name__ for kind in _classes(_base(key, kinds)) if not inspect.isabstract(kind)}
    return suggestion(name.rpartition(".")[2], sorted(names))


def _base(key: str, kinds: str) -> type[Any]:
    """What a class at `key` must be; a callback, unless something says otherwise."""
    if "Schedule" in kinds or key.rpartition(".")[2] in {"learning_rate", "epsilon", "weight", "schedule"}:
        return Schedule
    if "env.reward" in key:
        return Reward
    if "optimizer" in key:
        return Optimizer
    if key.endswith("network"):
        return QNetwork
    return Logger if "logger" in key else Callback


def _argument_names(key: str) -> list[str]:
    """Arguments of what can stand at `key`; of callbacks and schedules, those of ours and of what they are given."""
    base = _base(key, "")
    if base in {Optimizer, Logger, QNetwork, Reward}:
        return sorted({name for kind in _classes(base) for name in inspect.signature(kind).parameters})
    kinds = [kind for base in (Callback, Schedule) for kind in _classes(base)]
    ours = (kind for kind in kinds if kind.__module__.startswith("mk_lightning."))
    names = {name for kind in ours for name in inspect.signature(kind).parameters}
    return sorted(names | {field.name for kind in (Phase, Priorities) for field in dataclasses.fields(kind)})


def _owner(key: str, argument: str) -> str | None:
    """A method with such an argument, where `key` is that of callbacks."""
    kinds = _classes(Callback) if key == "trainer.callbacks" else ()
    ours = (kind for kind in kinds if kind.__module__.startswith("mk_lightning.") and not inspect.isabstract(kind))
    return next((kind.__name__ for kind in ours if argument in inspect.signature(kind).parameters), None)


def _classes(base: type[Any]) -> Iterable[type[Any]]:
    """Every class below `base` that has been imported."""
    for child in base.__subclasses__():
        yield child
        yield from _classes(child)
