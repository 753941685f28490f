"""Reading YAML and JSON, from wherever they come: there is a document, or a line that says why there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import yaml

from mk_lightning.utils.errors import UserError, shortened

YAML_BYTES = 1_000_000
"""A config or a game has a few thousand."""
JSON_BYTES = 1_000_000_000
"""An evaluation has about 3 kB a match."""
NODES = 100_000
"""Entries of a YAML document with its aliases written out: a few lines of them can stand for billions."""

_Refused = yaml.constructor.ConstructorError


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML file: plain values only, no key twice, aliases within bounds.

    Args:
        path: of the file.
        what: it is meant to be, for the message.

    Raises:
        UserError: it cannot be read, or is something else.
    """
    text = _text(path, what, YAML_BYTES)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_nodes(node)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise UserError(f"{path} is not YAML: {_place(error, text)}") from None
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # All but the first come from values that are none of their kind, such as a date in a 13th month.
        raise UserError(f"{path} is not YAML: {shortened(error, 240)}") from None
    except RecursionError:
        raise UserError(f"{path} is no {what}: it is nested too deeply") from None


def read_json(path: Path, what: str) -> Any:
    """Read a JSON file; numbers are finite.

    Args:
        path: of the file.
        what: it is meant to be, for the message.

    Raises:
        UserError: it cannot be read, or is something else.
    """
    return parse_json(_text(path, what, JSON_BYTES), path, what)


def _place(error: yaml.MarkedYAMLError, text: str) -> str:
    """Where a document is broken, how, and the line that is."""
    mark, began = error.problem_mark, error.context_mark
    assert mark is not None
    problem = f"{error.problem}{f' ({error.context} of line {began.line + 1})' if began and error.context else ''}"
    lines = text.splitlines()
    shown = next((lines[at.line] for at in (mark, began) if at and at.line < len(lines) and lines[at.line].strip()), "")
    return f"line {mark.line + 1}, column {mark.column + 1}: {shortened(problem, 160)}; there: {shortened(shown)}"


def parse_json(text: str, path: Path, what: str) -> Any:
    """Parse the text of a JSON file; numbers are finite.

    Args:
        text: of the file.
        path: of the file, for the message.
        what: it is meant to be, for the message.

    Raises:
        UserError: it is something else.
    """
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no {what}: it is not JSON ({shortened(error, 120)})") from None


def _text(path: Path, what: str, most: int) -> str:
    try:
        if path.is_dir():
            raise UserError(f"{path} is a directory, not {'an' if what[0] in 'aeiou' else 'a'} {what}")
        if not path.is_file():
            raise UserError(f"cannot read {path}: no such {what}")
        if (size := path.stat().st_size) > most:
            raise UserError(f"{path} is no {what}: it has {size:,} bytes, more than {most:,}")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no {what}: it is not text in UTF-8 (byte {error.start:,})") from None
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"cannot read {shortened(path)!r}: {error}") from None  # a NUL in its name


def _check_nodes(root: yaml.Node) -> None:
    """Check that no key stands twice and that the document stays small with its aliases written out."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known == 0:  # entered and not left
            raise _Refused(None, None, "an alias stands for what it is part of", node.start_mark)
        if known is None:
            sizes[id(node)] = 0
            below: list[yaml.Node] = []
            if isinstance(node, yaml.MappingNode):
                _check_keys(node)
                below = [part for pair in node.value for part in pair]
            elif isinstance(node, yaml.SequenceNode):
                below = node.value
            known = sizes[id(node)] = 1 + sum(size(part) for part in below)
        if known > NODES:
            raise _Refused(None, None, f"its aliases stand for more than {NODES:,} entries", node.start_mark)
        return known

    size(root)


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if key.value in seen:
                raise _Refused(None, None, f"key {shortened(key.value)!r} stands there twice", key.start_mark)
            seen.add(key.value)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a finite number")
