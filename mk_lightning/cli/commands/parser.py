"""The parser of the commands that are not Lightning's."""

from __future__ import annotations

import argparse
from typing import NoReturn

from mk_lightning.utils.errors import UserError


class ToolParser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which takes no part of an option's name for the option.

    Args:
        command: its name, e.g. `compare`.
        description: what it does.
    """

    def __init__(self, command: str, description: str) -> None:
        super().__init__(prog=f"mk-lightning {command}", description=description, allow_abbrev=False)
        self._command = command

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving.

        Raises:
            UserError: always.
        """
        raise UserError(f"{self._command}: {message}")
