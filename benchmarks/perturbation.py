"""Does the Fisher information know which weights matter? The check of the EWC paper (Kirkpatrick 2017, figure 3 c).

Gaussian noise of a given norm is added to the shipped fighter's weights, once the same for all weights and once scaled
by the inverse square root of the Fisher information, so that what matters is moved less. Then it plays the original
states. If the Fisher information is right, noise that spares what matters costs fewer wins.

    python benchmarks/perturbation.py [--json FILE]
"""

from __future__ import annotations

import copy
import os
from contextlib import closing
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
import yaml
from _report import benchmark_parser, print_table, report

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.base_dataset import Rehearsal, record
from mk_lightning.experience.episodes import EpisodeSpec, play_episodes
from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.learning.fisher import fisher_diagonal, normalised
from mk_lightning.networks.checkpoint import load_matching, read_checkpoint
from mk_lightning.networks.nature import NatureDueling

CONFIG = Path("configs/dojo/finetune.yaml")
"""Names the states the base knows."""
BASE = "checkpoints/dojo-base.ckpt"
FLOOR = 1e-3
"""Added to the Fisher information, of mean 1, before it is inverted, or weights of no importance took all the noise."""


def main() -> None:
    """Measure, print and write."""
    parser = benchmark_parser("noise that spares what matters beside noise that does not")
    parser.add_argument("--norms", type=float, nargs="+", default=[8.0, 12.0, 16.0, 24.0], help="norms of the noise")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)), help="seeds of the noise")
    parser.add_argument("--matches", type=int, default=5, help="matches per state, norm, kind and seed")
    parser.add_argument("--samples", type=int, default=1024, help="env_steps the Fisher information is estimated from")
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = NatureDueling(26)
    load_matching(base, read_checkpoint(BASE)["state_dict"])
    data = yaml.safe_load(CONFIG.read_text())["data"]
    states, longest = data["original_states"], data["env"]["max_env_steps"]
    with closing(RetroVectorEnv("dojo", states, EnvConfig(num_envs=16, max_env_steps=longest))) as env:
        fisher = _fisher(env, base, options.samples)
        figures: dict[str, float | int | str] = {
            "draws": len(options.seeds),
            "matches_a_draw": options.matches * len(states),
        }
        rows = []
        for norm in options.norms:
            for kind in ("uniform", "inverse_fisher"):
                networks = [_perturbed(base, fisher if kind != "uniform" else None, norm, s) for s in options.seeds]
                rates = [float(np.mean(_play(env, network, states, options.matches))) for network in networks]
                rows.append((norm, kind, f"{np.mean(rates):.0%}", f"{min(rates):.0%} to {max(rates):.0%}"))
                figures[f"win_rate_{kind}_{norm:g}"] = float(np.mean(rates))
                figures[f"lowest_{kind}_{norm:g}"] = min(rates)
    print_table("win rate of the perturbed base fighter", ("norm", "noise", "win rate", "draws of the noise"), rows)
    report(figures, options.json)


def _fisher(env: RetroVectorEnv, base: NatureDueling, samples: int) -> dict[str, torch.Tensor]:
    recording = record(
        env, base, env_steps=8_000, epsilon=0.05, reward_scale=20.0, n_step=1, gamma=0.97, seed=[0], about={}
    )
    drawn = Rehearsal(recording, [0]).sample(samples).transition
    return normalised(fisher_diagonal(base, drawn.s_tm1, drawn.a_tm1))


def _perturbed(base: NatureDueling, fisher: dict[str, torch.Tensor] | None, norm: float, seed: int) -> NatureDueling:
    """The base with noise of the given norm; the same draws for both kinds."""
    generator = torch.Generator().manual_seed(seed)
    noise = {name: torch.randn(p.shape, generator=generator) for name, p in base.named_parameters()}
    if fisher is not None:
        noise = {name: draws / (fisher[name] + FLOOR).sqrt() for name, draws in noise.items()}
    scale = norm / sum(float(draws.square().sum()) for draws in noise.values()) ** 0.5
    network = copy.deepcopy(base)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.add_(scale * noise[name])
    return network


def _play(env: RetroVectorEnv, network: NatureDueling, states: list[str], matches: int) -> list[bool]:
    specs = [EpisodeSpec(state, 3_000_000 + m) for m in range(matches) for state in states]
    return [record.result.won for record in play_episodes(GreedyPolicy(network), env, specs)]


if __name__ == "__main__":
    main()
