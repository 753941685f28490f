"""Arithmetic over RAM variables, as a ``game.yaml`` writes it: it is parsed and computed here, never run as code."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache

from mk_lightning.games.names import GameError, suggestion
from mk_lightning.utils.errors import shortened

__all__ = ["check_formula", "compute"]

MAX_LENGTH = 200
"""Characters of a formula."""
MAX_NUMBER = 2**31
"""Greater than every number in a formula."""
MAX_VALUE = 2**63
"""Variables are kept as 64-bit integers."""

OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


def check_formula(where: str, text: str, names: Collection[str]) -> None:
    """Check that a formula can be computed, before anything is played.

    Args:
        where: what it is, for the message.
        text: integers, names and ``+ - * //`` with parentheses; ``//`` divides by a positive integer only.
        names: variables that there are.

    Raises:
        GameError: it is something else, or names a variable that there is not; the nearest one is given.
    """
    for node in ast.walk(_parsed(where, text)):
        match node:
            case ast.Name(id=name):
                if name not in names:
                    raise GameError(f"{where}: no variable {shortened(name)!r}{suggestion(name, names)}")
            case ast.Constant(value=int(number)) if type(number) is int and number < MAX_NUMBER:
                pass
            case ast.BinOp(op=ast.FloorDiv(), right=right):
                if not (isinstance(right, ast.Constant) and type(right.value) is int and right.value > 0):
                    raise GameError(f"{where}: {shortened(text)!r}: // must divide by a positive integer, such as 16")
            case ast.BinOp(op=op) if type(op) in OPERATORS:
                pass
            case ast.UnaryOp(op=ast.USub()) | ast.Load() | ast.USub() | ast.operator():
                pass
            case _:
                raise GameError(_refusal(where, text))


def compute(text: str, variables: Mapping[str, int]) -> int:
    """Return the value of a formula that :func:`check_formula` has let pass.

    Example:
        >>> compute("100 - score - 80 * (raw // 192)", {"score": 20, "raw": 192})
        0

    Raises:
        GameError: the value does not fit into 64 bits.
    """
    value = _value(_parsed("formula", text), variables)
    if not -MAX_VALUE <= value < MAX_VALUE:
        raise GameError(f"the value of {text!r} does not fit into 64 bits; make it smaller")
    return value


@lru_cache(maxsize=256)
def _parsed(where: str, text: str) -> ast.expr:
    if len(text) > MAX_LENGTH:
        raise GameError(f"{where}: a formula has at most {MAX_LENGTH} characters, not {len(text)}")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise GameError(_refusal(where, text)) from None


def _refusal(where: str, text: str) -> str:
    return f"{where}: {shortened(text)!r} is not a formula of integers, names, + - * // and parentheses"


def _value(node: ast.expr, variables: Mapping[str, int]) -> int:
    match node:
        case ast.Name(id=name):
            return variables[name]
        case ast.Constant(value=int(number)):
            return number
        case ast.UnaryOp(operand=operand):
            return -_value(operand, variables)
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_value(left, variables), _value(right, variables))
    raise AssertionError(node)
