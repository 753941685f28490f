"""Commands on several ranks, in processes of their own: gloo on this machine."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from typing import Any

import yaml

from tests.commands import Command
from tests.test_resume import CONFIG

ON = {
    1: [],
    2: ["--trainer.devices", "2", "--trainer.strategy", "ddp"],
    3: ["--trainer.devices", "3", "--trainer.strategy", "ddp"],
}
"""Options for so many ranks."""
QUIET = {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def write_config(path: Path, callbacks: list[Any] | None = None, **data: Any) -> Path:
    """Write a config of 2 epochs of 8 learner_steps, in which two ranks with two environments share the env_steps."""
    config = json.loads(json.dumps(CONFIG))
    config["data"] |= {"env_steps_per_learner_step": 24, "max_env_steps": 384} | data
    config["data"]["evaluation"]["every"] = 192
    config["data"]["replay"]["capacity"] = 120
    config["trainer"]["callbacks"] = callbacks or []
    config["trainer"]["logger"] = False
    path.write_text(yaml.safe_dump(config))
    return path


def start(ranks: int, *words: str | Path) -> list[Command]:
    """Start a command's ranks as torchrun does, each in a session of its own; none of them loads torch anew."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    line = [*map(str, words), *ON[ranks]]
    if ranks == 1:
        return [Command(line, **QUIET)]
    return [Command(line, RANK=str(rank), LOCAL_RANK=str(rank), **common, **QUIET) for rank in range(ranks)]


def launch(*words: str | Path) -> Command:
    """Start rank 0 of a command on two ranks, by which Lightning starts the other, as people do."""
    return Command([*map(str, words), *ON[2]], **QUIET)


def ended(commands: list[Command], code: int = 0) -> tuple[str, str]:
    """Wait for the end of commands, the first one's with `code`; return its stdout, and the stderr of all."""
    try:
        errors = "".join(command.wait(200.0) for command in commands)
        assert commands[0].returncode == code, f"{commands[0].returncode}\n{commands[0].said}\n{errors}"
        return commands[0].said, errors
    finally:
        for command in commands:
            if command.returncode is None:
                command.kill_group(signal.SIGKILL)


def run(ranks: int, *words: str | Path, code: int = 0) -> tuple[str, str]:
    """Run a command to the end of all its ranks, see `start` and `ended`."""
    return ended(start(ranks, *words), code)
