"""`docs/guide.md`, read as somebody with Mortal Kombat II reads it, and its commands, run small."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import shlex
import signal
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import yaml
from pytorch_lightning import Callback, LightningModule, Trainer

from mk_lightning.cli.main import main
from mk_lightning.experience.transition import Batch
from mk_lightning.networks.checkpoint import load_network

ROOT = Path(__file__).parents[2]
BASE = "runs/mk2-pretrain/checkpoints/best.ckpt"
FINETUNED = "runs/mk2-finetune/checkpoints/best.ckpt"
IN_PLACE_OF = {
    "checkpoints/dojo-base.ckpt": BASE,
    "checkpoints/dojo-finetuned.ckpt": FINETUNED,
    "configs/dojo/": "configs/mk2/",
    "runs/dojo-": "runs/mk2-",
    "-c dojo/": "-c mk2/",
    "states dojo": "states mk2",
}
"""What the page says of Mortal Kombat II, before its first heading."""
CONFIG = yaml.safe_load((ROOT / "configs/mk2/finetune.yaml").read_text())
WON, LOST = CONFIG["data"]["original_states"], CONFIG["data"]["challenging_states"]
STATES = ("data.original_states", "data.challenging_states")
ENV_STEPS, EVERY = 64, 8
"""Of a run, and between two learner_steps."""
SMALL: dict[str, Any] = {
    "trainer.logger": "false",
    STATES[0]: WON[:1],
    STATES[1]: LOST[:1],
    "model.network.init_args.hidden": 16,
    "data.max_env_steps": ENV_STEPS,
    "data.env_steps_per_learner_step": EVERY,
    "data.env.num_envs": 2,
    "data.env.max_noops": 2,
    "data.env.max_env_steps": 40,
    "data.replay.capacity": 2000,
    "data.replay.batch_size": 16,
    "data.recording.env_steps": 64,
    "data.evaluation.every": 1.0,
    "data.evaluation.matches": 1,
    "data.evaluation.test_matches": 1,
    "data.evaluation.test_epsilons": [0.0],
    "data.evaluation.num_envs": 4,
    "trainer.log_every_n_steps": 1,
}
"""Options that make a run tiny; lengths that are fractions of it follow."""
AS_CONFIGURED: dict[str, Any] = dict.fromkeys(STATES)
"""In place of the few states in `SMALL`, those of the configs."""


@dataclass(frozen=True)
class Section:
    """What stands below a heading."""

    heading: str
    text: str

    @property
    def blocks(self) -> list[str]:
        """Indented blocks."""
        return [textwrap.dedent(block) for block in re.findall(r"(?:^ {4}.*\n)+", self.text, re.M)]

    @property
    def commands(self) -> list[str]:
        return [line for block in self.blocks if block.startswith("mk-lightning") for line in block.splitlines()]

    @property
    def fragments(self) -> list[dict[str, Any]]:
        """Parts of a config."""
        return [yaml.safe_load(block) for block in self.blocks if not block.startswith("mk-lightning")]

    @property
    def overlays(self) -> list[list[str]]:
        """Overlays of its table that go together, each once: those of a row replace each other, rows add up."""
        cells = re.findall(r"^\| [^|]+ \| ([^|]+) \| \[", self.text, re.M)
        rows = [re.findall(r"`([\w-]+)\.yaml`", cell) for cell in cells]
        together: list[list[str]] = [[] for _ in range(max(map(len, rows)))]
        for number, row in enumerate(rows):
            for place, overlay in enumerate(row, number):
                together[place % len(together)].append(overlay)
        return together

    @property
    def python(self) -> str:
        (code,) = re.findall(r"```python\n(.*?)```", self.text, re.S)
        return str(code)


def read_guide() -> list[Section]:
    """The page's headings in their order, for Mortal Kombat II."""
    page = (ROOT / "docs/guide.md").read_text()
    for dojo, mk2 in IN_PLACE_OF.items():
        page = page.replace(dojo, mk2)
    _, *parts = re.split(r"^#+ (.+)\n", page, flags=re.M)
    return [Section(heading, text) for heading, text in zip(parts[::2], parts[1::2], strict=True)]


def as_options(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A part of a config by the names of its options."""
    options: dict[str, Any] = {}
    for key, value in config.items():
        options |= as_options(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return options


class Seen(Callback):
    """What the last fit trained on."""

    last: ClassVar[Seen]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        Seen.last = self
        self.drawn = dict(trainer.datamodule.train_states)  # type: ignore[attr-defined]
        self.played: set[str] = set()
        self.rehearsed: set[float] = set()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        self.played |= {result.state for result in batch.finished}
        self.rehearsed.add(1 - len(batch.indices) / len(batch.weights))


class Stop(Callback):
    """Ctrl-C in the middle of a fit.

    Args:
        at: learner_steps before.
    """

    def __init__(self, at: int) -> None:
        self.at = at

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


@dataclass(frozen=True)
class Fit:
    """A fit that has ended, and what it said."""

    path: Path
    said: str
    logged: list[str]

    @property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load((self.path / "config.yaml").read_text())
        return config

    def column(self, name: str) -> list[float]:
        """Of `metrics.csv`, where there is something in it."""
        with (self.path / "metrics.csv").open() as file:
            return [float(row[name]) for row in csv.DictReader(file) if row[name]]

    def learnt(self) -> set[str]:
        """Names of the layers that are not what the base's are."""
        base = load_network(BASE).state_dict()
        mine = load_network(self.path / "checkpoints" / "last.ckpt").state_dict()
        return {name.rpartition(".")[0] for name in base if not torch.equal(base[name], mine[name])}


class Walk:
    """Runs the guide's commands in this process."""

    def __init__(self, game: Path, caplog: pytest.LogCaptureFixture) -> None:
        self.game = game
        self._caplog = caplog

    def run(self, command: str, *words: str, **options: Any) -> str:
        """Run a command small and return what it prints.

        Args:
            command: of the page.
            words: further ones, the last of the command line.
            options: in place of those in `SMALL`, by name; None leaves one out.
        """
        program, *given = shlex.split(command, comments=True)
        assert program == "mk-lightning"
        assert "dojo" not in command
        if given[0] in {"fit", "test"}:
            small = {name: value for name, value in (SMALL | options).items() if value is not None}
            given += [f"--{name}={value}" for name, value in small.items()] + [f"--data.game={self.game}"]
        elif given[0] == "states":
            given[1:] = [str(self.game)]
        self._caplog.clear()
        with contextlib.redirect_stdout(io.StringIO()) as out:
            main([*given, *words])
        return out.getvalue()

    def fit(self, command: str, *words: str, **options: Any) -> Fit:
        """Fit, and watch what it trains on; a run's own `config.yaml` watches already."""
        watch = [] if "config.yaml" in command else [f"--trainer.callbacks+={__name__}.Seen"]
        said = self.run(command, *words, *watch, **options)
        (path,) = re.findall(r"^run: (\S+) \(report\.html", said, re.M)
        return Fit(Path(path), said, list(self._caplog.messages))

    def train(self, command: str, *words: str, learner_steps: int = ENV_STEPS // EVERY - 1) -> Fit:
        """Fit for so many learner_steps, by default all but the last, and stop: what follows is only measuring."""
        stop = [f"--trainer.callbacks+={__name__}.Stop", f"--trainer.callbacks.at={learner_steps}"]
        told = io.StringIO()
        with contextlib.redirect_stderr(told), pytest.raises(SystemExit) as stopped:
            self.run(command, *words, f"--trainer.callbacks+={__name__}.Seen", *stop)
        assert stopped.value.code == 128 + signal.SIGINT, told.getvalue()
        (path,) = re.findall(r"mk-lightning fit -c (\S+)/config\.yaml", told.getvalue())
        return Fit(Path(path), "", list(self._caplog.messages))

    def config(self, command: str) -> tuple[dict[str, Any], list[str]]:
        """The config that a fit would have, and what is logged of it."""
        self._caplog.clear()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as stop:
            main([*shlex.split(command)[1:], "--print_config"])
        assert not stop.value.code
        config: dict[str, Any] = yaml.safe_load(printed.getvalue())
        return config, list(self._caplog.messages)
