from __future__ import annotations

from pathlib import Path

import pytest

from mk_lightning.utils.program import program


@pytest.mark.parametrize(
    ("called", "found", "said"),
    [
        (".venv/bin/mk-lightning", False, ".venv/bin/mk-lightning"),
        ("/my place/mk-lightning", False, "'/my place/mk-lightning'"),
        (".venv/bin/mk-lightning", True, "mk-lightning"),
        ("cli.py", False, "mk-lightning"),
    ],
)
def test_it_is_called_as_the_shell_can_call_it(
    called: str, found: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if found:
        (tmp_path / "mk-lightning").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", [called])
    assert program() == said
