"""New save states: a policy plays on from one, and each next match that the game begins is kept."""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.envs.fighting_env import FightingEnv, Frame
from mk_lightning.envs.rewards import Fight
from mk_lightning.evaluation.evaluate import as_policy
from mk_lightning.experience.frame_stacks import FrameStacks
from mk_lightning.experience.match_seeds import MAX_TEST_SEED
from mk_lightning.experience.policy import Policy
from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError, is_name
from mk_lightning.games.readings import read_variables
from mk_lightning.utils.errors import UserError, check_between, shortened
from mk_lightning.utils.files import replacing

log = logging.getLogger(__name__)

TIER = "New"
"""Of states that are given no other name."""
MAX_STATES = 99
"""Of one call: numbers have two digits."""
BETWEEN = 7200
"""Frames, two minutes, within which the game begins the next match."""
ONLY = np.zeros(1, np.int64)
"""Index of the only environment."""


class NewState(NamedTuple):
    """A save state that was made."""

    name: str
    """Of the state, as it stands in a config."""
    file: Path
    """The save state."""
    picture: Path
    """What it shows, a PNG."""
    matches: int
    """Played against the opponent before, the last of which was won."""


def new_states(
    game: Game | str,
    state: str,
    policy: Policy | torch.nn.Module | str | Path | None = None,
    *,
    count: int = 1,
    name: str | None = None,
    attempts: int = 20,
    epsilon: float = 0.05,
    wait: int = 60,
    seed: int = 0,
    env: EnvConfig | None = None,
) -> Iterator[NewState]:
    """Play on from a state, and save each next match: the opponents that the game brings after a win.

    A match is repeated until it is won; then the policy goes on pressing buttons until both healths are full and no
    round is won again. What is saved there is loaded once more, checked, and played on from.

    The states lie in the game's folder, where everything finds them by name: `<name>-<NN>`, counted on from the number
    of the first.

    Args:
        game: a game, or its id, alias or path of its `game.yaml`.
        state: to begin with.
        policy: as `evaluate` takes it; None plays at random.
        count: states to make, 1 to 99.
        name: of the states, without the number; None makes it of the first one's, with the tier `New`.
        attempts: matches to play against an opponent at most, 1 to 10,000.
        epsilon: probability of a random action.
        wait: frames without buttons before a match is saved, in which it is announced; fewer if a health falls.
        seed: of the matches, 0 to 1,000.
        env: how matches are played.

    Yields:
        Each state when it is there.

    Raises:
        UserError: an argument cannot be used, a state so named is there, an opponent is not beaten, or no match
            follows.

    Example:
        >>> for made in new_states("mk2", "VeryEasy.LiuKang-08", "best.ckpt", count=3):  # doctest: +SKIP
        ...     print(made.name, made.file)
    """
    check_between("count", count, 1, MAX_STATES)
    check_between("attempts", attempts, 1, 10_000)
    check_between("epsilon", epsilon, 0, 1)
    check_between("wait", wait, 0, BETWEEN, "frames")
    check_between("seed", seed, 0, MAX_TEST_SEED)
    game = load_game(game) if isinstance(game, str) else game
    game.state_bytes(state)
    names = _names(game, state, name, count)
    plays = None if policy is None else as_policy(policy, len(game.actions))[0]
    game.rom_path()
    player = _Player(plays, len(game.actions), epsilon, seed)
    return _made(game, env or EnvConfig(), player, state, names, attempts, wait)


def _names(game: Game, state: str, name: str | None, count: int) -> list[str]:
    """Names of the states to be made.

    Raises:
        GameError: one could not be a state's, or is one's.
    """
    numbered = re.fullmatch(r"(.+)-(\d+)", state)
    stem, number = (numbered[1], int(numbered[2])) if numbered else (state, 1)
    stem = name or f"{TIER}.{stem.rpartition('.')[2]}"
    names = [f"{stem}-{number + n:02d}" for n in range(1, count + 1)]
    if not is_name(names[0]):
        raise GameError(f"{shortened(stem)!r} is no name of a state; use letters, digits and . _ -")
    if there := [file for made in names for file in _files(game, made) if file.exists()]:
        raise GameError(f"{there[0]} is there and is not replaced; give the new states another name")
    return names


def _files(game: Game, name: str) -> tuple[Path, Path]:
    """A state's file and its picture's."""
    return game.folder / f"{name}.state", game.folder / f"{name}.png"


def _made(
    game: Game, config: EnvConfig, player: _Player, state: str, names: list[str], attempts: int, wait: int
) -> Iterator[NewState]:
    with closing(_PlayingOn(game, state, config)) as env:
        for name in names:
            matches = _until_won(env, player, state, attempts)
            if not env.go_on(player):
                raise UserError(
                    f"no match follows within {BETWEEN // 60} s after {state} is won; the game may be over there"
                )
            file, picture = env.save(name, wait)
            yield NewState(name, file, picture, matches)
            state = name


def _until_won(env: _PlayingOn, player: _Player, state: str, attempts: int) -> int:
    """Repeat a match until it is won, and return how often it was played.

    Raises:
        UserError: it never was.
    """
    for match in range(1, attempts + 1):
        result = env.fight(player, state)
        if result.won:
            return match
        rounds = f"{result.rounds_won} : {result.enemy_rounds_won}"
        log.info(f"{state}: match {match} of at most {attempts} is not won, rounds {rounds}")
    raise UserError(f"{state} was not won in {attempts} matches; give a better agent, another epsilon or more attempts")


class _Player:
    """Chooses actions, a number of them at random, on the last frames.

    Args:
        policy: chooses the others; None: all are random.
        num_actions: rows of the action table.
        epsilon: probability of a random action.
        seed: of random actions and of the matches.
    """

    def __init__(self, policy: Policy | None, num_actions: int, epsilon: float, seed: int) -> None:
        self._policy = policy
        self._num_actions = num_actions
        self._epsilon = epsilon if policy else 1.0
        self._rng = np.random.default_rng(seed)
        self._stacks = FrameStacks(1)

    def match_seed(self) -> int:
        """Draw the seed of a match."""
        return int(self._rng.integers(2**31))

    def start(self, frame: Frame) -> None:
        """See the first frame of a match."""
        self._stacks.start(ONLY, frame[None])

    def see(self, frame: Frame) -> None:
        """See the next frame."""
        self._stacks.push(ONLY, frame[None])

    def action(self) -> int:
        """Choose a row of the action table."""
        if self._policy is None or self._rng.random() < self._epsilon:
            return int(self._rng.integers(self._num_actions))
        return int(self._policy(self._stacks.frames)[0])


class _PlayingOn(FightingEnv):
    """A FightingEnv whose emulator plays on after a match, into the next."""

    def fight(self, player: _Player, state: str) -> EpisodeResult:
        """Play a match."""
        frame, _ = self.reset(seed=player.match_seed(), options={"state": state})
        player.start(frame)
        while not self.over:
            frame, *_ = self.step(player.action())
            player.see(frame)
        return self.result()

    def go_on(self, player: _Player) -> bool:
        """Play on after a match until the next begins; returns whether one did."""
        for _ in range(BETWEEN // self.config.frame_skip):
            self._over = False  # the game is not, only the match
            frame, *_ = self.step(player.action())
            player.see(frame)
            if self._begins():
                return True
        return False

    def save(self, name: str, wait: int) -> tuple[Path, Path]:
        """Write the match that has begun as a state and as a picture, and load it.

        Args:
            name: of the state.
            wait: frames that may pass before, as long as both healths stay full.

        Returns:
            The state's file and the picture's.

        Raises:
            UserError: they cannot be written.
            GameError: what was written is not where a match begins.
        """
        state, screen = self._em.get_state(), self._screen()
        for _ in range(wait):
            self._hold(self._no_buttons, 1)
            if not self._begins():
                break
            state, screen = self._em.get_state(), self._screen()
        files = _files(self.game, name)
        _, png = cv2.imencode(".png", cv2.cvtColor(screen, cv2.COLOR_RGB2BGR))
        try:
            for path, content in zip(files, (gzip.compress(state, mtime=0), png.tobytes()), strict=True):
                with replacing(path) as file:
                    file.write(content)
        except OSError as error:
            raise UserError(f"cannot write {name} into {self.game.folder}: {error.strerror}") from None
        self.game = replace(self.game, states=(*self.game.states, name))
        self._load_state(name)
        if not self._begins():
            raise GameError(f"{files[0]} is not where a match begins once it is loaded; remove it")
        return files

    def _begins(self) -> bool:
        """Whether both healths are full and no round is won, as at the start of a match."""
        variables = read_variables(self.game, self._data.lookup_all(), before=None)
        fight = Fight.of(variables)
        timed_out = "clock" in self.game.formulas and variables["clock"] <= 0
        full = min(fight.health, fight.enemy_health) >= self.full_health
        return full and fight.rounds_won == fight.enemy_rounds_won == 0 and not timed_out
