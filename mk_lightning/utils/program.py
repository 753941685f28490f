"""How the program is called in the commands that it prints."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from shlex import quote

NAME = "mk-lightning"


def program() -> str:
    """Return its name; where the shell would not find that (a virtual environment not activated), its path as given."""
    given = sys.argv[0]
    return quote(given) if Path(given).name == NAME and shutil.which(NAME) is None else NAME
