"""What every benchmark shares: the options, one table on the screen, and its figures in a file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from mk_lightning.utils.machine import machine
from mk_lightning.utils.tables import text_console

__all__ = ["benchmark_parser", "print_table", "report"]

Figures = Mapping[str, float | int | str]


def benchmark_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the option ``--json``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the printed figures here, too")
    return parser


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; floats are rounded to what a benchmark can know."""
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(_shown(value) for value in row))
    text_console().print(table)


def report(figures: Figures, json_file: Path | None) -> None:
    """Print the figures by key and, where asked for, write them as JSON, with the machine they are from."""
    for key, value in figures.items():
        print(f"{key}: {_shown(value)}")
    print(f"machine: {machine()}")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps({**figures, "machine": machine()}, indent=2) + "\n", encoding="utf-8")


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
