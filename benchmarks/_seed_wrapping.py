"""The seed project's environment, as its README builds it: what our own is compared with.

``stable_retro.make`` with ``Actions.ALL``; a wrapper that steps four frames, converts **every** one to 84x84 grey
and computes the reward from each frame's info; a table of 26 button combinations; a state drawn at each reset,
its file read and unpacked each time. Frames are stacked by SB3's ``VecFrameStack``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import cv2
import gymnasium
import numpy as np
import stable_retro
from stable_retro.data import Integrations

from mk_lightning.games.game import Game

__all__ = ["SeedEnv", "make_seed_env"]


class SeedEnv(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The seed's wrapper: discrete actions, frame skip, grey frames, its reward."""

    def __init__(self, env: gymnasium.Env[Any, Any], game: Game, states: list[str], inttype: Any) -> None:
        super().__init__(env)
        assert game.full_health is not None, "the seed's reward has a number for it"
        self._full_health, self._states, self._inttype = game.full_health, states, inttype
        self.observation_space = gymnasium.spaces.Box(0, 255, (84, 84, 1), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(len(game.actions))
        self._buttons = [
            np.array([button in game.action_buttons(action) for button in game.buttons], np.uint8)
            for action in game.actions
        ]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.env.unwrapped.load_state(random.choice(self._states), self._inttype)  # type: ignore[attr-defined]
        screen, _ = self.env.reset(seed=seed)
        full = self._full_health
        self._before = {"health": full, "enemy_health": full, "rounds_won": 0, "enemy_rounds_won": 0}
        return self._grey(screen), {}

    def step(self, action: Any) -> Any:
        total = 0.0
        for _ in range(4):
            screen, _, _, truncated, info = self.env.step(self._buttons[int(action)])
            frame = self._grey(screen)
            total += self._reward(info)
            terminated = info["rounds_won"] == 2 or info["enemy_rounds_won"] == 2
            if terminated:
                break
        return frame, total, terminated, truncated, info

    def _reward(self, info: dict[str, int]) -> float:
        before, full = self._before, self._full_health
        reward = float(max(before["enemy_health"] - info["enemy_health"], 0))
        reward -= max(before["health"] - info["health"], 0)
        if info["rounds_won"] > before["rounds_won"]:
            reward += full ** ((info["health"] + 1) / (full + 1))
        if info["enemy_rounds_won"] > before["enemy_rounds_won"]:
            reward -= full ** ((info["enemy_health"] + 1) / (full + 1))
        self._before = info
        return reward

    @staticmethod
    def _grey(screen: Any) -> Any:
        grey = cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY)
        return cv2.resize(grey, (84, 84), interpolation=cv2.INTER_AREA)[:, :, None]


def make_seed_env(game: Game, states: list[str]) -> Callable[[], SeedEnv]:
    """Return a function that makes one such environment, for ``SubprocVecEnv``."""

    def make() -> SeedEnv:
        inttype = Integrations.STABLE
        if not game.bundled:
            Integrations.add_custom_path(str(game.folder.parent))
            inttype = Integrations.CUSTOM_ONLY
        env = stable_retro.make(
            game.folder.name,
            state=states[0],
            inttype=inttype,
            use_restricted_actions=stable_retro.Actions.ALL,
            render_mode="rgb_array",
        )
        return SeedEnv(env, game, states, inttype)

    return make
