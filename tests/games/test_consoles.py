import pytest

from mk_lightning.games.catalog import load_game
from mk_lightning.games.consoles import console_of
from mk_lightning.games.names import GameError


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
    assert console.state_begins
