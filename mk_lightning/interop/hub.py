"""A folder for the Hugging Face Hub, which `hf upload` takes as it is, and an agent out of such a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import yaml

from mk_lightning.envs.config import with_default_reward
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.interop.agent import Agent
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.networks.safetensors_file import write_safetensors
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import sha256

WEIGHTS, CONFIG, CARD, FILM = "model.safetensors", "config.json", "README.md", "replay.mp4"
"""Files of the folder; the Hub shows the last one on the page of an agent."""
TASK = "reinforcement-learning"


def hub_files(agent: Agent, evaluation: Path | None = None, film: Path | None = None) -> dict[str, bytes]:
    """Return the files of the folder by their names.

    Args:
        agent: whose weights, and what there is to know of them, are in it.
        evaluation: file that `mk-lightning test` or a fit wrote of the agent, for the card.
        film: `.mp4` of it.

    Raises:
        UserError: safetensors is not installed; the evaluation is damaged, another agent's or of one in memory; the
            film is none.
    """
    measured = None if evaluation is None else _evaluation(agent, evaluation)
    config = agent.config
    if measured is not None:
        config |= {"game": measured.game, "actions": measured.actions, "env": _env(measured)}
    files = {
        WEIGHTS: write_safetensors(agent.network.state_dict(), agent.config),
        CONFIG: (json.dumps(config, indent=2) + "\n").encode(),
        CARD: _card(agent, measured, filmed=film is not None).encode(),
    }
    if film is not None:
        files[FILM] = _film(film)
    return files


def from_pretrained(folder: str | Path) -> DuelingDoubleDQN:
    """Return the agent in a folder that `export` has made for the Hugging Face Hub, wherever it was downloaded to.

    A fit begins with its weights, too: `mk.finetune(folder / "model.safetensors", ...)`.

    Args:
        folder: with `model.safetensors`.

    Raises:
        UserError: there is no such folder, or no agent of this package is in it; or safetensors is not installed.
    """
    if Path(folder).is_file():
        raise UserError(f"{folder} is a file; give its folder, or read it as a checkpoint")
    if not Path(folder).is_dir():
        raise UserError(f"{folder} is no folder; `hf download USER/NAME --local-dir {Path(folder).name}` fetches one")
    return DuelingDoubleDQN.load_from_checkpoint(Path(folder) / WEIGHTS)


def _evaluation(agent: Agent, path: Path) -> Evaluation:
    evaluation = Evaluation.read(path)
    if agent.file is None:
        raise UserError(
            f"{path} is an evaluation of {evaluation.policy}, and whether that is an agent in memory cannot be told: "
            'mk.export(agent, "agent.safetensors", "safetensors"), evaluate this file and export it'
        )
    if evaluation.sha256 != sha256(agent.file):
        raise UserError(
            f"{path} is an evaluation of {evaluation.policy}, not of {agent.source} as it is now; "
            f"`mk-lightning test --ckpt_path {agent.source}` makes one"
        )
    return evaluation


def _film(path: Path) -> bytes:
    if path.suffix != ".mp4":
        raise UserError(f"film must be an .mp4, which the Hub shows, got {path}; `--film.format mp4` of predict")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the film {path}: {error.strerror}") from None
    if content[4:8] != b"ftyp":  # what every MP4 begins with, after a length
        raise UserError(f"the film {path} is no MP4, whatever it is called; `mk-lightning predict` makes one")
    return content


def _card(agent: Agent, evaluation: Evaluation | None, *, filmed: bool) -> str:
    """The model card: what the Hub reads, in YAML, and a page for people."""
    name = Path(agent.source).stem
    data: dict[str, Any] = {
        "library_name": "mk_lightning",
        "pipeline_tag": TASK,
        "tags": [TASK, "deep-reinforcement-learning", "stable-retro", "dqn"],
    }
    if evaluation is not None:
        data["tags"].append(evaluation.game)
        data["model-index"] = [{"name": name, "results": [_result(evaluation, group) for group in evaluation.groups]}]
    kind, about = type(agent.network).__name__, agent.config
    steps = f", trained for {agent.env_steps:,} env_steps" if agent.env_steps else ""
    steps += f", beginning with {agent.base}" if agent.base else ""
    measured = "" if evaluation is None else _measured(evaluation)
    played = "evaluation = mk.evaluate(agent)"
    if evaluation is not None:
        own = f"  # for its returns, with reward={evaluation.env['reward']}" if "reward" in evaluation.env else ""
        played = f"""env = mk.EnvConfig({_arguments(evaluation.config.episode_options)}){own}
evaluation = mk.evaluate(agent, "{evaluation.game}", env=env)"""
    page = f"""
# {name}

A dueling double DQN (`{kind}`, {agent.network.num_actions} actions{steps}) for a fighting game of stable-retro.
It takes {about["observations"]}; it returns {about["q_values"]}.
{"The film is one of its matches." if filmed else ""}
{measured}
## Use it

```python
import mk_lightning as mk

agent = mk.from_pretrained("FOLDER")        # hf download USER/NAME --local-dir FOLDER
action = agent.predict(observation)         # (4, 84, 84) uint8
{played}
```

`mk-lightning fit -c CONFIG --model.init_from FOLDER/{WEIGHTS}` fine-tunes it. The file of weights holds no code.
"""
    return f"---\n{yaml.safe_dump(data, sort_keys=False)}---\n{page}"


def _env(evaluation: Evaluation) -> dict[str, int | str]:
    """How the matches were played, every option of it; the reward, which is text from a file, comes last."""
    return evaluation.config.episode_options | {"reward": str(with_default_reward(evaluation.env)["reward"])}


def _arguments(options: Mapping[str, int | str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _result(evaluation: Evaluation, group: str) -> dict[str, Any]:
    """What the Hub knows of a group of states."""
    states = evaluation.groups[group]
    returns = [match.reward for match in evaluation.matches if match.state in states]
    score = evaluation.score(states)
    return {
        "task": {"type": TASK, "name": TASK},
        "dataset": {"type": evaluation.game, "name": f"{evaluation.game}, {group} states"},
        "metrics": [
            {"type": "mean_reward", "name": "mean return of a match", "value": _spread(returns)},
            {"type": "win_rate", "name": f"win rate of {score.matches} matches", "value": round(score.win_rate, 4)},
        ],
    }


def _measured(evaluation: Evaluation) -> str:
    """The section on an evaluation."""
    rows = []
    for group, states in evaluation.groups.items():
        for state in states:
            score = evaluation.score([state])
            low, high = score.interval
            returns = _spread([match.reward for match in evaluation.of_state(state)])
            rows.append(f"| {state} | {group} | {score.win_rate:.0%} [{low:.0%}, {high:.0%}] | {returns} |")
    matches = len(evaluation.matches) // len(evaluation.states)
    if n_cut := sum(match.truncated for match in evaluation.matches):
        limit = f"{evaluation.config.max_env_steps:,} env_steps"
        cut = f"\n{n_cut} of the {len(evaluation.matches)} matches were cut off at {limit} and count as lost.\n"
    else:
        cut = ""
    listed = "\n".join(rows)
    return f"""
## What it wins

{evaluation.game}, {matches} matches a state with epsilon {evaluation.epsilon:g}: win rate [Wilson 95 % interval], and
return in game units. They were played with

```
{_arguments(_env(evaluation))}
```
{cut}
| state | group | win rate | return |
|---|---|---|---|
{listed}
"""


def _spread(values: list[float]) -> str:
    return f"{fmean(values):.2f} +/- {pstdev(values):.2f}"
