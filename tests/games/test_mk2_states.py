"""Mortal Kombat II without its ROM: what stable-retro ships of it can be read under any ROM of the same console.

A save state holds the console's whole memory. Loaded into an emulator that runs the dojo, MK2's variables have MK2's
values, and the video chip draws MK2's picture for one frame, before the dojo's program runs into it.
"""

import gc
from typing import Any

import numpy as np
import pytest
import stable_retro
from numpy.typing import NDArray

from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game

Seen = dict[str, tuple[dict[str, int], NDArray[np.uint8]]]


@pytest.fixture(scope="module")
def mk2() -> Game:
    return load_game("mk2")


@pytest.fixture(scope="module")
def seen(mk2: Game) -> Seen:
    """Variables and picture of every state."""
    gc.collect()
    emulator = stable_retro.RetroEmulator(str(load_game("dojo").rom_path()))
    data: Any = stable_retro.data.GameData()
    emulator.configure_data(data)
    emulator.step()
    assert data.load(str(mk2.folder / "data.json"), str(mk2.folder / "scenario.json"))
    seen = {}
    for state in mk2.states:
        emulator.set_state(mk2.state_bytes(state))
        variables = data.lookup_all()
        emulator.step()
        seen[state] = (variables, emulator.get_screen().copy())
    del emulator
    return seen


def test_every_state_that_ships_is_found_in_the_seeds_order(mk2: Game) -> None:
    assert len(mk2.states) == 35
    assert mk2.states[:8] == ("Level1.LiuKangVsJax", *(f"VeryEasy.LiuKang-{n:02d}" for n in range(2, 9)))
    assert mk2.states[15:30] == tuple(sorted(mk2.resolve_states("*_VeryHard_*"), key=lambda s: s[-2:]))


def test_the_two_player_state_is_excluded_from_patterns(mk2: Game) -> None:
    assert mk2.two_player_states == ("Level1.LiuKangVsJax.2P",)
    assert len(mk2.resolve_states("all")) == 34
    assert len(mk2.resolve_states("Level1.*")) == 5


def test_a_misspelt_state_finds_the_right_number(mk2: Game) -> None:
    with pytest.raises(ValueError, match=r"did you mean 'VeryEasy\.LiuKang-04'\?"):
        mk2.resolve_states("VeryEasy.LuiKang-4")


def test_every_match_begins_with_both_on_the_ground(seen: Seen) -> None:
    for state, (variables, _) in seen.items():
        assert 500 <= variables["x_position"] <= 800, state
        assert 100 <= variables["enemy_x_position"] - variables["x_position"] <= 160, state
        assert abs(variables["y_position"]) <= 5, state
        assert abs(variables["enemy_y_position"]) <= 5, state


def test_wins_count_the_ladder_up(mk2: Game, seen: Seen) -> None:
    """A two-digit decimal (BCD) variable: state NN of the easy ladder has NN - 1 wins behind it."""
    ladder = [seen[state][0]["wins"] for state in mk2.resolve_states("VeryEasy.*")]
    assert ladder == list(range(1, 15))


def test_every_state_shows_a_picture_of_its_own(seen: Seen) -> None:
    pictures = {picture.tobytes() for _, picture in seen.values()}
    assert len(pictures) == len(seen)
    for state, (_, picture) in seen.items():
        assert picture.shape == (224, 320, 3), state
        assert picture.std() > 20, state  # not one colour
        assert len(np.unique(picture @ np.array([1 << 16, 1 << 8, 1]))) > 16, state
