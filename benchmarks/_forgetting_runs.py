"""What the runs of `forgetting.py` did, and what an arm's runs say together.

What varies is the run, not the match: two seeds of one arm can be thirty points apart where fifty matches tell ten. So
every interval is Student's t over the runs, and never narrower than what the matches alone leave open (Wilson).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.report.metrics import read_series
from mk_lightning.metrics.pooling import PooledMean
from mk_lightning.metrics.state_score import StateScore
from mk_lightning.utils.lengths import in_env_steps
from mk_lightning.utils.machine import machine

TESTED = "tested.json"
"""In a run's directory: the evaluation of the checkpoint that it hands over."""
GROUPS = ("original", "challenging")


@dataclass(frozen=True)
class Run:
    """One arm with one seed."""

    arm: str
    seed: int
    setting: dict[str, int | str]
    """What all runs of a report have in common."""
    chosen_by: str
    """The figure whose highest validation is the tested checkpoint, and the matches it is of."""
    env_steps: int
    """Of the tested checkpoint."""
    seconds: float
    """Wall time of the fit, validations included."""
    at_once: int
    """Runs that shared the machine."""
    machine: str
    """What it ran on."""
    groups: dict[str, str]
    """Group of each state."""
    before: dict[str, StateScore]
    after: dict[str, StateScore]
    verdicts: dict[str, str]
    """By group: beside the base, match by match."""
    curve: dict[str, list[tuple[float, float]]]
    """By group: env_steps and win rate of each validation."""

    @classmethod
    def of(cls, arm: str, seed: int, run: Path, base: Path, at_once: int) -> Run:
        """Sum up a finished run; `base` is the directory with what the base did in the same test."""
        before, after = Evaluation.read(base / TESTED), Evaluation.read(run / TESTED)
        comparison = Comparison(before, after)
        config = yaml.safe_load((run / "config.yaml").read_text())
        base_weights = Path(config["model"]["init_from"]).read_bytes()
        return cls(
            arm=arm,
            seed=seed,
            setting={
                "warmup_env_steps": in_env_steps(config["data"]["warmup_env_steps"], config["data"]["max_env_steps"]),
                "env_steps": config["data"]["max_env_steps"],
                "env_steps_per_learner_step": config["data"]["env_steps_per_learner_step"],
                "matches": len(after.matches) // len(after.states),
                "first_match": after.matches[0].seed,
                "base": hashlib.sha256(base_weights).hexdigest()[:12],
            },
            chosen_by=f"`{config['monitor']}` of {config['data']['evaluation']['matches']} matches a state",
            env_steps=torch.load(run / "checkpoints/best.ckpt", weights_only=True)["env_steps"],
            seconds=json.loads((run / "seconds.json").read_text())["fit"],
            at_once=at_once,
            machine=machine(),
            groups={state: group for group, states in after.groups.items() for state in states},
            before=before.scores(),
            after=after.scores(),
            verdicts={group: comparison.over(states).verdict for group, states in after.groups.items()},
            curve=read_series(run / "metrics.csv", {group: f"val/win_rate/{group}" for group in GROUPS}),
        )

    def __str__(self) -> str:
        original, challenging = (self.rate(self.after, group).mean() for group in GROUPS)
        return f"{self.arm}, seed {self.seed}: original {original:.1%}, challenging {challenging:.1%}"

    def write(self, path: Path) -> None:
        """Write it as JSON: small enough to be kept for good."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read what `write` wrote."""
        content = json.loads(path.read_text())
        for when in ("before", "after"):
            content[when] = {state: StateScore(**score) for state, score in content[when].items()}
        return cls(**content)

    def rate(self, scores: dict[str, StateScore], group: str) -> NDArray[np.float64]:
        """Win rates of a group's states."""
        states = [state for state, of in self.groups.items() if of == group]
        return np.array([scores[state].win_rate for state in states])

    def change(self, group: str) -> float:
        """Of the mean win rate of a group's states, after less before."""
        return float((self.rate(self.after, group) - self.rate(self.before, group)).mean())

    @property
    def worst_original(self) -> tuple[float, str]:
        """The lowest win rate among the original states, and whose it is."""
        return min((self.after[state].win_rate, state) for state, of in self.groups.items() if of == "original")


@dataclass(frozen=True)
class Arm:
    """What the runs of an arm did."""

    runs: Sequence[Run]

    def rate(self, group: str) -> PooledMean:
        """Win rate on a group's states."""
        run = self.runs[0]
        matches = sum(run.after[state].matches for state, of in run.groups.items() if of == group)
        return PooledMean.of_rates([float(run.rate(run.after, group).mean()) for run in self.runs], matches)

    def change(self, group: str) -> PooledMean:
        """Of the win rate on a group's states, from the base's in the same matches."""
        run = self.runs[0]
        matches = sum(run.before[state].matches for state, of in run.groups.items() if of == group)
        return self.rate(group).change_from(float(run.rate(run.before, group).mean()), matches)

    def beside(self, other: Arm, group: str) -> list[float]:
        """What it wins more than another arm on a group's states, with each seed that both have."""
        theirs = {run.seed: run.change(group) for run in other.runs}
        return [run.change(group) - theirs[run.seed] for run in self.runs if run.seed in theirs]

    @property
    def worst_original(self) -> float:
        """Mean over runs of the lowest win rate among the original states."""
        return float(np.mean([run.worst_original[0] for run in self.runs]))

    @property
    def minutes(self) -> float:
        """Of a fit, validations included."""
        return float(np.mean([run.seconds for run in self.runs]) / 60)
