"""`import mk_lightning as mk`: every public name is there, and nothing is imported before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mk_lightning as mk


def test_every_public_name_can_be_used() -> None:
    stub = ast.parse(Path(mk.__file__).with_suffix(".pyi").read_text())
    names = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(mk.__all__) == names
    assert all(getattr(mk, name).__name__ == name for name in names - {"Policy", "Length"})
    assert names <= set(dir(mk))


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import mk_lightning", ("torch", "stable_retro", "pytorch_lightning")),
        ("import mk_lightning as mk; mk.FightingEnv; mk.RetroVectorEnv; mk.load_game", ("torch", "pytorch_lightning")),
        ("import mk_lightning as mk; mk.Evaluation; mk.Comparison", ("torch", "pytorch_lightning")),
        ("import mk_lightning as mk; mk.evaluate; mk.NatureDueling", ("pytorch_lightning", "matplotlib")),
    ],
)
def test_only_what_is_used_is_imported(code: str, absent: tuple[str, ...]) -> None:
    check = f"{code}; import sys; print(*(set({absent}) & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("words", [["--help"], ["states", "dojo"], ["weak", "nix.json"], ["compare", "a", "b"]])
def test_tools_do_not_import_torch(words: list[str]) -> None:
    code = (
        "import sys; from mk_lightning.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'pytorch_lightning'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
