"""What a game.yaml says of a game, as matches are played by it: the dojo, described otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.games.catalog import load_game
from mk_lightning.games.names import GameError
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.playback.recorder import FilmSettings, record_match
from mk_lightning.playback.rerun import ReplayEnv
from tests.cli.mistakes import copy_of_the_dojo
from tests.evaluation.records import record

STATE = "VeryEasy.Ember-04"
Make = Callable[..., FightingEnv]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make an environment of the dojo with lines put in place of `full_health` in its file, and a crop."""
    made = []

    def make(lines: str, crop: list[int] | None = None, kind: type[FightingEnv] = FightingEnv) -> FightingEnv:
        folder = copy_of_the_dojo(tmp_path, lambda text: text.replace("full_health: 120", lines))
        if crop is not None:
            (folder / "scenario.json").write_text(json.dumps({"crop": crop}))
        config = EnvConfig(max_noops=0)
        made.append(kind(load_game(folder / "game.yaml"), STATE, config, render_mode="rgb_array"))
        return made[-1]

    yield make
    for env in made:
        env.close()


def test_full_health_is_the_states_where_the_file_says_none(make: Make) -> None:
    env = make("full_health: null")
    assert env.full_health == 0
    env.reset(seed=1)
    assert env.full_health == 120
    captured = env.capture()
    env._full_health = 0
    env.restore(captured)
    assert env.full_health == 120
    with closing(env):
        env._data.set_value("enemy_health", 0)
        total, over = 0.0, False
        while not over and total < 200:
            _, reward, over, _, _ = env.step(0)
            total += reward
        assert total == pytest.approx(240)  # the bar, and as much for a round without a scratch


def test_a_film_has_bars_as_long_as_the_states_full_health(make: Make, tmp_path: Path) -> None:
    env = make("full_health: null", kind=ReplayEnv)
    assert isinstance(env, ReplayEnv)
    match = record([0, 0], STATE, 5)
    film = record_match(env, match, NatureDueling(26, hidden=16), tmp_path / "run", FilmSettings(format="gif"))
    frame = imageio.imread(film)[0]
    for row in (81, 103):  # of the agent's bar and the opponent's, to the right of the number in it
        assert (np.ptp(frame[row, 640 + 100 : 640 + 240].astype(int), axis=0) < 20).all()
        assert frame[row, 700].max() > 150


def test_an_address_and_a_formula_are_variables_like_others(make: Make) -> None:
    address = json.loads((load_game("dojo").folder / "data.json").read_text())["info"]["enemy_health"]
    env = make(
        "full_health: 240\n"
        f"ram: {{theirs: {{address: {address['address']}, type: '{address['type']}'}}}}\n"
        "variables: {enemy_health: 2 * theirs, gap: health - theirs}"
    )
    _, info = env.reset(seed=1)
    assert (info["theirs"], info["enemy_health"], info["gap"]) == (120, 240, 0)
    env._data.set_value("theirs", 100)
    _, reward, *_, info = env.step(0)
    assert (info["theirs"], info["enemy_health"], info["gap"], reward) == (100, 200, 20, 40.0)


def test_rounds_are_counted_as_the_dojo_counts_them(make: Make) -> None:
    """To the end of a match in which the opponent's health is taken away once a round."""
    env = make("full_health: 120\nrounds: knockouts\nclock: clock")
    theirs = load_game("dojo")
    env.reset(seed=1)
    over, counted = False, set()
    while not over:
        if env.variables["phase"] == 2 and env.variables["enemy_health"] > 0:
            env._data.set_value("enemy_health", 0)
        _, _, over, _, info = env.step(0)
        counted.add((info["rounds_won"], env._data.lookup_all()["rounds_won"]))
    assert theirs.rounds_to_win == 2
    assert info["match"]["won"] is True
    assert {ours for ours, _ in counted} == {1, 2}  # the first falls in the first env_step
    assert all(game <= ours <= game + 1 for ours, game in counted)  # it counts when the bow is over


def test_a_match_can_be_of_one_round(make: Make) -> None:
    env = make("full_health: 120\nrounds_to_win: 1")
    env.reset(seed=1)
    env._data.set_value("enemy_health", 0)
    over = False
    while not over:
        _, _, over, _, info = env.step(0)
    assert (info["match"]["rounds_won"], info["match"]["won"]) == (1, True)


def test_the_crop_is_what_is_seen_and_shown(make: Make) -> None:
    env = make("full_health: 120", crop=[32, 16, 256, 0])
    frame, _ = env.reset(seed=1)
    screen = env.render()
    assert screen is not None
    assert screen.shape == (208, 256, 3)
    np.testing.assert_array_equal(screen, env._em.get_screen()[16:, 32:288])
    assert frame.shape == (84, 84)


def test_a_state_that_the_core_does_not_take_is_refused(make: Make) -> None:
    env = make("full_health: 120")
    cut = env.game.state_bytes(STATE)[:-1000]
    state_bytes = type(env.game).state_bytes
    try:
        type(env.game).state_bytes = lambda self, state: cut  # type: ignore[method-assign]
        with pytest.raises(GameError, match=rf"does not take the state '{STATE}'; save it anew with it"):
            env.reset()
    finally:
        type(env.game).state_bytes = state_bytes  # type: ignore[method-assign]
