"""Whether a value out of a JSON file is of a type, all the way down."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, get_args, get_origin

MOST = 1e15
"""Magnitude of a number: whole ones are exact as floats, and sums of squares stay finite."""


def is_of(value: object, kind: Any) -> bool:
    """Whether a value is of a type made of bool, int, float, str, None, list, dict with str keys, and unions of them.

    A whole number is a float, too; a truth value is no number; numbers are finite and no larger than `MOST`.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return any(is_of(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(is_of(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(is_of(item, inner[1]) for item in value.values())
    if kind in {None, NoneType}:
        return value is None
    if kind in {int, float}:
        return isinstance(value, int | kind) and not isinstance(value, bool) and abs(value) <= MOST
    return type(value) is kind
