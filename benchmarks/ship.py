"""Make a shipped fighter, `checkpoints/<name>.ckpt`, and its card from a finished run.

    mk-lightning fit -c configs/dojo/pretrain.yaml
    python benchmarks/ship.py dojo-base runs/dojo-pretrain

Keeps the best checkpoint's weights, tests them on the states of `configs/dojo/finetune.yaml` (50 matches each, no
exploration) and writes the card from what the test measured.
Without a run it tests the shipped weights again, as after a change of those states.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from _report import benchmark_parser, report

from mk_lightning.cli.main import main as mk_lightning
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.metrics.intervals import wilson_interval
from mk_lightning.metrics.state_score import StateScore
from mk_lightning.utils.lengths import in_env_steps

FIGHTERS = {
    "dojo-base": (
        "The fighter to fine-tune: a dueling double DQN that knows opponents 01 to 04 and never met 05 to 08.",
        "mk-lightning fit -c configs/dojo/pretrain.yaml",
    ),
    "dojo-finetuned": (
        "dojo-base, fine-tuned on the challenging states by the recommended recipe: what to compare it with. "
        "It is one run, that of the config's own seed; how others of it end is in docs/results/forgetting.md.",
        "mk-lightning fit -c configs/dojo/finetune.yaml -c configs/dojo/recommended.yaml",
    ),
}
"""What each is, and the run it is from."""
CONFIG = Path("configs/dojo/finetune.yaml")
MATCHES = 50
KEPT = ("state_dict", "network", "env_steps", "pytorch-lightning_version", "global_step", "epoch")


def main() -> None:
    """Ship the weights and write the card."""
    parser = benchmark_parser("make a shipped fighter from a run")
    parser.add_argument("name", choices=FIGHTERS, help="which")
    parser.add_argument("run_dir", type=Path, nargs="?", help="its run; none: only test again")
    arguments = parser.parse_args()
    checkpoint = Path(f"checkpoints/{arguments.name}.ckpt")
    known = checkpoint.with_suffix(".json")
    figures = ship(arguments.run_dir, checkpoint) if arguments.run_dir else json.loads(known.read_text())
    figures["states"] = {state: asdict(score) for state, score in tested(checkpoint).items()}
    known.write_text(json.dumps(figures, indent=2) + "\n")
    checkpoint.with_suffix(".md").write_text(card(arguments.name, figures))
    report(figures, arguments.json)


def ship(run: Path, checkpoint: Path) -> dict[str, Any]:
    """Copy the best weights; returns how they came to be."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save({key: best[key] for key in KEPT}, checkpoint)
    data = config["data"]
    return {
        "seed": config["seed_everything"],
        "env_steps": best["env_steps"],
        "env_steps_of_the_run": in_env_steps(data["warmup_env_steps"], data["max_env_steps"]) + data["max_env_steps"],
    }


def tested(checkpoint: Path) -> dict[str, StateScore]:
    """Test shipped weights: the scores of each state."""
    with tempfile.TemporaryDirectory() as folder:
        mk_lightning(
            ["test", "-c", str(CONFIG), "--ckpt_path", str(checkpoint), "--run_dir", f"{folder}/card",
             f"--data.evaluation.test_matches={MATCHES}", "--data.evaluation.test_epsilons=[0.0]"]
        )  # fmt: skip
        return Evaluation.read(Path(folder) / "card-test/evaluation_epsilon_0.json").scores()


def card(name: str, figures: dict[str, Any]) -> str:
    """The card as Markdown."""
    rows = []
    for state, score in figures["states"].items():
        rate = score["wins"] / score["matches"]
        low, high = wilson_interval(score["wins"], score["matches"])
        rows.append(f"| {state} | {rate:.0%} [{low:.0%}, {high:.0%}] | {score['mean_return']:.0f} |")
    weak = yaml.safe_load(CONFIG.read_text())["data"]["challenging_states"]
    mean = sum(figures["states"][state]["wins"] / figures["states"][state]["matches"] for state in weak) / len(weak)
    what, command = FIGHTERS[name]
    return f"""# {name}

{what}
Weights only, for `model.init_from` and `mk-lightning test --ckpt_path`.

- Command: `{command}`
- Seed: {figures["seed"]}
- env_steps: {figures["env_steps"]:,}, the best validation of a run of {figures["env_steps_of_the_run"]:,}

Win rate of {MATCHES} matches per state without exploration [Wilson 95 % interval], and mean return in game units (a
perfect match is +480):

| state | win rate | return |
|---|---|---|
{chr(10).join(rows)}
| mean of the challenging | {mean:.0%} | |

Made by `python benchmarks/ship.py {name} RUN_DIR`.
"""  # fmt: skip


if __name__ == "__main__":
    main()
