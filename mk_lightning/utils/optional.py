"""Packages that only some need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mk_lightning.utils.errors import UserError

EXPORT = "mk-lightning[export]"
"""What pip installs the package by, with all that exports need."""


def import_optional(module: str, what: str, requirement: str = EXPORT) -> Any:
    """Import a module that is not among the package's dependencies.

    Args:
        module: its name.
        what: it is needed for, for the message.
        requirement: by which pip installs it.

    Raises:
        UserError: it is not installed; the message has the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise UserError(f"{what} needs {name}, which is not installed: pip install '{requirement}'") from None
