from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game
from tests.standin import mk2_standin


def test_mk2_s_integration_reads_a_match_of_the_dojo(tmp_path: Path) -> None:
    """The same match, played as the stand-in's and as the dojo's own: rewards, variables and ends are the same."""
    standin, dojo = load_game(mk2_standin(tmp_path)), replace(load_game("dojo"), seed_variable=None)
    mk2 = load_game("mk2")
    assert (standin.id, standin.states, standin.variables) == (mk2.id, mk2.states, mk2.variables)
    first, *_ = dojo.resolve_states("all")
    played, expected = (play(game, state) for game, state in ((standin, "Level1.LiuKangVsJax"), (dojo, first)))
    assert played == expected
    assert len({row[1] for row in played}) > 3, "nobody was hit"


def play(game: Game, state: str) -> list[tuple[float, ...]]:
    rows = []
    with closing(RetroVectorEnv(game, [state], EnvConfig(num_envs=1, max_noops=0, max_env_steps=400))) as envs:
        envs.reset(seed=1)
        for action in np.random.default_rng(0).integers(0, 26, 200):
            _, rewards, ended, cut, infos = envs.step(np.array([action]))
            values = [infos[name][0] for name in ("health", "enemy_health", "rounds_won", "enemy_rounds_won")]
            rows.append((float(rewards[0]), *map(int, values), bool(ended[0]), bool(cut[0])))
    return rows
