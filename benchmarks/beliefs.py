"""What a fighter believes that its play is worth, beside what it is worth.

For each finished run of `forgetting.py`, and for the base, the checkpoint that was handed over plays the original and
the challenging states, greedily. A Q-value claims the discounted return that follows; here both are averaged over the
same env_steps, those that `HORIZON` more were played after. Where no outcome corrects the claims they go astray: on
states that are not played any more, and on those of a recording, whose targets take the best action by its Q-value,
also one that the recording does not hold (Fujimoto 2019, arXiv:1812.02900, "extrapolation error").

    python benchmarks/beliefs.py --runs DIR [--json FILE]     # DIR as in `forgetting.py`
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
import yaml
from _forgetting_runs import GROUPS, TESTED
from _report import benchmark_parser, print_table, report
from forgetting import ARMS, BASE, CONFIG
from rich.progress import track

from mk_lightning.envs import RetroVectorEnv
from mk_lightning.experience.recording import record
from mk_lightning.learning.checkpoint import load_matching, read_checkpoint
from mk_lightning.learning.network import DuelingNetwork

HORIZON = 150
"""env_steps of a return; what follows weighs gamma**150, 1 % with the config's gamma."""


def main() -> None:
    """Play, print and write."""
    parser = benchmark_parser("what fighters claim beside what they get")
    parser.add_argument("--runs", type=Path, default=Path("runs/forgetting"), help="where runs are kept")
    parser.add_argument("--env_steps", type=int, default=8_000, help="played by each fighter in each group of states")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = yaml.safe_load(Path(CONFIG).read_text())["data"]
    fighters = {"base": [BASE]} | {arm: found for arm in ARMS if (found := _handed_over(options.runs, arm))}
    if len(fighters) == 1:
        sys.exit(f"no finished run of forgetting.py in {options.runs}")
    worth: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for group in GROUPS:
        states, longest = data[f"{group}_states"], data["env"]["max_env_steps"]
        with closing(RetroVectorEnv("dojo", states, num_envs=16, max_env_steps=longest)) as env:
            for arm, found in track(fighters.items(), f"{group} states"):
                worth[arm, group] = [_worth(env, checkpoint, options.env_steps, data) for checkpoint in found]
    figures: dict[str, float | int | str] = {"env_steps": options.env_steps, "horizon": HORIZON}
    rows = []
    for arm, found in fighters.items():
        figures[f"{arm}_seeds"] = len(found)
        shown = []
        for group in GROUPS:
            claimed, got = np.mean(worth[arm, group], axis=0).tolist()
            figures |= {f"{arm}_{group}_claimed": claimed, f"{arm}_{group}_got": got}
            shown += [f"{claimed:.2f}", f"{got:.2f}"]
        rows.append((arm, len(found), *shown))
    columns = [f"{group}: {what}" for group in GROUPS for what in ("claimed", "got")]
    print_table("mean Q-value and discounted return that followed, learning units", ("arm", "seeds", *columns), rows)
    report(figures, options.json)


def _handed_over(runs: Path, arm: str) -> list[Path]:
    """The checkpoints of an arm's finished runs."""
    return [run.parent / "checkpoints/best.ckpt" for run in sorted(runs.glob(f"{arm}-[0-9]*/{TESTED}"))]


def _worth(env: RetroVectorEnv, checkpoint: Path, env_steps: int, data: dict[str, object]) -> tuple[float, float]:
    """Mean of the claimed and of the observed returns over a fighter's play, learning units."""
    network = DuelingNetwork(int(env.single_action_space.n))
    load_matching(network, read_checkpoint(checkpoint)["state_dict"])
    gamma, scale = data["replay"]["gamma"], data["reward_scale"]  # type: ignore[index]
    played = record(
        env, network, env_steps=env_steps, epsilon=0.0, reward_scale=scale, n_step=HORIZON, gamma=gamma,
        seed=[11], about={},
    )  # fmt: skip
    seen = played.batch(played.indices)
    return float(seen.q_values.max(1).values.mean()), float(seen.transition.r_t.mean())


if __name__ == "__main__":
    main()
