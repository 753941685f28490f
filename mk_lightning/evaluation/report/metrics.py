"""Reading a run's `metrics.csv`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path


def read_series(path: Path, columns: Mapping[str, str]) -> dict[str, list[tuple[float, float]]]:
    """Points (env_steps, value) of some columns, by the name each is given; without those that hold nothing.

    Args:
        path: the file.
        columns: column by name.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in columns}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row.get("env_steps"):
                continue  # a figure of somebody else's callback
            for name, column in columns.items():
                if value := row.get(column):
                    found[name].append((float(row["env_steps"]), float(value)))
    return {name: points for name, points in found.items() if points}
