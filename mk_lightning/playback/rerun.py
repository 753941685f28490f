"""Play a match once more, from its actions, and see every frame of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import stable_retro
from numpy.typing import NDArray

from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.experience.episodes import EpisodeSpec
from mk_lightning.experience.frame_stacks import FrameStacks

Screen = NDArray[np.uint8]
"""What the console shows, (height, width, 3) uint8 RGB."""


@dataclass(frozen=True)
class Moment:
    """An env_step of a match.

    Attributes:
        env_step: its number, from 0.
        action: row of the action table.
        stack: the observation it was chosen on, (4, 84, 84) uint8.
        screens: every frame of it; empty before the first that is wanted.
        variables: the RAM variables after it.
        reward: of it, game units.
        total: return of the match so far, game units.
    """

    env_step: int
    action: int
    stack: NDArray[np.uint8]
    screens: list[Screen]
    variables: dict[str, int]
    reward: float
    total: float


class ReplayEnv(FightingEnv):
    """A FightingEnv that shows every frame, and keeps the buttons as a BK2 movie."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._movie: Any = None
        self._movie_path: Path | None = None
        self._screens: list[Screen] | None = None

    def play_again(
        self, spec: EpisodeSpec, actions: Iterable[int], *, skip: int = 0, movie: Path | None = None
    ) -> Iterator[Moment]:
        """Play a match again, frame by frame: the same start, then these actions.

        Args:
            spec: state and seed of the match.
            actions: what was played, rows of the action table.
            skip: env_steps whose screens are not wanted; leaving them out is faster.
            movie: file that gets every frame's buttons, a movie of stable-retro's.
        """
        self._movie_path = movie
        self._screens = None
        try:
            frame, _ = self.reset(seed=spec.seed, options={"state": spec.state})
            stacks, only = FrameStacks(1), np.zeros(1, np.int64)
            stacks.start(only, frame[None])
            for env_step, action in enumerate(actions):
                self._screens = [] if env_step >= skip else None
                stack = stacks.frames[0].copy()
                frame, reward, *_ = self.step(int(action))
                stacks.push(only, frame[None])
                screens = self._screens or []
                yield Moment(env_step, int(action), stack, screens, self.variables, reward, self.episode_return)
        finally:
            if self._movie is not None:
                self._movie.close()
            self._movie = self._movie_path = None

    def _hold(self, buttons: NDArray[np.uint8], frames: int) -> None:
        if self._movie_path is not None and self._movie is None:
            # The first frame of a match is to come; the movie starts from the emulator as it now is, seed and all.
            self._movie = stable_retro.Movie(str(self._movie_path), True, 1)
            self._movie.configure(self.game.id, self._em)
            self._movie.set_state(self._em.get_state())
        for _ in range(frames):
            super()._hold(buttons, 1)
            if self._movie is not None:
                for button, pressed in enumerate(buttons):
                    self._movie.set_key(button, bool(pressed), 0)
                self._movie.step()
            if self._screens is not None:
                self._screens.append(self._screen())
