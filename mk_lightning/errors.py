"""The error of the house."""


class UserError(ValueError):
    """Something the user gave cannot be used.

    The message is one line: what, the value seen, and what would do instead. The command line prints it alone;
    any other exception is a fault of the program and keeps its traceback.
    """


def check_at_least(name: str, value: float, least: int, unit: str = "") -> None:
    """See that a number is not too low.

    Raises:
        UserError: it is; the message calls it `name` and says its unit, if it has one.
    """
    if value < least:
        raise UserError(f"{name} must be at least {least}{unit and ' '}{unit}, got {value}")
