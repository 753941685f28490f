"""The error of the house, and checks that raise it."""

import math


class UserError(ValueError):
    """Something the user gave cannot be used.

    The message is one line: what, the value seen, and what would do instead. The command line prints it alone;
    any other exception is a fault of the program and keeps its traceback.
    """


def check_at_least(name: str, value: float, least: int, unit: str = "") -> None:
    """See that a number is not too low.

    Raises:
        UserError: it is, or it is none (nan); the message calls it `name` and says its unit, if it has one.
    """
    if not value >= least:
        raise UserError(f"{name} must be at least {least}{unit and ' '}{unit}, got {value}")


def check_positive(name: str, value: float) -> None:
    """See that a number is above 0 and finite.

    Raises:
        UserError: it is not; the message calls it `name`.
    """
    if not 0 < value < math.inf:
        raise UserError(f"{name} must be {'finite' if value == math.inf else 'above 0'}, got {value}")


def check_between(name: str, value: float, least: float, most: float, unit: str = "") -> None:
    """See that a number is in its range.

    Raises:
        UserError: it is not, or it is none (nan); the message calls it `name` and says its unit, if it has one.
    """
    if not least <= value <= most:
        raise UserError(f"{name} must be between {least:,} and {most:,}{unit and ' '}{unit}, got {shortened(value)}")


def shortened(value: object, most: int = 60) -> str:
    """`value` as it is printed, its middle left out where it is long: an error is one line."""
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most * 2 // 3]}...{text[-most // 4 :]}"
