"""The environments' names in gymnasium: `gymnasium.make("mk_lightning/Dojo-v0")`, and `make_vec`."""

from __future__ import annotations

from gymnasium.envs.registration import register

GAMES = {
    "Boxing-v0": "boxing",
    "Dojo-v0": "dojo",
    "FatalFury-v0": "fatal-fury",
    "FatalFury2-v0": "fatal-fury-2",
    "FightingMasters-v0": "fighting-masters",
    "JusticeLeagueTaskForce-v0": "justice-league",
    "MortalKombat3-v0": "mk3",
    "MortalKombatII-v0": "mk2",
    "SamuraiShodown-v0": "samurai-shodown",
    "ShaqFu-v0": "shaq-fu",
    "StreetFighterIISpecialChampionEdition-v0": "sf2",
    "TeenageMutantNinjaTurtlesTournamentFighters-v0": "tmnt",
    "VirtuaFighter2-v0": "virtua-fighter-2",
    "WWFArcade-v0": "wwf",
    "WorldHeroes-v0": "world-heroes",
}
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
