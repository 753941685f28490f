"""Exceptions, and argument validation that raises them."""

from __future__ import annotations

import math
import signal
from typing import TypeVar


class UserError(ValueError):
    """Something the user gave cannot be used.

    The message is one line: what, the value seen, and what would do instead. The command line prints it alone;
    any other exception is a fault of the program and keeps its traceback.

    Attributes:
        everywhere: whether every rank of a run raises it, and rank 0 is to tell.
    """

    everywhere = False


class WorkerError(RuntimeError):
    """A worker process of an environment died too often or raised; the message names it and says how."""


class RunStopped(Exception):  # noqa: N818 - a signal is no error
    """A run ends before it is done, for a reason that lies outside the program.

    The message is one line: why, and what to do about it. The command line adds how the run goes on.

    Attributes:
        exit_code: of the command.
        everywhere: as a `UserError`'s.
    """

    exit_code = 1
    everywhere = False


class Diverged(RunStopped):
    """Learning has left what numbers can hold, or what Q-values can mean."""

    everywhere = True


class RankLost(RunStopped):
    """Another rank of the run has ended or cannot be reached."""

    def __init__(self) -> None:
        super().__init__("another rank of the run has ended, or cannot be reached")


class Interrupted(RunStopped):
    """A signal asked the run to stop.

    Args:
        signum: which.
        what: the run was doing.
    """

    def __init__(self, signum: int, what: str) -> None:
        super().__init__(f"{signal.Signals(signum).name} while {what}")
        self.exit_code = 128 + signum


E = TypeVar("E", UserError, RunStopped)


def on_every_rank(error: E) -> E:
    """Note of an error that every rank of the run raises it, and return it."""
    error.everywhere = True
    return error


def known_cause(error: BaseException | None) -> UserError | WorkerError | None:
    """What there is to say to the user; jsonargparse wraps the errors of a class it cannot make."""
    while isinstance(error, ValueError) and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error if isinstance(error, (UserError, WorkerError)) else None


def check_at_least(name: str, value: float, least: int, unit: str = "") -> None:
    """Check that a number is not too low.

    Raises:
        UserError: it is, or it is none (nan); the message calls it `name` and says its unit, if it has one.
    """
    if not value >= least:
        raise UserError(f"{name} must be at least {least}{unit and ' '}{unit}, got {value}")


def check_positive(name: str, value: float) -> None:
    """Check that a number is above 0 and finite.

    Raises:
        UserError: it is not; the message calls it `name`.
    """
    if not 0 < value < math.inf:
        raise UserError(f"{name} must be {'finite' if value == math.inf else 'above 0'}, got {value}")


def check_between(name: str, value: float, least: float, most: float, unit: str = "") -> None:
    """Check that a number is in its range.

    Raises:
        UserError: it is not, or it is none (nan); the message calls it `name` and says its unit, if it has one.
    """
    if not least <= value <= most:
        raise UserError(f"{name} must be between {least:,} and {most:,}{unit and ' '}{unit}, got {shortened(value)}")


def shortened(value: object, most: int = 60) -> str:
    """`value` as it is printed, its middle left out where it is long: an error is one line."""
    text = one_line(value)
    return text if len(text) <= most else f"{text[: most * 2 // 3]}...{text[-most // 4 :]}"


def one_line(value: object) -> str:
    """`value` as it is printed, its lines joined by spaces."""
    return " ".join(line.strip() for line in str(value).strip().splitlines())
