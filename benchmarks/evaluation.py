"""Evaluation with many environments beside one match after another: time, and the same CSV to the byte.

Both go through `mk-lightning test` with the shipped fighter, whole: start of the processes included.

    python benchmarks/evaluation.py [--matches 20] [--json FILE]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from _report import benchmark_parser, print_table, report

CONFIG = "configs/dojo/finetune.yaml"
BASE = "checkpoints/dojo-base.ckpt"


def main() -> None:
    """Measure and report."""
    parser = benchmark_parser("evaluation with many environments beside one match after another")
    parser.add_argument("--matches", type=int, default=20, help="matches per state")
    parser.add_argument("--num-envs", type=int, default=16, help="environments of the fast one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds, tables = {}, {}
        for num_envs in (options.num_envs, 1):
            seconds[num_envs], tables[num_envs] = _evaluate(Path(folder) / str(num_envs), options.matches, num_envs)
    data = yaml.safe_load(Path(CONFIG).read_text())["data"]
    states = len(data["original_states"]) + len(data["challenging_states"])
    if tables[1] != tables[options.num_envs]:
        sys.exit("the CSV files differ")
    ratio = seconds[1] / seconds[options.num_envs]
    rows = [[f"{number} environments", taken] for number, taken in seconds.items()]
    print_table(f"{states} states, {options.matches} matches each", ("", "seconds"), rows)
    figures = {
        "states": states, "matches": options.matches, "num_envs": options.num_envs, "ratio": ratio,
        "seconds": seconds[options.num_envs], "seconds_one_after_another": seconds[1],
    }  # fmt: skip
    report(figures, options.json)


def _evaluate(run: Path, matches: int, num_envs: int) -> tuple[float, bytes]:
    """Seconds that a test takes, and the table it writes."""
    words = ["-c", CONFIG, "--ckpt_path", BASE, "--run_dir", str(run), "--data.evaluation.test_epsilons", "[0.0]"]
    words += ["--data.evaluation.test_matches", str(matches), "--data.evaluation.num_envs", str(num_envs)]
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "mk_lightning", "test", *words], check=True)
    seconds = time.monotonic() - began
    return seconds, run.with_name(f"{run.name}-test").joinpath("evaluation_epsilon_0.csv").read_bytes()


if __name__ == "__main__":
    main()
