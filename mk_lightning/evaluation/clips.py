"""Films of matches that one policy won and the other lost, side by side."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mk_lightning.errors import UserError
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.match import Match
from mk_lightning.experience.episodes import EpisodeSpec
from mk_lightning.games import load_game
from mk_lightning.playback.films import CONSOLE_RATE, write_film
from mk_lightning.playback.replay import ReplayEnv

PAIRS = 2
"""Pairs of films on a page."""
SECONDS = 8
"""Of a match that are shown, its last ones."""


@dataclass(frozen=True)
class Pair:
    """One match as both policies played it: the same state, the same seed."""

    before: Match
    after: Match


@dataclass(frozen=True)
class Clip:
    """A film."""

    caption: str
    content: bytes
    """An MP4 file's."""

    @property
    def source(self) -> str:
        """A `data:` URL, for a page."""
        return f"data:video/mp4;base64,{base64.b64encode(self.content).decode()}"


Films = Sequence[tuple[str, list[Clip]]]
"""A headline and two films for each match that is shown."""


def choose(comparison: Comparison, pairs: int = PAIRS) -> list[Pair]:
    """Matches that show what changed: of each state one whose result turned, the states that changed most first.

    Args:
        comparison: of two evaluations.
        pairs: how many, at most; fewer where fewer states have such a match.
    """
    states = sorted(comparison.before.states, key=lambda state: -abs(comparison.state(state).change))
    chosen = []
    for state in states:
        gain = comparison.state(state).change > 0
        before = {match.seed: match for match in comparison.before.of_state(state)}
        turned = [
            Pair(before[match.seed], match)
            for match in comparison.after.of_state(state)
            if match.won != before[match.seed].won and match.won == gain
        ]
        chosen += turned[:1]
    return chosen[:pairs]


def film_pairs(comparison: Comparison, pairs: int = PAIRS) -> Films:
    """Film the ends of the matches chosen, before and after.

    Nothing where the game is not one that is known by its id, or its ROM is not here.
    """
    chosen = choose(comparison, pairs)
    if not chosen:
        return []
    try:
        env = ReplayEnv(load_game(comparison.before.game), **comparison.before.env)
    except UserError:
        return []
    with tempfile.TemporaryDirectory() as folder:
        films = [
            (
                f"{pair.before.state}, seed {pair.before.seed}",
                [
                    _film(env, comparison.before, pair.before, "before", Path(folder)),
                    _film(env, comparison.after, pair.after, "after", Path(folder)),
                ],
            )
            for pair in chosen
        ]
    env.close()
    return films


def _film(env: ReplayEnv, evaluation: Evaluation, match: Match, when: str, folder: Path) -> Clip:
    """The end of a match."""
    path = folder / "clip.mp4"
    skip = max(0, match.env_steps - SECONDS * CONSOLE_RATE // env.frame_skip)
    moments = env.play_again(EpisodeSpec(match.state, match.seed), evaluation.played(match), skip=skip)
    write_film(path, (screen for moment in moments for screen in moment.screens))
    rounds = f"{match.rounds_won} to {match.enemy_rounds_won} rounds"
    return Clip(f"{when}: {'won' if match.won else 'not won'}, {rounds}", path.read_bytes())
