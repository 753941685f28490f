import pickle
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError, MissingRomError


@pytest.fixture(scope="module")
def dojo() -> Game:
    return load_game("dojo")


def test_the_table_has_the_seeds_26_rows_in_both_games(dojo: Game) -> None:
    mk2 = load_game("mk2")
    assert dojo.actions == mk2.actions
    assert dojo.buttons == mk2.buttons
    assert len(dojo.actions) == 26
    assert dojo.actions[0] == "none"
    assert dojo.actions[9:11] == ("R+D+B", "R+D+A")
    assert dojo.actions[-1] == "MODE"


def test_actions_hold_the_buttons_they_name(dojo: Game) -> None:
    assert dojo.action_buttons("none") == ()
    assert dojo.action_buttons("L+U+B") == ("LEFT", "UP", "B")
    assert dojo.action_buttons("START") == ("START",)
    with pytest.raises(GameError, match=r"action 'L\+Q' has an unknown button 'Q'; valid: U, D, L, R"):
        dojo.action_buttons("L+Q")


def test_an_action_is_found_by_name_and_a_misspelt_one_named(dojo: Game) -> None:
    assert dojo.action_index("R+D+B") == 9
    assert dojo.action_index("L+U") == 5  # the first of the two
    with pytest.raises(GameError, match=r"no action 'R\+D\+b'; did you mean 'R\+D\+B'\?"):
        dojo.action_index("R+D+b")


def test_states_stand_in_the_games_order(dojo: Game) -> None:
    one_player = dojo.resolve_states("all")
    assert len(one_player) == 40
    assert [state[-2:] for state in one_player[:8]] == [f"{number:02d}" for number in range(1, 9)]
    assert [state.split(".")[0] for state in one_player[::8]] == ["VeryEasy", "Easy", "Medium", "Hard", "VeryHard"]
    assert set(dojo.states) - set(one_player) == set(dojo.two_player_states)


def test_patterns_select_states_once_and_in_order(dojo: Game) -> None:
    easy = dojo.resolve_states("VeryEasy.*")
    assert len(easy) == 8
    assert dojo.resolve_states("VeryEasy") == easy
    assert dojo.resolve_states([easy[3], "VeryEasy.*"]) == (easy[3], *easy[:3], *easy[4:])
    assert dojo.resolve_states("*-03") == tuple(state for state in dojo.states if state.endswith("-03"))


def test_two_player_states_are_taken_only_when_named_in_full(dojo: Game) -> None:
    two_players = dojo.two_player_states[0]
    assert dojo.resolve_states(two_players) == (two_players,)
    assert not set(dojo.resolve_states("*")) & set(dojo.two_player_states)
    with pytest.raises(GameError):
        dojo.resolve_states("*2P")


def test_a_misspelt_state_is_named_with_the_one_that_was_meant(dojo: Game) -> None:
    state = dojo.resolve_states("VeryEasy.*-04")[0]
    typed = state.replace("-04", "-4")
    with pytest.raises(GameError) as caught:
        dojo.resolve_states(["VeryEasy.*", typed])
    assert str(caught.value) == f"Dojo-Genesis-v0: no state {typed!r}; did you mean {state!r}?"
    with pytest.raises(GameError, match="no states given"):
        dojo.resolve_states([])


def test_weights_are_probabilities(dojo: Game) -> None:
    first, second, third, *_ = dojo.resolve_states("VeryEasy.*")
    assert dojo.state_weights([first, second]) == {first: 0.5, second: 0.5}
    assert dojo.state_weights({first: 3, second: 1, third: 0}) == {first: 0.75, second: 0.25}
    spread = dojo.state_weights({"VeryEasy.*": 1, first: 9})
    assert spread[first] == pytest.approx(9 / 16)
    assert len(spread) == 8


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(dojo: Game, weight: float) -> None:
    with pytest.raises(GameError, match="must be 0 or more and finite"):
        dojo.state_weights({"VeryEasy.*": weight})


def test_weights_that_sum_to_nothing_are_refused(dojo: Game) -> None:
    with pytest.raises(GameError, match="sum to 0"):
        dojo.state_weights({"VeryEasy.*": 0})


def test_state_bytes_are_unpacked_and_kept(dojo: Game) -> None:
    first = dojo.state_bytes(dojo.states[0])
    assert len(first) == 1_036_288
    assert dojo.state_bytes(dojo.states[0]) is first
    with pytest.raises(GameError, match="did you mean"):
        dojo.state_bytes(dojo.states[0] + "x")


def test_opponents_have_names(dojo: Game) -> None:
    assert dojo.states[0] == f"VeryEasy.{dojo.opponent(dojo.states[0])}-01"
    mk2 = load_game("mk2")
    assert mk2.opponent("VeryEasy.LiuKang-04") == "Kung Lao"
    assert mk2.opponent("LiuKangVsBaraka_VeryHard_01") == "LiuKangVsBaraka_VeryHard_01"


def test_games_can_be_sent_to_other_processes(dojo: Game) -> None:
    assert pickle.loads(pickle.dumps(dojo)) == dojo
    assert len({dojo, load_game("Dojo-Genesis")}) == 1


def test_the_shipped_rom_is_the_one_its_checksum_names(dojo: Game) -> None:
    assert dojo.rom_path().name == "rom.md"


def test_a_missing_bundled_rom_says_which_and_how_to_import_it(tmp_path: Path) -> None:
    mk2 = replace(load_game("mk2"), folder=tmp_path)
    with pytest.raises(GameError) as caught:
        mk2.rom_path()
    message = str(caught.value)
    assert "\n" not in message
    assert "its ROM is not imported" in message
    assert "'Mortal Kombat II (Genesis)' (.md, sha1 af6d2db16f2b76940ff5a9738f1e00c4e7ea485e)" in message
    assert "run `mk-lightning import FILE`" in message


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("virtua-fighter-2", "`mk-lightning import FILE --game virtua-fighter-2`"),
        ("boxing", "`pip install 'mk-lightning[games]' && mk-lightning import boxing`"),
    ],
)
def test_a_missing_rom_names_the_command_that_takes_it(tmp_path: Path, name: str, command: str) -> None:
    with pytest.raises(MissingRomError, match=f"run {re.escape(command)}$"):
        replace(load_game(name), folder=tmp_path).rom_path()


def test_either_of_two_recorded_roms_will_do(tmp_path: Path) -> None:
    dojo = load_game("dojo")
    shutil.copytree(dojo.folder, tmp_path / "dojo")
    (tmp_path / "dojo" / "rom.sha").write_text(f"{'0' * 40}\n{dojo.rom_sha1s[0].upper()}\n")
    game = load_game(tmp_path / "dojo" / "game.yaml")
    assert game.rom_sha1s == ("0" * 40, *dojo.rom_sha1s)
    assert game.rom_path() == tmp_path / "dojo" / "rom.md"


def test_another_rom_under_the_right_name_is_refused(dojo: Game, tmp_path: Path) -> None:
    shutil.copy(dojo.folder / "rom.md", tmp_path)
    mk2 = replace(load_game("mk2"), folder=tmp_path)
    with pytest.raises(
        GameError, match=r"is another ROM \(sha1 [0-9a-f]{40}\): move it away and get 'Mortal Kombat II"
    ):
        mk2.rom_path()


def test_a_missing_rom_of_ones_own_says_where_it_goes(dojo: Game, tmp_path: Path) -> None:
    with pytest.raises(GameError, match=f"no ROM at {tmp_path}/rom.md: put 'Dojo'"):
        replace(dojo, folder=tmp_path).rom_path()
