"""Lengths of parts of a run: in env_steps, or as fractions of the run."""

from __future__ import annotations

from numbers import Integral

from mk_lightning.utils.errors import UserError, shortened

Length = int | float
"""env_steps (an int: `128000`), or a fraction of the run (a float above 0 and at most 1: `0.67`).

The int comes first: a config's parser tries them in this order, and `1` is one env_step where `1.0` is the whole run.
"""


def check_length(name: str, length: Length, minimum: int = 1) -> None:
    """Check that a number is a length.

    Args:
        name: of the option, for the message.
        length: what was given.
        minimum: env_steps that it must have at least, if it is given in env_steps.

    Raises:
        UserError: it is not.

    Examples:
        >>> check_length("every", 1), check_length("every", 1.0)
        (None, None)
        >>> check_length("every", 2e5)
        Traceback (most recent call last):
        mk_lightning.utils.errors.UserError: every must be a whole number of env_steps, 1 or more, or a fraction of \
the run, above 0 and at most 1.0, got 200000.0; write 200000
    """
    if isinstance(length, float):
        valid, hint = 0 < length <= 1, length >= minimum and length.is_integer()
    else:
        valid, hint = isinstance(length, Integral) and not isinstance(length, bool) and length >= minimum, False
    if not valid:
        raise UserError(
            f"{name} must be a whole number of env_steps, {minimum} or more, or a fraction of the run, above 0 and at "
            f"most 1.0, got {shortened(length)}{f'; write {int(length)}' if hint else ''}"
        )


def in_env_steps(length: Length, run_env_steps: int) -> int:
    """Return a length in env_steps: a fraction of the run becomes the nearest number, 1 at least.

    Args:
        length: a valid one.
        run_env_steps: length of the run, without its warm-up.

    Examples:
        >>> in_env_steps(0.67, 192_000), in_env_steps(1.0, 192_000), in_env_steps(1, 192_000)
        (128640, 192000, 1)
    """
    return max(1, round(length * run_env_steps)) if isinstance(length, float) else length
