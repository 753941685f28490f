import gzip

import pytest

from mk_lightning.games.catalog import load_game
from mk_lightning.games.consoles import STATE_BEGINS, console_of
from mk_lightning.games.integration import bundled_folder
from mk_lightning.games.names import GameError

STATES = (
    "1942-Nes-v0/1Player.Level1",
    "AcceleBrid-Snes-v0/SilverMarine.DefaultSettings.Level1",
    "Adventure-Atari2600-v0/Start",
    "MortalKombatII-Genesis-v0/Level1.LiuKangVsJax",
    "MortalKombatTrilogy-N64-v0/LiuKangVsScorpion.Novice",
    "VirtuaFighter-32x-v0/AkiraVsJacky",
    "VirtuaFighter2-Saturn-v0/AkiraVsLau",
)
"""One of stable-retro's for each core."""


def test_the_genesis_has_the_buttons_of_its_core() -> None:
    genesis = console_of("Dojo-Genesis-v0")
    assert genesis.buttons == ("B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z")
    assert (genesis.rom_name, genesis.state_begins) == ("rom.md", b"GENPLUS-GX")


def test_a_place_without_a_button_is_kept_and_cannot_be_pressed() -> None:
    atari = console_of("Boxing-Atari2600-v0")
    assert atari.buttons == ("BUTTON", "", "SELECT", "RESET", "UP", "DOWN", "LEFT", "RIGHT")
    assert atari.rom_name == "rom.a26"
    boxing = load_game("boxing")
    assert boxing.action_buttons("R+U+BUTTON") == ("RIGHT", "UP", "BUTTON")
    with pytest.raises(GameError, match=r"action 'R\+' has an unknown button ''"):
        boxing.action_buttons("R+")


@pytest.mark.parametrize("game_id", ["Ninja-Snes-v0", "Ninja-Nes-v12", "Two-Words-N64-v0", "Ninja-Saturn-v1"])
def test_other_consoles_are_known_by_their_cores(game_id: str) -> None:
    console = console_of(game_id)
    assert console.name == game_id.split("-")[-2]
    assert {"UP", "DOWN", "LEFT", "RIGHT"} < set(console.buttons)


@pytest.mark.parametrize("state", STATES)
def test_a_shipped_state_begins_as_its_core_has_it(state: str) -> None:
    game_id, _, name = state.partition("/")
    with gzip.open(bundled_folder(game_id) / f"{name}.state") as file:
        begins = file.read(32)
    expected = console_of(game_id).state_begins
    assert len(expected) >= 4
    assert begins.startswith(expected)


def test_every_core_that_is_known_has_such_a_state() -> None:
    assert {console_of(state.partition("/")[0]).core for state in STATES} == set(STATE_BEGINS)
