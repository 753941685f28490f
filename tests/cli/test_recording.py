"""A recording that several runs share: used again by the same fighter, refused to another."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.test_resume import fit

SHORT = {"max_env_steps": 160, "rehearsal_ratio": 0.25}


def test_a_shared_recording_is_made_once_and_is_one_fighters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    data = SHORT | {"recording": {"env_steps": 90, "folder": str(tmp_path / "shared")}}
    made = "recording 90 env_steps of the base policy on 1 original states"
    with caplog.at_level(logging.INFO, logger="mk_lightning"):
        fit(tmp_path / "one", data, [])
        assert made in caplog.messages
        caplog.clear()
        fit(tmp_path / "two", data, [], "--data.evaluation.num_envs", "1")  # which concerns the evaluation alone
        assert made not in caplog.messages
    # Another seed starts from other weights here, for nothing is loaded: another fighter.
    with pytest.raises(SystemExit):
        fit(tmp_path / "three", data, [], "--seed_everything", "4")
    assert "holds another recording (fighter: " in capsys.readouterr().err
