"""How well the Atari 2600's Boxing is learnt: the mean difference of the scores, beside published figures.

Trains `configs/boxing/pretrain.yaml` once for each seed, through the command line; what the run hands over
(`best.ckpt`) plays test matches with 5 % random actions and up to 30 frames of random play before, as in Mnih et al.
2015. The ROM comes from PyPI: `pip install "mk-lightning[games]"` and `mk-lightning import boxing`. Seeds that are
finished have a file in the results and are not repeated; a fit that was interrupted is resumed.

    python benchmarks/boxing.py [--seeds 1 2 3] [--report] [--json docs/results/boxing.json]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path

import yaml
from _forgetting_runs import TESTED
from _report import benchmark_parser, report
from _study import add_study_options, finish_fit, play_test

from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.report.metrics import read_series
from mk_lightning.metrics.pooling import PooledMean
from mk_lightning.utils.lengths import in_env_steps
from mk_lightning.utils.machine import machine

CONFIG = Path("configs/boxing/pretrain.yaml")
STATE = "Start"
PUBLISHED = {"random": 0.1, "human": 4.3, "DQN": 71.8}
"""Scores less the opponent's: Mnih et al., Human-level control through deep reinforcement learning, 2015, table 2."""
PUBLISHED_FRAMES = 200_000_000
"""What that DQN was trained for."""
TEST_SEED, EPSILON = 20, 0.05


@dataclass(frozen=True)
class Run:
    """A seed's run."""

    seed: int
    frames: int
    """It was trained for, the warm-up among them."""
    matches: int
    """Of the test."""
    score: float
    """Mean difference of the scores in the test."""
    win_rate: float
    seconds: float
    """Wall time of the fit."""
    machine: str
    curve: list[tuple[float, float]]
    """env_steps and mean difference of the scores of each validation."""

    @classmethod
    def of(cls, seed: int, run: Path) -> Run:
        """Sum up a finished run."""
        config = yaml.safe_load((run / "config.yaml").read_text())["data"]
        steps, tested = config["max_env_steps"], Evaluation.read(run / TESTED).scores()[STATE]
        curves = read_series(run / "metrics.csv", {"score": "val/return/original"})
        return cls(
            seed=seed,
            frames=(steps + in_env_steps(config["warmup_env_steps"], steps)) * config["env"]["frame_skip"],
            matches=tested.matches,
            score=tested.mean_return,
            win_rate=tested.win_rate,
            seconds=json.loads((run / "seconds.json").read_text())["fit"],
            machine=machine(),
            curve=curves["score"],
        )


def main() -> None:
    """Run what is missing and write the report."""
    parser = benchmark_parser("Boxing: the difference of the scores, beside published figures")
    parser.add_argument("--matches", type=int, default=100, help="test matches")
    add_study_options(parser, "boxing")
    parser.add_argument(
        "--option", nargs="+", default=[], metavar="OPTION=VALUE", help="of the fit: data.max_env_steps=8000"
    )
    options = parser.parse_args()
    kept = options.results / "boxing"
    if not options.report:
        kept.mkdir(parents=True, exist_ok=True)
        for seed in options.seeds:
            finish(seed, options.runs / str(seed), kept / f"{seed}.json", options.matches, options.option)
    runs = [Run(**json.loads(file.read_text())) for file in sorted(kept.glob("*.json"))]
    if not runs:
        sys.exit(f"nothing finished in {kept}")
    if len({(run.frames, run.matches) for run in runs}) > 1:
        sys.exit(f"runs of different lengths in {kept}; remove those of one")
    runs.sort(key=lambda run: run.seed)
    score = PooledMean.over_runs([run.score for run in runs])
    (options.results / "boxing.md").write_text(text(runs, score))
    figures: dict[str, float | int | str] = {"seeds": len(runs), "frames": runs[0].frames, "score": score.value}
    if len(runs) > 1:
        figures |= {"score_low": score.low, "score_high": score.high}
    figures |= {f"published_{name}": value for name, value in PUBLISHED.items()}
    report(figures, options.json)


def finish(seed: int, run: Path, result: Path, matches: int, options: Sequence[str]) -> None:
    """Train and test a seed, unless it is done."""
    if result.is_file():
        return
    words = ["-c", str(CONFIG), "--seed_everything", str(seed), *(f"--{option}" for option in options)]
    finish_fit(run, words)
    play_test(run, words, run / "checkpoints" / "best.ckpt", matches, TEST_SEED, EPSILON)
    result.write_text(json.dumps(asdict(Run.of(seed, run)), indent=1) + "\n")


def text(runs: Sequence[Run], score: PooledMean) -> str:
    """The report as Markdown."""
    first = runs[0]
    spread = "" if isnan(score.low) else f" [{score.low:.1f}, {score.high:.1f}]"
    lines = [
        "# Boxing",
        "",
        "Written by `benchmarks/boxing.py`; do not edit.",
        "",
        f"Mean difference of the scores in {first.matches} matches a seed, with 5 % random actions, over {len(runs)}",
        "seeds [95 % interval: Student's t over the seeds]. The others are published: Mnih et al. 2015, table 2.",
        "",
        "| | frames | score less the opponent's |",
        "|---|--:|--:|",
        f"| mk_lightning, `{CONFIG}` | {first.frames / 1e6:.1f} M | {score.value:.1f}{spread} |",
        f"| DQN | {PUBLISHED_FRAMES / 1e6:.0f} M | {PUBLISHED['DQN']} |",
        f"| human | | {PUBLISHED['human']} |",
        f"| random | | {PUBLISHED['random']} |",
        "",
        "The published DQN clips rewards, plays the Arcade Learning Environment and is judged after at most 30 no-op",
        "frames; here random actions take their place.",
        "",
        "## Over the run",
        "",
        "Validations, 20 matches each:",
        "",
        "| env_steps | " + " | ".join(f"seed {run.seed}" for run in runs) + " |",
        "|--:|" + "--:|" * len(runs),
    ]
    lines += [
        f"| {row[0][0]:,.0f} | " + " | ".join(f"{value:.1f}" for _, value in row) + " |"
        for row in zip(*(run.curve for run in runs), strict=True)
    ]
    minutes = ", ".join(f"{run.seconds / 60:.0f}" for run in runs)
    lines += ["", f"Minutes of a fit: {minutes}. Measured on: {'; '.join(sorted({run.machine for run in runs}))}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
