"""Films of matches: one that a policy lost, and those that one policy won and the other lost, side by side."""

from __future__ import annotations

import base64
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.match import Match
from mk_lightning.evaluation.next_round import lost_states
from mk_lightning.experience.episodes import EpisodeSpec
from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game
from mk_lightning.playback.rerun import ReplayEnv, Screen
from mk_lightning.playback.video import CONSOLE_RATE, write_film
from mk_lightning.utils.errors import UserError, one_line, shortened
from mk_lightning.utils.files import PART

log = logging.getLogger(__name__)

PAIRS = 2
"""Pairs of films on a page."""
SECONDS = 8
"""Of a match that are shown, its last ones."""
UNFILMED = (UserError, RuntimeError, OSError)
"""A match that cannot be played once more, another emulator in this process, a disk or an encoder that fails: no fit
ends for that."""
OUTCOME = attrgetter("won", "truncated", "env_steps", "rounds_won", "enemy_rounds_won")
"""How a match ended, of what was recorded and of what is played once more."""


@dataclass(frozen=True)
class Pair:
    """One match as both policies played it: the same state, the same seed."""

    before: Match
    after: Match

    @property
    def turned(self) -> bool:
        """Whether one policy won what the other lost."""
        return self.before.won != self.after.won


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

    One more is of the state that is won least, if it is still lost and none of those.

    Args:
        comparison: of two evaluations.
        pairs: how many of those that turned, at most; fewer where fewer states have such a match.
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
    chosen = chosen[:pairs]
    shown = {pair.after.state for pair in chosen}
    for state in lost_states(comparison.after)[:1]:
        before = {match.seed: match for match in comparison.before.of_state(state)}
        lost = [Pair(before[match.seed], match) for match in comparison.after.of_state(state) if not match.won]
        chosen += [] if state in shown else lost[:1]
    return chosen


def film_lost(evaluation: Evaluation, path: Path, game: Game) -> Match | None:
    """Film the end of a match that was lost, of the state with the lowest win rate; returns the match.

    None, without a film, where every match was won or, said in the log, it cannot be filmed.
    """
    lost = [match for match in evaluation.matches if not match.won]
    if not lost:
        return None
    match = min(lost, key=lambda match: evaluation.score([match.state]).win_rate)
    part = path.with_stem(f"{path.stem}{PART}")
    try:
        with closing(ReplayEnv(game, config=evaluation.config)) as env:
            _film(env, evaluation, match, part)
        part.replace(path)
    except UNFILMED as error:
        log.warning(f"no film: {one_line(error)}")
        return None
    finally:
        part.unlink(missing_ok=True)
    return match


def film_pairs(comparison: Comparison, pairs: int = PAIRS, *, game: Game | None = None) -> Films:
    """Film the ends of the matches chosen, before and after.

    None, and a line in the log that says why, where they cannot be played once more as they were: the game is not one
    that is known by its id, its ROM is not here, it has changed since, or the evaluations are not of it.

    Args:
        comparison: of two evaluations.
        pairs: films of each side, at most, beside one of what is still lost.
        game: that was played; None takes the shipped one of the evaluations' id.
    """
    chosen = choose(comparison, pairs)
    try:
        return _films(comparison, chosen, game or load_game(comparison.before.game)) if chosen else []
    except UNFILMED as error:
        log.warning(f"no films: {one_line(error)}")
        return []


def _films(comparison: Comparison, pairs: Sequence[Pair], game: Game) -> Films:
    before, after = comparison.before, comparison.after
    if list(game.actions) != before.actions:
        raise UserError(
            f"{before.policy} was evaluated with {_told(before.actions)}, but the game that {game.id} names has "
            f"{_told(game.actions)}; give a game.yaml of your own an id of its own"
        )
    with closing(ReplayEnv(game, config=before.config)) as env, tempfile.TemporaryDirectory() as folder:
        return [
            (
                f"{pair.before.state}, seed {pair.before.seed}{'' if pair.turned else ', still lost'}",
                [
                    _clip(env, before, pair.before, "before", Path(folder)),
                    _clip(env, after, pair.after, "after", Path(folder)),
                ],
            )
            for pair in pairs
        ]


def _told(actions: Sequence[str]) -> str:
    return f"{len(actions)} action{'s' * (len(actions) > 1)} ({shortened(', '.join(actions), 40)})"


def _clip(env: ReplayEnv, evaluation: Evaluation, match: Match, when: str, folder: Path) -> Clip:
    path = folder / "clip.mp4"
    _film(env, evaluation, match, path)
    rounds = f"{match.rounds_won} to {match.enemy_rounds_won} rounds"
    return Clip(f"{when}: {'won' if match.won else 'not won'}, {rounds}", path.read_bytes())


def _film(env: ReplayEnv, evaluation: Evaluation, match: Match, path: Path) -> None:
    """Film the end of a match.

    Raises:
        UserError: it cannot be played once more, or does not end as it did.
    """
    write_film(path, _last_screens(env, evaluation, match))
    if OUTCOME(env.result()) != OUTCOME(match):
        raise UserError(
            f"{evaluation.policy}: match {match.episode} ends otherwise when it is played once more; "
            "the game or this package has changed since"
        )


def _last_screens(env: ReplayEnv, evaluation: Evaluation, match: Match) -> Iterator[Screen]:
    skip = max(0, match.env_steps - SECONDS * CONSOLE_RATE // env.config.frame_skip)
    for moment in env.play_again(EpisodeSpec(match.state, match.seed), evaluation.played(match), skip=skip):
        yield from moment.screens
        if env.over:  # should there be actions left, it has ended too soon
            break
