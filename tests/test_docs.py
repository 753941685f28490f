"""The documents say what the code and the figures say."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_results_page_is_what_its_script_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = runpy.run_path("benchmarks/results_page.py")["page"]
    assert Path("docs/results/index.md").read_text() == page() + "\n", "run python benchmarks/results_page.py"


def test_the_python_example_builds_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```python\n(.*?)```", Path("docs/index.md").read_text(), re.S)
    built, _, last = example.rstrip().rpartition("\n")
    assert last == "trainer.fit(model, data)"
    names: dict[str, object] = {}
    exec(built, names)
    assert names["data"].evaluation_states == ["VeryEasy.Bramble-01", "VeryEasy.Bulwark-02", "Medium.Kestrel-05"]  # type: ignore[attr-defined]
