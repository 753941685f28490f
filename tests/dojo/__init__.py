"""The dojo's own scripts are no package: they are found beside its source."""

import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "dojo"
sys.path.insert(0, str(SOURCE))
