"""What fine-tuning an agent of Stable-Baselines3 is worth: here, beside going on with it there.

With each seed an agent is made as the seed project makes its own: a dueling double DQN in Stable-Baselines3, one-step
returns, buttons that stay down, trained on four opponents. From its zip

- `sb3` goes on there by the seed project's guide, on the challenging states, with rates and exploration that are in
  force (in that project they were not);
- `ours` is `configs/dojo/finetune.yaml` with `recommended.yaml` and `from-sb3.yaml`.

Both take as many env_steps, a learner_step for as many of them, in the same environments; what each hands over (there
the agent at the end, here the best checkpoint) plays the same test matches. A part that is finished has a file and is
not run again; a fit of ours that was interrupted goes on.

    python benchmarks/from_sb3.py [--seeds 1 2 3] [--report] [--json docs/results/from_sb3.json]
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from _contenders import Contender
from _report import benchmark_parser, report
from _seed_agent import GAMMA
from _study import SHORT_TABLE, add_study_options, finish_fit

from mk_lightning.envs.config import EnvConfig
from mk_lightning.evaluation.evaluate import evaluate
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.metrics.pooling import PooledMean
from mk_lightning.utils.machine import machine

GROUPS = {
    "original": [f"VeryEasy.{name}" for name in ("Bramble-01", "Bulwark-02", "Scythe-03", "Ember-04")],
    "challenging": [f"VeryEasy.{name}" for name in ("Kestrel-05", "Heron-06", "Grapnel-07")],
}
ARMS = {"base": "the agent", "sb3": "Stable-Baselines3 goes on", "ours": "mk_lightning"}
CONFIGS = [f"configs/dojo/{name}.yaml" for name in ("finetune", "recommended", "from-sb3")]
CAPACITY = 100_000
"""Transitions; of Stable-Baselines3's 5.6 GB."""
TEST_SEED, EPSILON = 40, 0.0


@dataclass(frozen=True)
class Run:
    """A seed: win rates by arm and group."""

    seed: int
    setting: dict[str, int]
    """What all seeds of a report have in common."""
    rates: dict[str, dict[str, float]]
    machine: str


def main() -> None:
    """Run what is missing and write the report."""
    parser = benchmark_parser("fine-tuning an agent of SB3, here and there")
    parser.add_argument("--base_env_steps", type=int, default=400_000, help="that the agent is trained for at first")
    parser.add_argument("--env_steps", type=int, default=192_000, help="that it is fine-tuned for")
    parser.add_argument("--warmup", type=int, default=4_000, help="env_steps before these, in which SB3 learns, too")
    parser.add_argument("--base_per_learner_step", type=int, default=16, help="env_steps, of the agent's training")
    parser.add_argument("--per_learner_step", type=int, default=8, help="env_steps, of both fine-tunings")
    parser.add_argument("--matches", type=int, default=50, help="test matches of a state")
    parser.add_argument("--sb3-torch-threads", type=int, help="of SB3; torch's own default when not given")
    add_study_options(parser, "from_sb3")
    parser.add_argument("--option", nargs="+", default=[], metavar="OPTION=VALUE", help="of our fit")
    options = parser.parse_args()
    kept = options.results / "from_sb3"
    if not options.report:
        for seed in options.seeds:
            finish(seed, options, kept / f"{seed}.json")
    runs = sorted((Run(**json.loads(file.read_text())) for file in kept.glob("*.json")), key=lambda run: run.seed)
    if not runs:
        sys.exit(f"nothing finished in {kept}")
    if any(run.setting != runs[0].setting for run in runs):
        sys.exit(f"runs of different settings in {kept}; remove those of one")
    pooled = pool(runs)
    (options.results / "from_sb3.md").write_text(text(runs, pooled))
    report(figures(runs, pooled), options.json)


def finish(seed: int, options: Namespace, result: Path) -> None:
    """Make what is missing of a seed: the agent, both fine-tunings, their evaluations, and the file of all."""
    if result.is_file():
        return
    folder = options.runs / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    base, theirs, ours = folder / "base.zip", folder / "sb3.zip", folder / "ours"
    common = {"game": "dojo", "seed": seed, "capacity": CAPACITY, "torch_threads": options.sb3_torch_threads}
    trained = {"states": GROUPS["original"], "env_steps": options.base_env_steps}
    _made(base, "_seed_agent.train", common | trained | {"per_learner_step": options.base_per_learner_step})
    tuned = {"states": GROUPS["challenging"], "env_steps": options.env_steps + options.warmup, "start": str(base)}
    _made(theirs, "_seed_agent.fine_tune", common | tuned | {"per_learner_step": options.per_learner_step})
    finish_fit(ours, _words(seed, base, options))
    rates = {
        arm: _rates(policy, folder / f"{arm}.json", options.matches)
        for arm, policy in (("base", base), ("sb3", theirs), ("ours", ours / "checkpoints" / "best.ckpt"))
    }
    names = ("base_env_steps", "env_steps", "warmup", "base_per_learner_step", "per_learner_step", "matches")
    run = Run(seed, {name: getattr(options, name) for name in names}, rates, machine())
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(asdict(run), indent=1) + "\n")


def _made(file: Path, function: str, settings: Mapping[str, Any]) -> None:
    """Let a process of its own make a zip, unless it is there."""
    if file.is_file():
        return
    print(f"{file}: {function}, {settings['env_steps']:,} env_steps", flush=True)
    contender = Contender(function, {**settings, "file": str(file)})
    contender.receive()
    contender.close()


def _words(seed: int, base: Path, options: Namespace) -> list[str]:
    """Configs and options of our fine-tuning."""
    given = {
        "seed_everything": seed,
        "model.init_from": base,
        "data.original_states": GROUPS["original"],
        "data.challenging_states": GROUPS["challenging"],
        "data.max_env_steps": options.env_steps,
        "data.warmup_env_steps": options.warmup,
        "data.env_steps_per_learner_step": options.per_learner_step,
        "data.replay.capacity": CAPACITY,
        "data.replay.gamma": GAMMA,
    }
    words = [word for config in CONFIGS for word in ("-c", config)] + SHORT_TABLE
    return words + [f"--{name}={value}" for name, value in given.items()] + [f"--{option}" for option in options.option]


def _rates(policy: Path, file: Path, matches: int) -> dict[str, float]:
    """Win rate in each group of states, in the test matches, which are played unless their file is there."""
    if not file.is_file():
        print(f"{policy}: test", flush=True)
        env = EnvConfig(release_frames=0)
        evaluate(policy, "dojo", GROUPS, matches=matches, seed=TEST_SEED, epsilon=EPSILON, env=env).write(file)
    evaluation = Evaluation.read(file)
    scores = evaluation.scores()
    return {
        group: sum(scores[state].win_rate for state in states) / len(states)
        for group, states in evaluation.groups.items()
    }


def pool(runs: Sequence[Run]) -> dict[str, dict[str, PooledMean]]:
    """Win rates by arm and group over the seeds."""
    return {
        arm: {
            group: PooledMean.of_rates(
                [run.rates[arm][group] for run in runs], runs[0].setting["matches"] * len(states)
            )
            for group, states in GROUPS.items()
        }
        for arm in ARMS
    }


def figures(runs: Sequence[Run], pooled: Mapping[str, Mapping[str, PooledMean]]) -> dict[str, float | int | str]:
    """What is printed and written as JSON."""
    found: dict[str, float | int | str] = {"seeds": len(runs), **runs[0].setting}
    for arm, groups in pooled.items():
        for group, rate in groups.items():
            found[f"{arm}_{group}"] = rate.value
            if len(runs) > 1:
                found |= {f"{arm}_{group}_low": rate.low, f"{arm}_{group}_high": rate.high}
    return found


def text(runs: Sequence[Run], pooled: Mapping[str, Mapping[str, PooledMean]]) -> str:
    """The report as Markdown."""
    setting = runs[0].setting
    lines = [
        "# From Stable-Baselines3",
        "",
        "Written by `benchmarks/from_sb3.py`; do not edit.",
        "",
        f"An agent of Stable-Baselines3, trained for {setting['base_env_steps']:,} env_steps on the original states",
        f"as the seed project trains its own, and fine-tuned for {setting['env_steps']:,} on the challenging ones,",
        f"there and here, with a learner_step per {setting['per_learner_step']} env_steps. Win rates in",
        f"{setting['matches']} test matches a state, over {len(runs)} seeds [95 % interval: Student's t over the",
        "seeds, no narrower than the matches']; then each seed's.",
        "",
        "| | original | challenging |",
        "|---|---|---|",
    ]
    for arm, what in ARMS.items():
        lines.append(f"| {what} | {' | '.join(_cell(runs, arm, group, pooled) for group in GROUPS)} |")
    lines += ["", f"Original: {', '.join(GROUPS['original'])}. Challenging: {', '.join(GROUPS['challenging'])}.", ""]
    return "\n".join([*lines, f"Measured on: {'; '.join(sorted({run.machine for run in runs}))}.", ""])


def _cell(runs: Sequence[Run], arm: str, group: str, pooled: Mapping[str, Mapping[str, PooledMean]]) -> str:
    rate = pooled[arm][group]
    interval = f" [{rate.low:.0%}, {rate.high:.0%}]" if len(runs) > 1 else ""
    return f"{rate.value:.1%}{interval}; {', '.join(f'{run.rates[arm][group]:.0%}' for run in runs)}"


if __name__ == "__main__":
    main()
