"""What every method is worth: win rates on the states the base knows and on those it is fine-tuned for.

Every arm fine-tunes the shipped fighter by `configs/dojo/finetune.yaml`, for as long as it says, and the overlays named
in `ARMS`, with the same seeds. Then the checkpoint that the run hands over (`best.ckpt`, chosen by its own
validation matches) plays the test matches, the same for all and for the base. They are of a `test_seed` of their own:
matches that the configs were made with, or that any other script plays, decide nothing here. All of it goes through
the command line that users have.

How it runs: `_study.py`. What is finished has a file in `docs/results/forgetting/` and is not repeated. The report is
made of all of those files; `--report` only writes it.

    python benchmarks/forgetting.py [--arms none ewc ...] [--seeds 1 2 3] [--at_once 2] [--json FILE]
"""

from __future__ import annotations

from _forgetting_report import write_report
from _report import report
from _study import Study

ARMS: dict[str, list[str]] = {
    "none": [],
    "lower_rate": ["lr-conservative"],
    "freeze_convolutions": ["freeze"],
    "freeze_features": ["freeze-features"],
    "decoupled_decay": ["weight-decay"],
    "l2_sp": ["l2-sp"],
    "ewc": ["ewc"],
    "mixed": ["mixed"],
    "rehearsal": ["rehearsal"],
    "rehearsal_noisy": ["rehearsal", "--data.recording.epsilon=0.5"],  # holds what the base would not do, too
    "cloning": ["rehearsal", "cloning"],
    "progressive": ["progressive"],
    "guard": ["guard"],  # nothing but another choice of the checkpoint, which is a part of the recipe
    "recommended": ["recommended"],
}
"""Overlays of each arm, from configs/dojo/, and options."""

STUDY = Study("forgetting", ["finetune"], ARMS, matches=50, test_seed=10)


def main() -> None:
    """Run what is missing and write the report."""
    options = STUDY.parser("forgetting and gain of every fine-tuning method").parse_args()
    report(write_report(STUDY.runs(options), ARMS, options.results), options.json)


if __name__ == "__main__":
    main()
