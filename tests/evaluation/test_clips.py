from __future__ import annotations

import base64
import io
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import imageio.v3 as imageio
import pytest

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.evaluation.clips import SECONDS, Films, choose, film_lost, film_pairs
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.experience.episodes import EpisodeRecord, EpisodeSpec, play_episodes
from mk_lightning.games.catalog import load_game
from mk_lightning.playback.rerun import ReplayEnv
from tests.evaluation.records import record
from tests.experience.policies import Always

GAME = load_game("dojo")
A, B, C = "VeryEasy.Bramble-01", "Hard.Heron-06", "Easy.Ember-04"
CONFIG = EnvConfig(num_envs=1, max_noops=4, max_env_steps=300)
ENV = CONFIG.episode_options


def evaluation(won: dict[str, set[int]]) -> Evaluation:
    """Matches with seeds 0 to 9; of each state those in `won` are won."""
    records = [record([3, 0], state, n, won=n in won[state]) for n in range(10) for state in (A, B, C)]
    groups = {"original": [A, C], "challenging": [B]}
    return Evaluation.of(records, GAME, policy="x", epsilon=0.0, env=ENV, groups=groups)


BEFORE = evaluation({A: set(range(10)), B: {0, 1}, C: {5}})


def test_it_shows_the_states_that_changed_most_by_a_match_that_turned() -> None:
    after = evaluation({A: {0, 1, 2, 3, 5, 6}, B: set(range(1, 10)), C: {5}})
    *pairs, lost = choose(Comparison(BEFORE, after), 3)
    assert [(pair.before.state, pair.before.seed) for pair in pairs] == [(B, 2), (A, 4)]
    assert (lost.after.state, lost.after.seed, lost.turned) == (C, 0, False), "still lost"
    for pair in pairs:
        assert (pair.after.state, pair.after.seed) == (pair.before.state, pair.before.seed)
        assert pair.before.won != pair.after.won


def test_no_more_than_asked_for() -> None:
    after = evaluation({A: set(range(7)), B: set(range(10)), C: set(range(9))})
    assert len(choose(Comparison(BEFORE, after), 1)) == 1


def test_a_state_that_is_lost_is_shown_once() -> None:
    after = evaluation({A: set(), B: set(range(10)), C: set(range(9))})
    assert [pair.after.state for pair in choose(Comparison(BEFORE, after), 2)] == [A, C]


def test_nothing_turned_nothing_to_show() -> None:
    assert film_pairs(Comparison(BEFORE, BEFORE)) == []


def fought(action: str) -> EpisodeRecord:
    """A match in which nothing but one action is played: Z wins it."""
    env = RetroVectorEnv("dojo", config=CONFIG)
    (record,) = play_episodes(Always(GAME.action_index(action)), env, [EpisodeSpec(A, 3)])
    env.close()
    return record


def of(record: EpisodeRecord, policy: str) -> Evaluation:
    return Evaluation.of([record], GAME, policy=policy, epsilon=0.0, env=ENV, groups={"original": [A]})


@pytest.fixture(scope="module")
def turned() -> Comparison:
    """One stands still, the other wins."""
    return Comparison(of(fought("none"), "still"), of(fought("Z"), "kicker"))


@pytest.fixture(scope="module")
def films(turned: Comparison) -> Films:
    return film_pairs(turned)


def test_a_lost_match_is_filmed(turned: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "lost.mp4"
    assert film_lost(turned.after, path, GAME) is None, "it won all"
    assert not path.exists()
    match = film_lost(turned.before, path, GAME)
    assert match is not None
    assert (match.state, match.won) == (A, False)
    seconds = min(SECONDS, 4 * match.env_steps / 60)
    assert len(imageio.imread(path)) == pytest.approx(30 * seconds, abs=3)


def test_each_film_is_of_its_own_policys_match(turned: Comparison, films: Films) -> None:
    ((headline, clips),) = films
    assert headline == f"{A}, seed 3"
    assert [clip.caption for clip in clips] == ["before: not won, 0 to 2 rounds", "after: won, 2 to 0 rounds"]
    ends = []
    for evaluation in (turned.before, turned.after):
        with closing(ReplayEnv("dojo", config=CONFIG)) as env:
            *_, last = env.play_again(EpisodeSpec(A, 3), evaluation.played(evaluation.matches[0]))
        ends.append(last.screens[-2].astype(int))  # of two screens one is filmed
    for clip, own, other in zip(clips, ends, ends[::-1], strict=True):
        assert base64.b64decode(clip.source.removeprefix("data:video/mp4;base64,")) == clip.content
        film = imageio.imread(io.BytesIO(clip.content), extension=".mp4")
        assert film.shape == (SECONDS * 30, 224, 320, 3)
        assert 2 * abs(film[-1] - own).mean() < abs(film[-1] - other).mean()


def beside(turned: Comparison, after: Evaluation) -> Comparison:
    return Comparison(turned.before, replace(after, policy="other"))


KICK = GAME.action_index("Z")
NOT_AS_THEY_WERE: dict[str, tuple[Callable[[Comparison], Comparison], str]] = {
    "of another game": (
        lambda turned: Comparison(replace(turned.before, game="x-Genesis"), replace(turned.after, game="x-Genesis")),
        "no game 'x-Genesis'",
    ),
    "of other actions": (
        lambda turned: Comparison(replace(turned.before, actions=["X"]), replace(turned.after, actions=["X"])),
        "still was evaluated with 1 action (X), but the game that Dojo-Genesis-v0 names has 26 actions (none, ",
    ),
    "ends sooner": (
        lambda turned: beside(turned, of(record([KICK] * CONFIG.max_env_steps, A, 3), "")),
        "other: match 1 ends otherwise",
    ),
    "does not end": (
        lambda turned: beside(turned, of(record([KICK] * 9, A, 3), "")),
        "other: match 1 ends otherwise",
    ),
    "no actions": (
        lambda turned: beside(turned, replace(turned.after, plays=[""])),
        "other: the actions of match 1 cannot be read",
    ),
}


@pytest.mark.parametrize(("change", "message"), NOT_AS_THEY_WERE.values(), ids=NOT_AS_THEY_WERE)
def test_what_cannot_be_played_once_more_has_no_films(
    turned: Comparison,
    change: Callable[[Comparison], Comparison],
    message: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert film_pairs(change(turned)) == []
    (line,) = caplog.messages
    assert line.startswith(f"no films: {message}")


def test_what_a_film_does_not_show_does_not_matter(turned: Comparison, films: Films) -> None:
    """Above all, nothing that a file names is imported."""
    other: dict[str, int | str] = {"num_envs": 9, "reward": "nowhere.Own()"}
    same = Comparison(*(replace(e, env=ENV | other) for e in (turned.before, turned.after)))
    assert film_pairs(same) == films
