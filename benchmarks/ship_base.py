"""Make `checkpoints/dojo-base.ckpt` and its card from a finished pretraining run.

    mk-lightning fit -c configs/dojo/pretrain.yaml
    python benchmarks/ship_base.py runs/dojo-pretrain

Keeps the best checkpoint's weights, tests them (50 matches per state, no exploration) and writes the card from what
the test measured.
"""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import torch
import yaml
from _report import benchmark_parser, report

from mk_lightning.cli import main as mk_lightning
from mk_lightning.evaluation.intervals import wilson_interval

CHECKPOINT = Path("checkpoints/dojo-base.ckpt")
MATCHES = 50
KEPT = ("state_dict", "network", "pytorch-lightning_version", "global_step", "epoch")


def main() -> None:
    """Ship the weights and write the card."""
    parser = benchmark_parser("make the shipped fighter from a pretraining run")
    parser.add_argument("run_dir", type=Path)
    arguments = parser.parse_args()
    run: Path = arguments.run_dir
    config = yaml.safe_load((run / "config.yaml").read_text())
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save({key: best[key] for key in KEPT}, CHECKPOINT)
    data = config["data"]
    env_steps = data["warmup_env_steps"] + best["global_step"] * data["env_steps_per_learner_step"]
    # The config is written when a run begins, the table when it ends.
    seconds = (run / "before_after.json").stat().st_mtime - (run / "config.yaml").stat().st_mtime
    figures = {
        "seed": config["seed_everything"],
        "env_steps": env_steps,
        "env_steps_of_the_run": data["warmup_env_steps"] + data["max_env_steps"],
        "wall_seconds": seconds,
        "states": tested(run, data),
    }
    CHECKPOINT.with_suffix(".md").write_text(card(figures))
    report(figures, arguments.json)


def tested(run: Path, data: dict[str, list[str]]) -> dict[str, dict[str, float]]:
    """Test the shipped weights: win rate and mean return (game units) per state."""
    mk_lightning(
        ["test", "-c", str(run / "config.yaml"), "--ckpt_path", str(CHECKPOINT), "--run_dir", f"{run}-card",
         f"--data.evaluation.test_matches={MATCHES}", "--data.evaluation.test_epsilons=[0.0]"]
    )  # fmt: skip
    newest = max(run.parent.glob(f"{run.name}-card-test*"), key=lambda folder: folder.stat().st_mtime)
    with (newest / "metrics.csv").open(newline="") as file:
        row = list(csv.DictReader(file))[-1]
    return {
        state: {figure: float(row[f"test/epsilon_0/{figure}/{state}"]) for figure in ("win_rate", "return")}
        for state in (*data["original_states"], *data["challenging_states"])
    }


def card(figures: dict[str, object]) -> str:
    """The card as Markdown."""
    rows = []
    for state, scores in figures["states"].items():  # type: ignore[attr-defined]
        rate = scores["win_rate"]
        low, high = wilson_interval(round(rate * MATCHES), MATCHES)
        rows.append(f"| {state} | {rate:.0%} [{low:.0%}, {high:.0%}] | {scores['return']:.0f} |")
    return f"""# dojo-base

The fighter to fine-tune: a dueling double DQN that knows opponents 01 to 04 of the dojo and has never met 05 to 08.
Weights only, for `model.init_from` and `mk-lightning test --ckpt_path`.

- Command: `mk-lightning fit -c configs/dojo/pretrain.yaml`
- Seed: {figures["seed"]}
- env_steps: {figures["env_steps"]:,}, the best validation of a run of {figures["env_steps_of_the_run"]:,}
- Wall time of the run: {timedelta(seconds=round(float(figures["wall_seconds"])))}, evaluations included, 2 cores

Win rate of {MATCHES} matches per state without exploration [Wilson 95 % interval], and mean return in game units (a
perfect match is +480):

| state | win rate | return |
|---|---|---|
{chr(10).join(rows)}

Made by `python benchmarks/ship_base.py RUN_DIR`.
"""  # fmt: skip


if __name__ == "__main__":
    main()
