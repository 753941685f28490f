import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from mk_lightning.games.catalog import load_game, shipped_games
from mk_lightning.games.names import GameError


def test_both_games_ship() -> None:
    assert list(shipped_games()) == ["Dojo-Genesis-v0", "MortalKombatII-Genesis-v0"]


@pytest.mark.parametrize(
    "name", ["MortalKombatII-Genesis-v0", "MortalKombatII-Genesis", "mk2", "MK2", "mortalkombatii-genesis"]
)
def test_mk2_answers_to_each_of_its_names(name: str) -> None:
    assert load_game(name).id == "MortalKombatII-Genesis-v0"


@pytest.mark.parametrize("name", ["Dojo-Genesis-v0", "Dojo-Genesis", "dojo", "Dojo"])
def test_the_dojo_answers_to_each_of_its_names(name: str) -> None:
    assert load_game(name).id == "Dojo-Genesis-v0"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("MortalKombat2-Genesis", "MortalKombatII-Genesis"), ("dojjo", "dojo"), ("Dojo-Genesis-v1", "Dojo-Genesis-v0")],
)
def test_an_unknown_game_names_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(GameError, match=f"no game {name!r}; did you mean {meant!r}"):
        load_game(name)


class TestOwnGame:
    """A user's own game: a YAML file and an integration folder."""

    @pytest.fixture
    def described(self) -> dict[str, Any]:
        return {
            "id": "Own-Genesis-v0",
            "title": "Own",
            "integration": "files",
            "buttons": ["B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z"],
            "attack_buttons": ["A"],
            "actions": ["none", "L+A"],
            "full_health": 7,
        }

    @pytest.fixture
    def file(self, tmp_path: Path, described: dict[str, Any]) -> Path:
        dojo = load_game("dojo").folder
        folder = tmp_path / "files"
        folder.mkdir()
        for name in ("data.json", "scenario.json", "rom.md"):
            shutil.copy(dojo / name, folder)
        for name in ("B-10", "B-9", "A", "C.2P"):
            shutil.copy(dojo / "VeryEasy.Bramble-01.state", folder / f"{name}.state")
        return self._write(tmp_path / "own.yaml", described)

    @staticmethod
    def _write(file: Path, described: object) -> Path:
        file.write_text(yaml.safe_dump(described))
        return file

    def test_it_is_read_from_its_path(self, file: Path) -> None:
        game = load_game(str(file))
        assert game == load_game(file)
        assert game.id == "Own-Genesis-v0"
        assert game.folder == file.parent / "files"
        assert game.full_health == 7
        assert game.seed_variable is None
        assert game.rom_sha1 is None  # no rom.sha: taken as it is
        assert game.rom_path() == file.parent / "files" / "rom.md"

    def test_states_go_by_number_when_no_order_is_given(self, file: Path) -> None:
        assert load_game(file).states == ("A", "C.2P", "B-9", "B-10")

    def test_the_order_and_the_two_player_states_are_its_own_to_say(
        self, file: Path, described: dict[str, Any]
    ) -> None:
        self._write(file, {**described, "state_order": ["B*", "C*"], "two_player_states": "*.2P"})
        game = load_game(file)
        assert game.states == ("B-9", "B-10", "C.2P", "A")
        assert game.two_player_states == ("C.2P",)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"full_helth": 3}, "unknown key 'full_helth'; did you mean 'full_health'?"),
            ({"full_health": 0}, "full_health must be an integer of 1 or more, not 0"),
            ({"actions": "none"}, "actions must be a list of names, not 'none'"),
            ({"actions": ["L+a"]}, "action 'L+a' has an unknown button 'a'; did you mean 'A'?"),
            ({"actions": []}, "the action table is empty"),
            ({"buttons": ["A", False]}, "buttons must be a list of names"),
            ({"attack_buttons": ["Strt"]}, "no button 'Strt' to release; did you mean 'START'?"),
            ({"seed_variable": "cpu_sed"}, "has no variable 'cpu_sed'; did you mean 'cpu_seed'?"),
            ({"opponents": {"B-09": "x"}}, "no state 'B-09'; did you mean 'B-9'?"),
            ({"integration": "elsewhere"}, "cannot read"),
            ({"integration": None}, "stable-retro has no game 'Own-Genesis-v0'"),
            ({"title": 3}, "title must be text, not 3"),
        ],
    )
    def test_a_mistake_is_named_in_one_line(
        self, file: Path, described: dict[str, Any], change: dict[str, Any], message: str
    ) -> None:
        self._write(file, {**described, **change})
        with pytest.raises(GameError) as caught:
            load_game(file)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_missing_key_is_named(self, file: Path, described: dict[str, Any]) -> None:
        del described["actions"]
        self._write(file, described)
        with pytest.raises(GameError, match="key 'actions' is missing"):
            load_game(file)

    def test_what_is_not_a_game_file_is_refused(self, file: Path) -> None:
        with pytest.raises(GameError, match=r"cannot read .*: no such game file"):
            load_game(file.with_name("other.yaml"))
        self._write(file, ["a list"])
        with pytest.raises(GameError, match="expected a mapping"):
            load_game(file)
        file.write_text("a: [1")
        with pytest.raises(GameError, match="is not YAML") as caught:
            load_game(file)
        assert "\n" not in str(caught.value)

    def test_the_variables_that_rewards_need_must_be_there(self, file: Path) -> None:
        data = file.parent / "files" / "data.json"
        described = json.loads(data.read_text())
        del described["info"]["rounds_won"]
        data.write_text(json.dumps(described))
        with pytest.raises(GameError, match="no variable 'rounds_won'"):
            load_game(file)
