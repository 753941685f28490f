"""Commands on several ranks, in processes of their own: gloo on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.test_resume import CONFIG

ROOT = Path(__file__).parents[2]
ON = {
    1: [],
    2: ["--trainer.devices", "2", "--trainer.strategy", "ddp"],
    3: ["--trainer.devices", "3", "--trainer.strategy", "ddp"],
}
"""Options for so many ranks."""


def write_config(path: Path, callbacks: list[Any] | None = None, **data: Any) -> Path:
    """Write a config of 2 epochs of 14 learner_steps, in which two ranks with two environments share the env_steps."""
    config = json.loads(json.dumps(CONFIG))
    config["data"] |= {"env_steps_per_learner_step": 24, "max_env_steps": 672} | data
    config["data"]["evaluation"]["every"] = 336
    config["data"]["replay"]["capacity"] = 120
    config["trainer"]["callbacks"] = callbacks or []
    config["trainer"]["logger"] = False
    path.write_text(yaml.safe_dump(config))
    return path


def start(*words: str | Path, program: tuple[str, ...] = ("cli.py",)) -> subprocess.Popen[str]:
    """Start a command in a session of its own."""
    return subprocess.Popen(
        [sys.executable, *program, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(*words: str | Path, code: int = 0, stdin: str = "") -> tuple[str, str]:
    """Run a command that is to end with `code`, and return what it said on stdout and stderr."""
    process = start(*words)
    out, err = process.communicate(stdin, timeout=300)
    assert process.returncode == code, f"{process.returncode}\n{out}\n{err}"
    return out, err
