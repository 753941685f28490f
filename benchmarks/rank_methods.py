"""Every method and overlay on two ranks: whether both hold the same weights after 200 learner_steps.

Each overlay of the dojo runs on its fine-tuning config, `fit -c dojo/finetune -m OVERLAY`, on two processes that
Lightning starts. Both note a fingerprint of Q-network and target network after each learner_step; they must be equal,
bit for bit, at every one of them, though each rank plays and draws for itself. Network, matches and lengths are small,
so that phases, unfreezing and schedules all come to pass in these learner_steps.

    python benchmarks/rank_methods.py [--overlays ewc rehearsal] [--json FILE]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from _report import benchmark_parser, print_table, report

ROOT = Path(__file__).parents[1]
GAME = "dojo"
BASE = ("finetune", "pretrain")
"""Configs of the game that stand alone."""
RANKS = 2
SMALL = [
    "--model.init_from=null",
    "--model.network.hidden=16",
    "--data.env.num_envs=2",
    "--data.env.max_env_steps=40",
    "--data.env_steps_per_learner_step=8",
    "--data.replay.capacity=2000",
    "--data.recording.env_steps=200",
    "--data.evaluation.num_envs=2",
    "--data.evaluation.matches=1",
    "--data.evaluation.test_matches=1",
    "--data.evaluation.every=0.5",
    "--trainer.callbacks+=tests.ranks.watching.Watch",  # writes them
    f"--trainer.devices={RANKS}",
    "--trainer.strategy=ddp",
]


def main() -> None:
    """Run each, compare the ranks, print and write."""
    overlays = sorted(path.stem for path in (ROOT / "configs" / GAME).glob("*.yaml") if path.stem not in BASE)
    parser = benchmark_parser("every method and overlay on two ranks")
    parser.add_argument("--overlays", nargs="+", choices=overlays, default=overlays, metavar="OVERLAY")
    parser.add_argument("--learner-steps", type=int, default=200, help="of each run")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for overlay in options.overlays:
            rows.append([overlay, *_run(overlay, options.learner_steps, Path(folder) / overlay)])
            print(*rows[-1], flush=True)
    equal = sum(row[-1] == "equal" for row in rows)
    print_table(
        f"{RANKS} ranks of configs/{GAME}/finetune.yaml, weights after each learner_step",
        ("overlay", "methods", "learner_steps", "different weights", "ranks"),
        rows,
    )
    report(
        {"ranks": RANKS, "learner_steps": options.learner_steps, "overlays": len(rows), "equal": equal}, options.json
    )
    sys.exit(equal != len(rows))


def _run(overlay: str, learner_steps: int, run: Path) -> tuple[str, int, int, str]:
    """Fit with an overlay; returns its methods, learner_steps, how many different weights, and how ranks compare."""
    words = ["fit", "-c", f"configs/{GAME}/finetune.yaml", "-c", f"configs/{GAME}/{overlay}.yaml", *SMALL]
    words += [f"--run_dir={run}", f"--data.max_env_steps={8 * learner_steps}", "--data.warmup_env_steps=64"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    line = [sys.executable, "-m", "mk_lightning", *words]
    ended = subprocess.run(line, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{overlay}: {ended.stderr}")
    files = [run / f"rank-{rank}.jsonl" for rank in range(RANKS)]
    one, other = ([json.loads(line) for line in file.read_text().splitlines()] for file in files)
    weights = [(noted["online"], noted["target"]) for noted in one]
    same = weights == [(noted["online"], noted["target"]) for noted in other]
    drawn = any(mine["drawn"] != theirs["drawn"] for mine, theirs in zip(one, other, strict=True))
    content = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    callbacks = [callback["class_path"].rpartition(".")[2] for callback in content["trainer"]["callbacks"] or []]
    methods = ", ".join(name for name in callbacks if name != "Watch")
    told = "equal" if same and drawn else "the same batches" if same else "different"
    return methods or "-", len(one), len({online for online, _ in weights}), told


if __name__ == "__main__":
    main()
