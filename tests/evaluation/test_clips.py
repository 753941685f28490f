from __future__ import annotations

import base64
import io
from dataclasses import replace

import imageio.v3 as imageio

from mk_lightning.evaluation.clips import choose, film_pairs
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.games import load_game
from tests.evaluation.records import record

GAME = load_game("dojo")
A, B, C = "VeryEasy.Bramble-01", "Hard.Heron-06", "Easy.Ember-04"
ENV = {"frame_skip": 4, "release_frames": 1, "max_noops": 4, "max_env_steps": 50}


def evaluation(won: dict[str, set[int]], actions: list[int] | None = None) -> Evaluation:
    """Matches with seeds 0 to 9; of each state those in `won` are won."""
    records = [record(actions or [3, 0], state, n, won=n in won[state]) for n in range(10) for state in (A, B, C)]
    groups = {"original": [A, C], "challenging": [B]}
    return Evaluation.of(records, GAME, policy="x", epsilon=0.0, env=ENV, groups=groups)


BEFORE = evaluation({A: set(range(10)), B: {0, 1}, C: {5}})


def test_it_shows_the_states_that_changed_most_by_a_match_that_turned() -> None:
    after = evaluation({A: {0, 1, 2, 3, 5, 6}, B: set(range(1, 10)), C: {5}})
    pairs = choose(Comparison(BEFORE, after), 3)
    assert [(pair.before.state, pair.before.seed) for pair in pairs] == [(B, 2), (A, 4)]
    for pair in pairs:
        assert (pair.after.state, pair.after.seed) == (pair.before.state, pair.before.seed)
        assert pair.before.won != pair.after.won


def test_no_more_than_asked_for() -> None:
    after = evaluation({A: {0}, B: set(range(10)), C: {0}})
    assert len(choose(Comparison(BEFORE, after), 1)) == 1


def test_nothing_turned_nothing_to_show() -> None:
    assert film_pairs(Comparison(BEFORE, BEFORE)) == []


def test_each_film_is_of_its_own_policys_match() -> None:
    """One stands still, the other walks."""
    before = evaluation({A: set(), B: set(), C: set()}, [0] * 30)
    after = evaluation({A: set(), B: {3}, C: set()}, [GAME.action_index("R")] * 30)
    ((headline, clips),) = film_pairs(Comparison(before, after))
    assert headline == f"{B}, seed 3"
    assert [clip.caption.split(",")[0] for clip in clips] == ["before: not won", "after: won"]
    first, second = (imageio.imread(io.BytesIO(clip.content), extension=".mp4") for clip in clips)
    assert base64.b64decode(clips[0].source.removeprefix("data:video/mp4;base64,")) == clips[0].content
    assert first.shape == second.shape == (60, 224, 320, 3)
    assert abs(first[0].astype(int) - second[0]).mean() < 2
    assert abs(first[-1].astype(int) - second[-1]).mean() > 1


def test_a_game_that_is_not_known_has_no_films() -> None:
    after = evaluation({A: set(range(10)), B: set(range(10)), C: {5}})
    assert film_pairs(Comparison(replace(BEFORE, game="x-Genesis"), replace(after, game="x-Genesis"))) == []
