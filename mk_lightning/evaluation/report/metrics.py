"""Reading a run's `metrics.csv`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path


def read_series(path: Path, columns: Mapping[str, str]) -> dict[str, list[tuple[float, float]]]:
    """Points (env_steps, value) of some columns, by the name each is given; without those that hold nothing.

    A row without env_steps, as a validation writes it, belongs to those of the last row that had them.

    Args:
        path: the file.
        columns: column by name.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in columns}
    env_steps = 0.0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            env_steps = float(row.get("env_steps") or env_steps)
            for name, column in columns.items():
                if value := row.get(column):
                    found[name].append((env_steps, float(value)))
    return {name: points for name, points in found.items() if points}
