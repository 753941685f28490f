"""`mk-lightning doctor`: whether this machine has what a run needs, and what to do where it has not."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import mk_lightning
from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.envs.workers.shared_memory import SharedArrays
from mk_lightning.games.catalog import load_game, shipped_games
from mk_lightning.games.game import Game
from mk_lightning.loggers.wandb_run import key_is_known
from mk_lightning.utils.errors import UserError

PACKAGES = ("torch", "pytorch-lightning", "torchmetrics", "stable-retro", "gymnasium", "numpy")
FAILED = 1
"""Exit code when something a run needs is missing."""
REPLAY_BYTES = 1_000_000_000
"""Free disk that the shipped configs want: 100,000 transitions, checkpoints, a recording."""
SHARING = 128
"""Environments, far more than a run has."""
ENV_STEPS = 50
"""Played to see the emulator run."""


class Finding(NamedTuple):
    """What was looked at and found.

    Attributes:
        what: what was looked at.
        verdict: `fail` stops every run, `warn` some of them.
        text: what was found, and what to do about it.
    """

    what: str
    verdict: Literal["ok", "warn", "fail"]
    text: str


def arguments() -> ToolParser:
    """Return the parser of its words, of which there are none."""
    return ToolParser("doctor", "Whether this machine has what a run needs.")


def run(words: Sequence[str]) -> int:
    """Print what was found, and return the exit code.

    Args:
        words: none.

    Raises:
        UserError: a word was given.
    """
    arguments().parse_args(list(words))
    table = Table(title=f"mk_lightning {mk_lightning.__version__}", title_justify="left")
    for column in ("", "", "found"):
        table.add_column(column, overflow="fold")
    verdicts = []
    for finding in findings():
        verdicts.append(finding.verdict)
        colour = {"ok": "green", "warn": "yellow", "fail": "red"}[finding.verdict]
        table.add_row(finding.what, f"[{colour}]{finding.verdict}[/{colour}]", escape(finding.text))
    failed = verdicts.count("fail")
    ready = "ready: mk-lightning fit -c configs/dojo/finetune.yaml"
    console = Console(emoji=False)
    console.print(table)
    console.print(f"{failed} of {len(verdicts)} things are missing" if failed else ready)
    return FAILED if failed else 0


def findings() -> Iterator[Finding]:
    """Look at one thing after another."""
    yield _packages()
    yield _machine()
    without_rom = []
    for path in shipped_games().values():
        game = load_game(path)
        if game.bundled and not (game.folder / game.console.rom_name).is_file():
            without_rom.append(game)
            continue
        yield _tried(f"{game.id}: ROM", game.rom_path, otherwise="warn" if game.bundled else "fail")
        yield _tried(f"{game.id}: states", partial(_states, [game]), otherwise="fail")
    if without_rom:
        yield Finding("games without ROM", "ok", _imports(without_rom))
        yield _tried("their states", partial(_states, without_rom), otherwise="fail")
    yield _tried("emulator", _emulator, otherwise="fail")
    yield _tried("shared memory", _shared_memory, otherwise="fail")
    yield _disk(Path.cwd())
    yield _wandb()


def _tried(what: str, look: Callable[[], object], otherwise: Literal["warn", "fail"]) -> Finding:
    try:
        return Finding(what, "ok", str(look()))
    except (UserError, RuntimeError, OSError) as error:
        return Finding(what, otherwise, " ".join(str(error).split()))


def _packages() -> Finding:
    found = [f"Python {platform.python_version()}"]
    missing = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        return Finding("packages", "fail", f"missing: {', '.join(missing)}; pip install mk-lightning")
    return Finding("packages", "ok", ", ".join(found))


def _machine() -> Finding:
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU (none is needed)"
    text = f"{cores} core{'' if cores == 1 else 's'}, {memory:.0f} GiB of memory, {gpu}"
    if cores < 2:
        return Finding(
            "machine", "warn", f"{text}; one core: learning and emulators take turns anyway, so use data.overlap=false"
        )
    return Finding("machine", "ok", text)


def _imports(games: Sequence[Game]) -> str:
    """What to run for their ROMs, should they be wanted: `a, b: COMMAND; c: COMMAND`."""
    names: dict[str, list[str]] = {}
    for game in games:
        names.setdefault(game.import_command, []).append(game.aliases[0])
    return "; ".join(f"{', '.join(of)}: `{command}`" for command, of in names.items())


def _states(games: Sequence[Game]) -> str:
    for game in games:
        for state in game.states:
            try:
                game.state_bytes(state)
            except UserError as error:
                raise UserError(f"{error}; install the package anew") from None
    return f"{sum(len(game.states) for game in games)}, all readable"


def _emulator() -> str:
    """Two processes play the dojo."""
    env = RetroVectorEnv("dojo", num_envs=2)
    try:
        frames, _ = env.reset(seed=1)
        began = time.perf_counter()
        for _ in range(ENV_STEPS):
            frames, *_ = env.step(np.zeros(2, np.int64))
        seconds = time.perf_counter() - began
    finally:
        env.close()
    if not frames.any():
        raise RuntimeError("the dojo's screen stays black; install stable-retro anew")
    return f"plays the dojo in two processes, {2 * ENV_STEPS / seconds:,.0f} env_steps/s"


def _shared_memory() -> str:
    """What a vector environment of that many shares with its workers."""
    arrays = SharedArrays(SHARING, 16)
    size = os.fstat(arrays.fd).st_size
    os.close(arrays.fd)
    shm = Path("/dev/shm")
    named = f"{shutil.disk_usage(shm).total / 1e9:,.1f} GB" if shm.is_dir() else "nothing"
    return f"{size / 1e6:.1f} MB for {SHARING} environments can be had; none of /dev/shm ({named}) is needed"


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:,.1f} GB free in {folder}"
    if not os.access(folder, os.W_OK):
        return Finding("disk", "fail", f"{folder} cannot be written to; go elsewhere or give --run_dir")
    if free < REPLAY_BYTES:
        return Finding("disk", "warn", f"{text}; a run with a replay of 100,000 transitions wants 1 GB")
    return Finding("disk", "ok", text)


def _wandb() -> Finding:
    if importlib.util.find_spec("wandb") is None:
        return Finding("W&B", "warn", "missing; pip install wandb to use configs/logger/wandb.yaml")
    key = "an API key is known" if key_is_known() else "no API key: runs are offline until `wandb login`"
    return Finding("W&B", "ok", f"wandb {version('wandb')}, {key}")
