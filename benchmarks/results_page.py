"""Writes `docs/results/index.md` from the figures that the benchmarks left beside it.

python benchmarks/results_page.py
"""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

FOLDER = Path("docs/results")


def page(folder: Path = FOLDER) -> str:
    """The page as Markdown; a section for each benchmark that left its file."""
    figures = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("results.md.j2").render(
        figures=figures, forgetting=(folder / "forgetting.md").is_file()
    )


if __name__ == "__main__":
    (FOLDER / "index.md").write_text(page() + "\n")
