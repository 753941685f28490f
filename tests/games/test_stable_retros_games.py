"""Games of stable-retro's without their ROMs: what it ships of them can be read under any ROM of the same console.

A save state holds the console's whole memory. Loaded into an emulator that runs the dojo, a game's variables have its
own values, and the video chip draws its picture for one frame, before the dojo's program runs into it.
"""

from __future__ import annotations

import gc
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import stable_retro
from numpy.typing import NDArray

from mk_lightning.envs.observation import picture, to_frame
from mk_lightning.games.catalog import load_game, shipped_games
from mk_lightning.games.game import Game
from mk_lightning.games.readings import read_variables

GAMES = {
    game.id: game
    for game in map(load_game, shipped_games().values())
    if game.bundled and game.console.name == "Genesis"
}
MK2 = "MortalKombatII-Genesis-v0"
PAGE = Path(__file__).parents[2] / "docs/games.md"
NO_MATCH = {"SamuraiShodown-Genesis-v0": {"Level1.Wanfu.bonusstage"}}
HURT = {(MK2, "LiuKangVsShaoKahn_VeryHard_15"): (90, 120)}
"""Health in the one state that was saved when somebody had been hit."""
THREE_BUTTONS, SIX_BUTTONS = 21, 33


class Seen(NamedTuple):
    variables: dict[str, int]
    screen: NDArray[np.uint8]


@pytest.fixture(scope="module")
def seen() -> dict[tuple[str, str], Seen]:
    """Variables and screen buffer of every state of every game."""
    gc.collect()
    emulator = stable_retro.RetroEmulator(str(load_game("dojo").rom_path()))
    found = {}
    for game in GAMES.values():
        data: Any = stable_retro.data.GameData()
        emulator.configure_data(data)
        emulator.step()
        assert data.load(str(game.folder / "data.json"), str(game.folder / "scenario.json"))
        for state in game.states:
            assert emulator.set_state(game.state_bytes(state)), (game.id, state)
            variables = read_variables(game, data.lookup_all(), None)
            emulator.step()
            found[game.id, state] = Seen(variables, emulator.get_screen().copy())
    del emulator
    return found


def matches(game: Game) -> list[str]:
    return [state for state in game.states if state not in NO_MATCH.get(game.id, ())]


def only(*, knockouts: bool) -> pytest.MarkDecorator:
    """The games that count rounds from knock-outs, or those that count them in RAM."""
    games = {name: game for name, game in GAMES.items() if game.counts_knockouts is knockouts}
    return pytest.mark.parametrize("game", games.values(), ids=games)


def test_there_are_thirteen() -> None:
    assert len(GAMES) == 13
    assert sum(game.counts_knockouts for game in GAMES.values()) == 3


@only(knockouts=False)
def test_every_match_begins_with_no_round_won(game: Game, seen: dict[tuple[str, str], Seen]) -> None:
    for state in matches(game):
        variables = seen[game.id, state].variables
        assert (variables["rounds_won"], variables["enemy_rounds_won"]) == (0, 0), state


@only(knockouts=True)
def test_every_clock_runs_when_a_match_begins(game: Game, seen: dict[tuple[str, str], Seen]) -> None:
    assert ("clock" in game.formulas) == (game.aliases[0] == "virtua-fighter-2")
    if "clock" in game.formulas:
        assert all(seen[game.id, state].variables["clock"] > 0 for state in matches(game))


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
class TestGame:
    def test_every_match_begins_at_full_health(self, game: Game, seen: dict[tuple[str, str], Seen]) -> None:
        for state in matches(game):
            variables = seen[game.id, state].variables
            expected = HURT.get((game.id, state), (game.full_health, game.full_health))
            assert (variables["health"], variables["enemy_health"]) == expected, state

    def test_the_picture_has_no_black_columns_at_its_sides(self, game: Game, seen: dict[tuple[str, str], Seen]) -> None:
        """The buffer has 320 columns, of which a game in the console's 256-pixel mode leaves the last 64 black.

        Rows are not looked at: several games draw black bars at the top and at the bottom.
        """
        narrow = game.crop[2] == 256
        for state in matches(game):
            screen = seen[game.id, state].screen
            assert screen.shape == (224, 320, 3)
            assert screen[:, 256:].any() is np.False_ if narrow else screen[:, 256:].any(), state
            shown = picture(screen, game.crop)
            assert shown[:, 0].any(), state
            assert shown[:, -1].any(), state
            frame = to_frame(shown)
            assert frame[:, [0, -1]].any(axis=0).all(), state
            assert frame.std() > 10, state

    def test_the_table_has_directions_and_buttons_alone_and_together(self, game: Game) -> None:
        """But for up, and diagonals, with a button; MK2's table is the seed project's."""
        if game.id == MK2:
            assert game.actions == load_game("dojo").actions
            assert [name for name in set(game.actions) if game.actions.count(name) > 1] == ["L+U"]
            return
        attacks = set("ABCXYZ") if len(game.actions) == SIX_BUTTONS else set("ABC")
        assert len(game.actions) in (THREE_BUTTONS, SIX_BUTTONS)
        assert set(game.attack_buttons) <= attacks
        held = [frozenset(game.action_buttons(action)) for action in game.actions]
        assert len(set(held)) == len(held), "an action stands there twice"
        directions = [(), ("LEFT",), ("RIGHT",), ("UP",), ("DOWN",)]
        diagonals = [(side, way) for way in ("UP", "DOWN") for side in ("LEFT", "RIGHT")]
        expected = {*map(frozenset, [*directions, *diagonals])}
        expected |= {
            frozenset((*direction, button)) for direction in directions if direction != ("UP",) for button in attacks
        }
        assert set(held) == expected

    def test_its_rom_is_asked_for_by_its_sha1(self, game: Game) -> None:
        recorded = (game.folder / "rom.sha").read_text().split()
        assert tuple(recorded) == game.rom_sha1s
        assert bool(recorded) == (game.aliases[0] != "virtua-fighter-2")

    def test_it_has_a_state_to_play(self, game: Game) -> None:
        assert set(game.resolve_states("all")) <= set(matches(game))


def test_the_page_of_games_says_what_their_files_say() -> None:
    """Its table: game, name, states, full health, rounds, buttons, picture."""
    rows = [
        re.split(r"\s*\|\s*", line.strip("| \n")) for line in PAGE.read_text().splitlines() if line.startswith("| ")
    ]
    table = {row[1].strip("`"): row for row in rows[1:]}
    games = {game.aliases[0]: game for game in map(load_game, shipped_games().values()) if game.bundled}
    assert set(table) == set(games)
    for name, game in games.items():
        title, _, states, health, rounds, actions, crop, *_ = table[name]
        assert title == game.title.removesuffix(" (Genesis)")
        assert int(states) == len(game.resolve_states("all"))
        assert int(health) == game.full_health
        counted = (
            ("knock-outs, clock" if "clock" in game.formulas else "knock-outs") if game.counts_knockouts else "RAM"
        )
        assert rounds == f"{counted}; {game.rounds_to_win} win{'' if game.rounds_to_win == 1 else 's'}"
        assert int(actions) == len(game.actions)
        assert crop == ("whole" if game.crop == (0, 0, 0, 0) else "x".join(map(str, size_of(game))))


def size_of(game: Game) -> tuple[int, int]:
    height, width, _ = picture(np.zeros((224, 320, 3), np.uint8), game.crop).shape
    return width, height


def test_a_scenario_that_ends_at_two_rounds_says_what_they_are_counted_in() -> None:
    """Of most, stable-retro's own end of an episode is the second round that the opponent wins."""
    told = {}
    for game in GAMES.values():
        done = json.loads((game.folder / "scenario.json").read_text())["done"]["variables"]
        counted = [name for name, rule in done.items() if rule == {"op": "equal", "reference": 2}]
        formula = game.formulas.get("enemy_rounds_won", "enemy_rounds_won")
        told[game.aliases[0]] = formula in counted
    assert {name for name, said in told.items() if not said} == {
        "mk2", "sf2", "samurai-shodown", "virtua-fighter-2", "fighting-masters"
    }  # fmt: skip
