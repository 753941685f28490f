"""Finding the name that a user meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from mk_lightning.utils.errors import UserError, shortened

__all__ = ["GameError", "MissingRomError", "is_name", "nearest", "suggestion"]

NAME = re.compile(r"[\w.+-][\w .+()',&!-]{0,99}")


class GameError(UserError):
    """A game, state, action or ROM that cannot be used; the message is one line that says what to do."""


class MissingRomError(GameError):
    """There is no ROM where a game's is to be."""


def is_name(text: object) -> bool:
    """Whether something can be the name of a state or a group: it becomes part of file names, figures and tables."""
    return isinstance(text, str) and NAME.fullmatch(text) is not None


def _plain(name: str) -> str:
    """Lower case, separators and leading zeros dropped: what two spellings of one name have in common."""
    return re.sub(r"0*(\d+)", r"\1", re.sub(r"[\s._\-+]+", "-", name.casefold()))


def nearest(value: str, choices: Iterable[str]) -> str | None:
    """Return the choice most like ``value``, or None when nothing is like it.

    Numbers are compared by value first, so that ``LiuKang-4`` finds ``LiuKang-04`` and not ``LiuKang-14``.
    """
    plain = {_plain(choice): choice for choice in reversed(list(choices))}
    wanted = _plain(value)
    if wanted in plain:
        return plain[wanted]
    found = difflib.get_close_matches(wanted[:200], plain, n=1, cutoff=0.5)
    return plain[found[0]] if found else None


def suggestion(value: str, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'X'?"`` for the nearest choice, or the choices when none is near."""
    choices = list(choices)
    near = nearest(value, choices)
    if near is not None:
        return f"; did you mean {shortened(near)!r}?"
    shown = ", ".join(shortened(choice) for choice in choices[:8]) + (", ..." if len(choices) > 8 else "")
    return f"; valid: {shown}" if choices else ""
