"""Environments around the shipped dojo, closed after use: a process can have only one emulator."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game


@pytest.fixture(scope="session")
def game() -> Game:
    return load_game("dojo")


@pytest.fixture(scope="session")
def states(game: Game) -> tuple[str, ...]:
    """The eight opponents at the first tier."""
    return game.resolve_states("VeryEasy.*")


@pytest.fixture
def make_env(game: Game) -> Iterator[Callable[..., FightingEnv]]:
    made: list[FightingEnv] = []

    def make(states: Any = "VeryEasy.*", *, render_mode: str | None = None, **options: Any) -> FightingEnv:
        while made:
            made.pop().close()
        made.append(FightingEnv(game, states, EnvConfig(**options), render_mode=render_mode))
        return made[-1]

    yield make
    for env in made:
        env.close()


@pytest.fixture
def env(make_env: Callable[..., FightingEnv]) -> FightingEnv:
    return make_env()


@pytest.fixture
def make_envs(game: Game) -> Iterator[Callable[..., RetroVectorEnv]]:
    made: list[RetroVectorEnv] = []

    def make(
        num_envs: int = 3, states: Any = "VeryEasy.*", *, render_mode: str | None = None, **options: Any
    ) -> RetroVectorEnv:
        made.append(RetroVectorEnv(game, states, EnvConfig(**options), num_envs=num_envs, render_mode=render_mode))
        return made[-1]

    yield make
    for envs in made:
        envs.close()
