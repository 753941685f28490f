"""The head of a run's page: which run it is, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.next_round import lost_states, next_commands, told
from mk_lightning.utils.documents import read_yaml
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.machine import machine


@dataclass(frozen=True)
class RunConfig:
    """What a page says of a run's config; a script's may be of another shape, and then it says less.

    Attributes:
        seed: of the run.
        base: checkpoint that it began with; empty where it began with none.
        env_steps: it was to train for.
        trained: groups of states that it trains on.
    """

    seed: int | None = None
    base: str = ""
    env_steps: int | None = None
    trained: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path | None) -> RunConfig:
        """Read a config, if there is one."""
        try:
            content: Any = read_yaml(path, "config") if path else {}
            model, data = content.get("model") or {}, content.get("data") or {}
            return cls(
                content.get("seed_everything"),
                str(model.get("init_from") or ""),
                data.get("max_env_steps"),
                tuple(data.get("train_states") or ()),
            )
        except (UserError, AttributeError, TypeError):
            return cls()


def run_facts(folder: Path, config: RunConfig) -> dict[str, str]:
    """What tells a run, which has just ended, from others, by name.

    Args:
        folder: of the run.
        config: of the run.
    """
    facts = {"run": str(folder), "base": config.base or "untrained"}
    if config.seed is not None:
        facts["seed"] = str(config.seed)
    if config.env_steps is not None:
        facts["length"] = f"{config.env_steps:,} env_steps after the warm-up"
    return facts | {"date": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}", "machine": machine()}


def next_lines(folder: Path, after: Evaluation) -> list[tuple[str, str]]:
    """What can be done next, each in words and as a command.

    Args:
        folder: of the run.
        after: of the policy that the run hands over.
    """
    checkpoint = Path(after.policy) if after.sha256 else None
    lost = lost_states(after)
    words = {"another round": f"still lost: {told(after, lost)}; another round, from this one's result"}
    return [(words.get(what, what), command) for what, command in next_commands(folder, after, checkpoint)]
