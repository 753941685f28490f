"""Two rounds of fine-tuning as people make them: the demo's, then the one whose commands it prints.

The first round is `make demo`'s. The second is what its last line names: `weak` on its result, and a fit of the same
config with what `weak` has written. It must begin with the checkpoint that the first round has handed over, keep the
states which that one wins, and train on those it loses.

    python benchmarks/second_round.py [--seed 1] [--json FILE]
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from _report import benchmark_parser, print_table, report

from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.next_round import lost_states

ROOT = Path(__file__).parents[1]
DEMO = [f"configs/dojo/{name}.yaml" for name in ("finetune", "recommended", "short")]
ANOTHER = "another round, from this one's result: "
"""Before the commands of the next round."""


def main() -> None:
    """Make both rounds, check the second one's beginning, print and write."""
    parser = benchmark_parser("a second round from the first one's result, at the demo's length")
    parser.add_argument("--seed", type=int, default=1, help="of both rounds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        one = Path(name) / "round"
        configs = " ".join(f"-c {config}" for config in DEMO)
        said = _run(f"mk-lightning fit {configs} --run_dir {one} --seed_everything {options.seed}")
        (line,) = [line for line in said.splitlines() if line.startswith(ANOTHER)]
        _run(line.removeprefix(ANOTHER))
        two = one.with_name("round-2")
        before, between, after = (
            Evaluation.read(file) for file in (one / "before.json", one / "after.json", two / "after.json")
        )
        data = yaml.safe_load((two / "config.yaml").read_text(encoding="utf-8"))
        begun, lost = Path(data["model"]["init_from"]), lost_states(between)
        checks = {
            "begins_with_the_first_rounds_result": hashlib.sha256(begun.read_bytes()).hexdigest() == between.sha256,
            "measures_it_first": Evaluation.read(two / "before.json").sha256 == between.sha256,
            "originals_are_those_it_wins": data["data"]["original_states"]
            == [state for state in between.states if state not in lost],
            "challenging_are_those_it_loses": data["data"]["challenging_states"] == lost,
        }
    scores = [evaluation.scores() for evaluation in (before, between, after)]
    rows = [
        (state, "challenging" if state in lost else "original", *(f"{score[state].win_rate:.0%}" for score in scores))
        for state in between.states
    ]
    print_table("win rates", ("state", "in the second round", "base", "first round", "second round"), rows)
    figures: dict[str, float | int | str] = {"seed": options.seed, "lost": len(lost), "checks": len(checks)}
    figures |= {"held": sum(checks.values())}
    for when, score in zip(("base", "first", "second"), scores, strict=True):
        for group in ("original", "challenging"):
            rates = [score[state].win_rate for state in between.states if (state in lost) == (group == "challenging")]
            figures[f"{group}_{when}"] = sum(rates) / len(rates)
    for check, holds in checks.items():
        print(f"{check.replace('_', ' ')}: {'yes' if holds else 'NO'}")
    report(figures, options.json)
    sys.exit(not all(checks.values()))


def _run(command: str) -> str:
    """Run a command line from the repository's root, and return what it says on stdout."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    words, environment = ["bash", "-c", command], os.environ | {"PATH": path}
    ended = subprocess.run(words, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{command}\n{ended.stderr}")
    return ended.stdout


if __name__ == "__main__":
    main()
