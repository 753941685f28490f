"""What a fighter believes that its play is worth, beside what it is worth.

For each finished run of `forgetting.py`, and for the base, the checkpoint that was handed over plays the original and
the challenging states, greedily. A Q-value claims the discounted return that follows; here both are averaged over the
same env_steps, those that `HORIZON` more were played after. Where no outcome corrects the claims they go astray: on
states that are not played any more, and on those of a recording, whose targets take the best action by its Q-value,
also one that the recording does not hold (Fujimoto 2019, arXiv:1812.02900, "extrapolation error"; Ostrovski 2021,
arXiv:2110.14020, where a trained agent that goes on with fixed data unlearns). So each fighter also looks at what the
base plays on the original states: what it claims of those actions, and in what share of env_steps it would do the same.

    python benchmarks/q_overestimation.py --runs DIR [--json FILE]     # DIR as in `forgetting.py`
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
from _study import BASE, CONFIGS
from forgetting import ARMS
from rich.progress import track

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.base_dataset import BATCH, RecordedBatch, record
from mk_lightning.networks.checkpoint import load_matching, read_checkpoint
from mk_lightning.networks.nature import NatureDueling

HORIZON = 150
"""env_steps of a return; what follows weighs gamma**150, 1 % with the config's gamma."""


def main() -> None:
    """Play, print and write."""
    parser = benchmark_parser("what fighters claim beside what they get")
    parser.add_argument("--runs", type=Path, default=Path("runs/forgetting"), help="where runs are kept")
    parser.add_argument("--env_steps", type=int, default=8_000, help="played by each fighter in each group of states")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = yaml.safe_load((CONFIGS / "finetune.yaml").read_text())["data"]
    fighters = {"base": [BASE]} | {arm: found for arm in ARMS if (found := _handed_over(options.runs, arm))}
    if len(fighters) == 1:
        sys.exit(f"no finished run of forgetting.py in {options.runs}")
    gamma, scale = data["replay"]["gamma"], data["reward_scale"]

    def play(env: RetroVectorEnv, network: NatureDueling) -> RecordedBatch:
        recording = record(
            env, network, env_steps=options.env_steps, epsilon=0.0, reward_scale=scale, n_step=HORIZON, gamma=gamma,
            seed=[11], about={},
        )  # fmt: skip
        return recording.batch(recording.indices)

    values: dict[str, list[dict[str, float]]] = {arm: [{} for _ in found] for arm, found in fighters.items()}
    for group in GROUPS:
        states, longest = data[f"{group}_states"], data["env"]["max_env_steps"]
        with closing(RetroVectorEnv("dojo", states, EnvConfig(num_envs=16, max_env_steps=longest))) as env:
            for arm, found in track(fighters.items(), f"{group} states"):
                for value, checkpoint in zip(values[arm], found, strict=True):
                    network = _network(env, checkpoint)
                    seen = play(env, network)
                    value[f"{group}_claimed"] = float(seen.q_values.max(1).values.mean())
                    value[f"{group}_got"] = float(seen.transition.r_t.mean())
                    if group == "original":
                        if arm == "base":  # which comes first
                            of_base = seen
                        value["of_base_claimed"], value["of_base_alike"] = _look(network, of_base)
    figures: dict[str, float | int | str] = {"env_steps": options.env_steps, "horizon": HORIZON}
    rows = []
    for arm, of_arm in values.items():
        means = {name: float(np.mean([value[name] for value in of_arm])) for name in of_arm[0]}
        figures |= {f"{arm}_seeds": len(of_arm)} | {f"{arm}_{name}": mean for name, mean in means.items()}
        rows.append((arm, len(of_arm), *(f"{mean:.2f}" for mean in means.values())))
    columns = [name.replace("_", " ") for name in means]
    print_table("mean Q-value and discounted return that followed, learning units", ("arm", "seeds", *columns), rows)
    report(figures, options.json)


def _handed_over(runs: Path, arm: str) -> list[Path]:
    """The checkpoints of an arm's finished runs."""
    return [run.parent / "checkpoints/best.ckpt" for run in sorted(runs.glob(f"{arm}-[0-9]*/{TESTED}"))]


def _network(env: RetroVectorEnv, checkpoint: Path) -> NatureDueling:
    network = NatureDueling(int(env.single_action_space.n))
    load_matching(network, read_checkpoint(checkpoint)["state_dict"])
    return network


@torch.inference_mode()
def _look(network: NatureDueling, played: RecordedBatch) -> tuple[float, float]:
    """The mean Q-value of another's actions, and the share of env_steps in which the network would act alike."""
    q_values = torch.cat([network(part) for part in played.transition.s_tm1.split(BATCH)])  # type: ignore[no-untyped-call]
    taken = played.transition.a_tm1
    return float(q_values.gather(1, taken[:, None]).mean()), float((q_values.argmax(1) == taken).float().mean())


if __name__ == "__main__":
    main()
