"""The recipe in half of its env_steps: what it still wins, beside `forgetting.py`'s runs of the whole length.

Both play the same test matches, from the same base. How it runs: `_study.py`.

    python benchmarks/half_length.py [--arms half half_less_exploration] [--seeds 1 2 3] [--at_once 2] [--json FILE]
"""

from __future__ import annotations

from _forgetting_report import rate_range
from _forgetting_runs import GROUPS, Arm, Run
from _report import print_table, report
from _study import Study
from forgetting import STUDY as WHOLE

HALF = ["finetune", "recommended", "--data.max_env_steps=96000"]
ARMS: dict[str, list[str]] = {"half": [], "half_less_exploration": ["--data.epsilon.init_args.start=0.1"]}
STUDY = Study("half_length", HALF, ARMS, matches=WHOLE.matches, test_seed=WHOLE.test_seed)


def main() -> None:
    """Run what is missing, print and write."""
    options = STUDY.parser("the recipe in half of its env_steps").parse_args()
    runs = STUDY.runs(options)
    runs += [Run.read(file) for file in sorted((options.results / WHOLE.name).glob("recommended-*.json"))]
    rows = []
    figures: dict[str, float | int | str] = {"matches": WHOLE.matches}
    for name in dict.fromkeys(run.arm for run in runs):
        arm = Arm([run for run in runs if run.arm == name])
        rates = {group: arm.rate(group) for group in GROUPS}
        seeds = {group: ", ".join(f"{run.rate(run.after, group).mean():.0%}" for run in arm.runs) for group in GROUPS}
        env_steps = arm.runs[0].setting["env_steps"]
        rows.append(
            (name, env_steps, *(f"{rate_range(rates[group])}: {seeds[group]}" for group in GROUPS), arm.minutes)
        )
        figures |= {f"{name}_env_steps": env_steps, f"{name}_minutes": arm.minutes}
        for group in GROUPS:
            figures |= {f"{name}_{group}": rates[group].value, f"{name}_{group}_of_seeds": seeds[group]}
    columns = ("arm", "env_steps", *GROUPS, "minutes")
    print_table(f"win rates of {WHOLE.matches} test matches a state, mean and seed by seed", columns, rows)
    report(figures, options.json)


if __name__ == "__main__":
    main()
