from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from mk_lightning.experience.episodes import EpisodeRecord, EpisodeSpec
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.playback.overlay import Panel
from mk_lightning.playback.recorder import FilmSettings, first_of_each_state, record_match
from mk_lightning.playback.rerun import Moment, ReplayEnv
from mk_lightning.playback.saliency import Insight, look_into
from mk_lightning.playback.video import write_film
from mk_lightning.utils.errors import UserError
from tests.evaluation.records import record

ACTIONS = [3, 7, 7, 0, 12, 3, 3, 3]
NETWORK = NatureDueling(26, hidden=16)


@pytest.fixture(scope="module")
def env() -> Iterator[ReplayEnv]:
    env = ReplayEnv("dojo")
    yield env
    env.close()


@pytest.fixture
def match() -> EpisodeRecord:
    return record(ACTIONS, "Easy.Ember-04", 5)


@pytest.mark.parametrize(("kind", "frames"), [("mp4", 16), ("gif", 11)])
def test_film_movie_and_trace(env: ReplayEnv, match: EpisodeRecord, kind: str, frames: int, tmp_path: Path) -> None:
    settings = FilmSettings(format=kind)  # type: ignore[arg-type]
    film = record_match(env, match, NETWORK, tmp_path / "run", settings)
    name = "Easy.Ember-04-5"
    assert sorted(str(path.relative_to(tmp_path / "run")) for path in tmp_path.glob("run/*/*")) == sorted(
        [f"films/{name}.{kind}", f"films/{name}.jsonl", f"movies/{name}.bk2"]
    )
    assert imageio.imread(film).shape == (frames, 448, 896, 3)
    lines = [json.loads(line) for line in film.with_suffix(".jsonl").read_text().splitlines()]
    assert [line["action"] for line in lines] == ACTIONS
    assert [line["name"] for line in lines] == [env.game.actions[action] for action in ACTIONS]
    moments = list(env.play_again(EpisodeSpec("Easy.Ember-04", 5), ACTIONS))
    for line, moment in zip(lines, moments, strict=True):
        assert line["variables"] == moment.variables
        assert line["q_values"] == pytest.approx(look_into(NETWORK, moment.stack).q_values, abs=1e-5)
        assert line["return"] == pytest.approx(moment.total, abs=1e-5)


def test_the_first_matches_of_each_state_are_filmed() -> None:
    """However they are mixed."""
    order = [("A", 0), ("A", 1), ("B", 2), ("A", 3), ("C", 4), ("B", 5), ("B", 6)]
    records = [record([0], state, seed) for state, seed in order]
    assert [tuple(r.spec) for r in first_of_each_state(records, 2)] == [order[k] for k in (0, 1, 2, 4, 5)]
    assert first_of_each_state(records, 0) == []


def test_the_panel_shows_who_is_hurt_and_what_was_chosen() -> None:
    screen = np.full((224, 320, 3), 9, np.uint8)
    moment = Moment(0, 2, np.zeros((4, 84, 84), np.uint8), [screen], {"health": 30, "enemy_health": 120}, 1.0, 2.0)
    panel = Panel([f"a{k}" for k in range(5)], 120, "title")
    (plain,) = panel.frames(moment, None)
    assert plain.shape == (448, 896, 3)
    assert (plain[:, :640] == 9).all()
    own, enemy = (
        (plain[y, 640:] == colour).all(-1).sum() for y, colour in ((81, (74, 222, 128)), (103, (249, 112, 102)))
    )
    assert own == pytest.approx(enemy / 4, abs=2)
    q_values = np.array([0.0, 0.5, 1.0, 0.2, 0.1], np.float32)
    (told,) = panel.frames(moment, Insight(q_values, 0.36, None))
    blue = (told == (90, 169, 230)).all(-1)
    assert blue[145:158].any(), "the chosen action has the highest Q-value, so its bar is the first"
    assert not blue[160:].any()
    (tinted,) = panel.frames(moment, Insight(q_values, 0.36, np.eye(84, dtype=np.float32)))
    assert tinted[:, :640].max() > 9


def test_no_screens_no_frames() -> None:
    moment = Moment(0, 0, np.zeros((4, 84, 84), np.uint8), [], {}, 0.0, 0.0)
    assert Panel(["a"], 120, "").frames(moment, None) == []


def test_a_film_keeps_the_consoles_speed(tmp_path: Path) -> None:
    frames = [np.full((64, 64, 3), k, np.uint8) for k in range(60)]
    write_film(tmp_path / "x.mp4", frames)
    about = imageio.immeta(tmp_path / "x.mp4", plugin="FFMPEG")
    assert (about["fps"], about["codec"]) == (30, "h264")
    assert about["duration"] == pytest.approx(1.0, abs=0.05)
    write_film(tmp_path / "x.gif", frames)
    assert imageio.immeta(tmp_path / "x.gif")["duration"] == 50


def test_a_negative_number_of_films_is_refused() -> None:
    with pytest.raises(UserError, match=r"FilmSettings.matches"):
        replace(FilmSettings(), matches=-1)
