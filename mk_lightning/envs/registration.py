"""The environments' names in gymnasium: `gymnasium.make("mk_lightning/Dojo-v0")`, and `make_vec`."""

from __future__ import annotations

from gymnasium.envs.registration import register

GAMES = {"Dojo-v0": "dojo", "MortalKombatII-v0": "mk2"}
"""By the environment's name; the game's alias."""


def register_envs() -> None:
    """Register an environment for each game that ships; `import mk_lightning` does."""
    for name, game in GAMES.items():
        register(
            f"mk_lightning/{name}",
            entry_point="mk_lightning.envs.fighting_env:FightingEnv",
            vector_entry_point="mk_lightning.envs.vector_env:RetroVectorEnv",
            kwargs={"game": game},
        )
