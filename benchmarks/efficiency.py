"""What makes fine-tuning learn more from as few env_steps: the recipe with one setting changed, beside it as it is.

Each arm fine-tunes the shipped fighter by `finetune.yaml` and `recommended.yaml` for a quarter of their length, with
the same seeds; what the run hands over plays the test matches. Most of a run's gain is made in that quarter, so that
what learns faster shows; what a long run makes of it, `forgetting.py` tells. How it runs: `_study.py`.

    python benchmarks/efficiency.py [--arms recipe n_step_5 ...] [--seeds 1 2 3] [--at_once 2] [--json FILE]
"""

from __future__ import annotations

from collections.abc import Mapping

from _forgetting_report import beside, rate_range
from _forgetting_runs import GROUPS, Arm, Run
from _report import report
from _study import Study

RECIPE = "recipe"
ARMS: dict[str, list[str]] = {
    RECIPE: [],
    "prioritized": ["--data.replay.priorities={alpha: 0.6}"],
    "n_step_1": ["--data.replay.n_step=1"],
    "n_step_5": ["--data.replay.n_step=5"],
    "n_step_7": ["--data.replay.n_step=7"],
    "batch_64": ["--data.replay.batch_size=64"],
    "half_the_learner_steps": ["--data.env_steps_per_learner_step=16"],
    "twice_the_rate": ["--model.learning_rate.init_args.start=6.0e-4", "--model.learning_rate.init_args.end=6.0e-5"],
    "half_the_rate": ["--model.learning_rate.init_args.start=1.5e-4", "--model.learning_rate.init_args.end=1.5e-5"],
    "target_every_200": ["--model.target_every=200"],
    "target_every_1000": ["--model.target_every=1000"],
    "less_exploration": ["--data.epsilon.init_args.start=0.1"],
    "frozen_convolutions": ["freeze"],
    "averaged": ["--trainer.callbacks+=pytorch_lightning.callbacks.EMAWeightAveraging"],
}
"""Overlays, from configs/dojo/, and options that an arm adds to the recipe."""

COMMON = [
    "finetune",
    "recommended",
    "--data.max_env_steps=48000",
    "--data.evaluation.every=1.0",
    "--data.evaluation.matches=5",
    "--monitor=val/return/challenging",
]
"""The end of the run is what counts: with one validation there is nothing to choose."""

STUDY = Study(
    "efficiency", COMMON, ARMS, matches=20, test_seed=20, varied=frozenset({"env_steps_per_learner_step"})
)  # fmt: skip


def main() -> None:
    """Run what is missing and write the report."""
    options = STUDY.parser("what learns more from as few env_steps").parse_args()
    runs = STUDY.runs(options)
    arms = {name: Arm([run for run in runs if run.arm == name]) for name in dict.fromkeys(run.arm for run in runs)}
    (options.results / "efficiency.md").write_text(_text(arms))
    figures: dict[str, float | int | str] = {"env_steps": runs[0].setting["env_steps"]}
    for name, arm in arms.items():
        figures[f"{name}_seeds"] = len(arm.runs)
        figures |= {f"{name}_{group}": arm.rate(group).value for group in GROUPS}
        figures[f"{name}_minutes"] = arm.minutes
    report(figures, options.json)


def _text(arms: Mapping[str, Arm]) -> str:
    first = next(iter(arms.values())).runs[0]
    lines = [
        "# Learning from fewer env_steps",
        "",
        "Written by `benchmarks/efficiency.py`; do not edit.",
        "",
        f"The recipe (`finetune.yaml`, `recommended.yaml`) for {first.setting['env_steps']:,} env_steps, with one",
        f"setting changed in each arm. What a run hands over plays {first.setting['matches']} test matches a state.",
        "Win rates are means over states and seeds [95 % interval: Student's t over the seeds, and at least Wilson's",
        "of the matches]. Beside the recipe, the seeds are compared each with its like. Minutes are of a fit,",
        f"{first.at_once} at once, and rough.",
        "",
        "| arm | seeds | original | challenging | seed by seed | beside the recipe, points on challenging | minutes |",
        "|---|--:|--:|--:|---|---|--:|",
    ]
    lines += [_row(name, arm, arms.get(RECIPE)) for name, arm in arms.items()]
    named = ", ".join(f"`{name}`" for name in ARMS if name not in arms)
    added = [f"- `{name}`: {', '.join(f'`{part}`' for part in ARMS[name])}" for name in arms if ARMS[name]]
    machines = "; ".join(sorted({run.machine for arm in arms.values() for run in arm.runs}))
    rest = [*([f"Not measured yet: {named}.", ""] if named else []), f"Measured on: {machines}.", ""]
    return "\n".join([*lines, "", "What each arm adds:", "", *added, "", *rest])


def _row(name: str, arm: Arm, recipe: Arm | None) -> str:
    seeds = ", ".join(f"{_challenging(run):.0%}" for run in arm.runs)
    told = beside(arm.beside(recipe, "challenging")) if recipe and name != RECIPE else ""
    rates = " | ".join(rate_range(arm.rate(group)) for group in GROUPS)
    return f"| {name} | {len(arm.runs)} | {rates} | {seeds} | {told} | {arm.minutes:.0f} |"


def _challenging(run: Run) -> float:
    return float(run.rate(run.after, "challenging").mean())


if __name__ == "__main__":
    main()
