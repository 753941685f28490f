"""What `predict` writes of a match: a film, a movie, a trace."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mk_lightning.experience.episodes import EpisodeRecord
from mk_lightning.networks.base import QNetwork
from mk_lightning.playback.overlay import Panel
from mk_lightning.playback.rerun import Moment, ReplayEnv, Screen
from mk_lightning.playback.saliency import Insight, look_into
from mk_lightning.playback.video import FilmFormat, write_film
from mk_lightning.utils.errors import check_at_least


@dataclass(frozen=True)
class FilmSettings:
    """What `predict` films.

    Attributes:
        matches: of each state, the first ones; 0 films none.
        format: mp4 or gif.
        saliency: tint the screen where the highest Q-value hangs on it.
    """

    matches: int = 1
    format: FilmFormat = "mp4"
    saliency: bool = False

    def __post_init__(self) -> None:
        check_at_least("FilmSettings.matches", self.matches, 0)


def first_of_each_state(records: Iterable[EpisodeRecord], matches: int) -> list[EpisodeRecord]:
    """The first matches of each state, in the order of all."""
    seen: Counter[str] = Counter()
    first = []
    for record in records:
        seen[record.spec.state] += 1
        if seen[record.spec.state] <= matches:
            first.append(record)
    return first


def record_match(
    env: ReplayEnv, record: EpisodeRecord, network: QNetwork, folder: Path, settings: FilmSettings
) -> Path:
    """Play a match once more; write `films/<state>-<seed>.mp4` (or `.gif`) and `.jsonl`, `movies/<state>-<seed>.bk2`.

    The movie has a folder of its own, as stable-retro's playback_movie writes what it shows beside the movie, by the
    same name: it would replace the film.

    The trace has a line for each env_step: its number, the action's row and name, reward and return in game units, the
    RAM variables after it, and what the network thought before it: V and the Q-value of every action.

    Args:
        env: of the game, with the options the match was played with.
        record: the match.
        network: the Q-network, for what it thought.
        folder: where the two folders are, or are made.
        settings: of the film.

    Returns:
        The film's file.
    """
    films, movies = folder / "films", folder / "movies"
    for made in (films, movies):
        made.mkdir(parents=True, exist_ok=True)
    name = f"{record.spec.state}-{record.spec.seed}"
    film, trace, movie = films / f"{name}.{settings.format}", films / f"{name}.jsonl", movies / f"{name}.bk2"
    title = f"{record.spec.state}  seed {record.spec.seed}"
    with trace.open("w", encoding="utf-8") as lines:

        def frames() -> Iterator[Screen]:
            panel = None
            for moment in env.play_again(record.spec, record.trace.actions, movie=movie):
                insight = look_into(network, moment.stack, saliency=settings.saliency)
                lines.write(json.dumps(_line(moment, insight, env.game.actions)) + "\n")
                # Not before the first moment: full health may be the state's to say.
                panel = panel or Panel(env.game.actions, env.full_health, title)
                yield from panel.frames(moment, insight)

        write_film(film, frames())
    return film


def _line(moment: Moment, insight: Insight, actions: tuple[str, ...]) -> dict[str, Any]:
    return {
        "env_step": moment.env_step,
        "action": moment.action,
        "name": actions[moment.action],
        "reward": round(moment.reward, 6),
        "return": round(moment.total, 6),
        "variables": dict(sorted(moment.variables.items())),
        "value": round(insight.value, 6),
        "q_values": [round(float(q), 6) for q in insight.q_values],
    }
