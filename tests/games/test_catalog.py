import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from mk_lightning.games import catalog
from mk_lightning.games.catalog import load_game, shipped_games
from mk_lightning.games.names import GameError
from mk_lightning.utils.documents import read_yaml


def test_games_ship_under_names_of_their_own() -> None:
    games = [load_game(file) for file in shipped_games().values()]
    assert {"Dojo-Genesis-v0", "MortalKombatII-Genesis-v0", "Boxing-Atari2600-v0"} < {game.id for game in games}
    names = [alias for game in games for alias in (game.id, *game.aliases)]
    assert len(set(names)) == len(names)


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
    [("MortalKombtII-Genesis", "MortalKombatII-Genesis"), ("dojjo", "dojo"), ("Dojo-Genesis-v1", "Dojo-Genesis-v0")],
)
def test_an_unknown_game_names_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(GameError, match=f"no game {name!r}; did you mean {meant!r}"):
        load_game(name)


def test_a_game_by_name_is_one_file_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    load_game("dojo")  # by which the names are known
    read = []
    monkeypatch.setattr(catalog, "read_yaml", lambda file, what: read.append(file) or read_yaml(file, what))
    assert load_game("mk2").id == "MortalKombatII-Genesis-v0"
    assert read == [shipped_games()["MortalKombatII-Genesis-v0"]]


class TestOwnGame:
    """A user's own game: a YAML file and an integration folder."""

    @pytest.fixture
    def described(self) -> dict[str, Any]:
        return {
            "id": "Own-Genesis-v0",
            "title": "Own",
            "integration": "files",
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
        assert game.rom_sha1s == ()  # no rom.sha: taken as it is
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
            ({"full_health": 0}, "full_health must be an integer of 1 or more, or null to take the state's, not 0"),
            ({"actions": "none"}, "actions must be a list of names, not 'none'"),
            ({"actions": ["L+a"]}, "action 'L+a' has an unknown button 'a'; did you mean 'A'?"),
            ({"actions": []}, "the action table is empty"),
            ({"attack_buttons": ["A", False]}, "attack_buttons must be a list of names"),
            ({"attack_buttons": ["Strt"]}, "no button 'Strt' to release; did you mean 'START'?"),
            ({"seed_variable": "cpu_sed"}, "has no variable 'cpu_sed'; did you mean 'cpu_seed'?"),
            ({"opponents": {"B-09": "x"}}, "no state 'B-09'; did you mean 'B-9'?"),
            ({"integration": "elsewhere"}, "cannot read"),
            ({"integration": None}, "stable-retro has no game 'Own-Genesis-v0'"),
            ({"title": 3}, "title must be text, not 3"),
            ({"id": "Own"}, "id 'Own' must end with its console and a version, such as Own-Genesis-v0"),
            ({"id": "Own-Gensis-v0"}, "no console 'Gensis' to play on; did you mean 'Genesis'?"),
            ({"variables": {"health": "100 - t_"}}, "health: no variable 't_'; did you mean 't'?"),
            ({"variables": {"health": "t ** 2"}}, "health: 't ** 2' is not a formula of integers"),
            ({"variables": {"health": [1]}}, "health must be a formula such as 100 - score, not a list"),
            ({"variables": {"a b": "t"}}, "variables: 'a b' is no name of a variable"),
            ({"variables": ["health"]}, "variables must be a mapping from names to formulas, not a list"),
            ({"ram": {"x": {"address": -1, "type": "|u1"}}}, "the address of 'x' must be a whole number of 32 bits"),
            ({"ram": {"x": {"address": 1, "type": "u1"}}}, "the type of 'x' must be one such as '|u1'"),
            ({"ram": {"x": {"address": 1, "type": "|u1", "mask": 1}}}, "ram: 'x' has address and type, not 'mask'"),
            ({"ram": {"x": 5}}, "the address of 'x' must be a whole number of 32 bits"),
            ({"rounds": "knockout"}, "rounds must be knockouts, or be left out where variables have them"),
            ({"clock": "clock"}, "clock is for `rounds: knockouts`"),
            ({"rounds": "knockouts", "clock": "tmie"}, "clock: no variable 'tmie'"),
            (
                {"rounds": "knockouts", "variables": {"rounds_won": "t"}},
                "'rounds_won' is made of `rounds: knockouts` and `clock`; take it out",
            ),
            ({"rounds_to_win": 0}, "rounds_to_win must be between 1 and 99, got 0"),
            ({"rounds_to_win": True}, "rounds_to_win must be an integer, not True"),
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
        with pytest.raises(GameError, match=r"no variable 'rounds_won'; .* stands under 'variables'"):
            load_game(file)

    def test_variables_are_what_memory_has_and_what_is_computed_of_it(
        self, file: Path, described: dict[str, Any]
    ) -> None:
        extra = {
            "variables": {"health": "health + 2 * mine", "spare": 3},
            "ram": {"mine": {"address": 16711690, "type": ">u2"}},
        }
        self._write(file, {**described, **extra})
        game = load_game(file)
        assert set(game.variables) == {*load_game("dojo").variables, "mine", "spare"}
        assert game.formulas == {"health": "health + 2 * mine", "spare": "3"}
        assert game.ram == extra["ram"]

    def test_rounds_counted_from_knockouts_are_variables_of_their_own(
        self, file: Path, described: dict[str, Any]
    ) -> None:
        data = file.parent / "files" / "data.json"
        data.write_text(json.dumps({"info": {k: {"address": 1, "type": "|u1"} for k in ("health", "enemy_health")}}))
        self._write(file, {**described, "rounds": "knockouts", "full_health": None, "rounds_to_win": 3})
        game = load_game(file)
        assert game.variables == ("enemy_health", "enemy_rounds_won", "health", "rounds_won")
        assert (game.full_health, game.rounds_to_win) == (None, 3)

    def test_a_game_of_stable_retros_needs_no_files(self, tmp_path: Path, described: dict[str, Any]) -> None:
        changed = {**described, "id": "WorldHeroes-Genesis-v0", "integration": None}
        game = load_game(self._write(tmp_path / "own.yaml", changed))
        assert game.bundled
        assert game.states == ("Level1.Normal.HanzouVsJanna",)
        assert game.rom_sha1s == ("5a563f441c3013ac4b3f9e08d5e5a6e05efc5de0",)

    @pytest.mark.parametrize("crop", [[1, 2, 3], "all", [0, 0, -1, 0], [0, 0, 1.5, 0], {"x": 1}])
    def test_a_crop_that_is_none_is_refused(self, file: Path, crop: object) -> None:
        (file.parent / "files" / "scenario.json").write_text(json.dumps({"crop": crop}))
        with pytest.raises(GameError, match=r"crop must be \[left, top, width, height\] in pixels, not"):
            load_game(file)
