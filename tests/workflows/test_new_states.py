"""States are made of the matches that follow one that is won, and hold what they say."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import cv2
import pytest

import mk_lightning as mk
from mk_lightning.cli.main import main
from mk_lightning.envs.emulator import start_emulator
from mk_lightning.games.catalog import load_game, shipped_games
from mk_lightning.utils.errors import UserError
from tests.standin import decide_soon, mk2_standin

AHEAD, BEHIND = "VeryEasy.LiuKang-02", "VeryEasy.LiuKang-03"
INTRO, FIGHT = 1, 2
"""The dojo's phases: the round is announced, and fought."""


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """The stand-in for Mortal Kombat II, with a match that is won within a second, and one that is lost."""
    file = mk2_standin(tmp_path)
    decide_soon(tmp_path, won=[AHEAD], lost=[BEHIND])
    return file


def variables(file: Path) -> dict[str, int]:
    """What the dojo's own variables are in a save state."""
    dojo = load_game("dojo")
    emulator, data = start_emulator(dojo)
    emulator.set_state(mk.Game.state_bytes(load_game(file.parent / "game.yaml"), file.stem))
    values = data.lookup_all()
    del emulator, data
    return {name: int(value) for name, value in values.items()}


def test_matches_that_follow_are_saved(game: Path) -> None:
    first, second = mk.new_states(str(game), AHEAD, count=2)
    assert (first.name, second.name) == ("New.LiuKang-03", "New.LiuKang-04")
    for number, made in enumerate((first, second), 1):
        values = variables(made.file)
        assert values["wins"] == number, "it is not the match before"
        assert (values["health"], values["enemy_health"]) == (120, 120)
        assert (values["rounds_won"], values["enemy_rounds_won"]) == (0, 0)
        assert (values["phase"], values["clock"]) == (FIGHT, 30)
        picture = cv2.imread(str(made.picture))
        assert picture is not None
        assert picture.shape == (224, 320, 3)
        assert picture.std() > 10
    assert first.matches == 1
    loaded = load_game(game)
    assert loaded.resolve_states("New") == ("New.LiuKang-03", "New.LiuKang-04")
    with closing(mk.FightingEnv(loaded, "New")) as env:
        _, info = env.reset(options={"state": second.name})
        assert info["wins"] == 2


def test_the_announcement_is_left_out_only_where_asked(game: Path) -> None:
    (made,) = mk.new_states(str(game), AHEAD, wait=0, name="Early.One")
    assert made.name == "Early.One-03"
    assert variables(made.file)["phase"] == INTRO


def test_a_blow_while_waiting_ends_the_wait(game: Path) -> None:
    """Nobody presses a button for two minutes, in which the opponent comes and hits."""
    (made,) = mk.new_states(str(game), AHEAD, wait=7200)
    values = variables(made.file)
    assert (values["health"], values["enemy_health"]) == (120, 120)
    assert values["clock"] < 30


def test_an_opponent_is_tried_again_and_given_up(game: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    before = sorted(game.parent.iterdir())
    with pytest.raises(UserError, match=f"{BEHIND} was not won in 2 matches"):
        list(mk.new_states(str(game), BEHIND, attempts=2))
    assert sorted(game.parent.iterdir()) == before
    assert f"{BEHIND}: match 2 of at most 2 is not won, rounds 0 : 2" in caplog.text


def test_rounds_that_are_counted_begin_anew(tmp_path: Path) -> None:
    """The dojo as a game without rounds in RAM, of which one wins: its next round is a match."""
    dojo = load_game("dojo")
    for name in ("rom.md", "data.json", "scenario.json", "VeryEasy.Bramble-01.state"):
        shutil.copy(dojo.folder / name, tmp_path)
    described = shipped_games()[dojo.id].read_text() + "rounds: knockouts\nclock: clock\nrounds_to_win: 1\n"
    (tmp_path / "game.yaml").write_text(described)
    decide_soon(tmp_path, won=["VeryEasy.Bramble-01"], lost=[])
    (made,) = mk.new_states(str(tmp_path / "game.yaml"), "VeryEasy.Bramble-01")
    assert made.name == "New.Bramble-02"
    assert variables(made.file)["clock"] == 30


def test_the_command_tells_what_it_made(game: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["states", "new", str(game), AHEAD, "--agent", "checkpoints/dojo-base.ckpt", "--name", "Next.Foe"])
    file = game.parent / "Next.Foe-03.state"
    assert capsys.readouterr().out == f"Next.Foe-03: {file}, its picture {file.with_suffix('.png')}; after 1 match\n"
    main(["states", str(game)])
    assert "Next.Foe-03" in capsys.readouterr().out


def test_its_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["states", "new", "--help"])
    assert "mk-lightning states new mk2 VeryEasy.LiuKang-08 --agent" in " ".join(capsys.readouterr().out.split())


def test_a_state_that_cannot_be_written_is_told(game: Path) -> None:
    (game.parent / "New.LiuKang-03.state.part").mkdir()  # where it is written at first
    with pytest.raises(UserError, match="cannot write New"):
        list(mk.new_states(str(game), AHEAD))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([AHEAD, "--count", "0"], "count must be between 1 and 99, got 0"),
        ([AHEAD, "--epsilon", "2"], "epsilon must be between 0 and 1, got 2"),
        ([AHEAD, "--wait", "-1"], "wait must be between 0 and 7,200 frames, got -1"),
        ([AHEAD, "--attempts", "0"], "attempts must be between 1 and 10,000, got 0"),
        ([AHEAD, "--seed", "-1"], "seed must be between 0 and 1,000, got -1"),
        ([AHEAD, "--frame_skip", "0"], "frame_skip must be between 1 and 60 frames, got 0"),
        ([AHEAD, "--name", "VeryEasy.LiuKang"], "VeryEasy.LiuKang-03.state is there and is not replaced"),
        ([AHEAD, "--name", "../up"], "'../up' is no name of a state"),
        ([AHEAD, "--agent", "nix.ckpt"], "no checkpoint nix.ckpt"),
        (["VeryEasy.LiuKang-2"], "did you mean 'VeryEasy.LiuKang-02'?"),
        ([], "STATE"),
    ],
)
def test_a_mistake_is_a_line(game: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(game.parent.iterdir())
    with pytest.raises(SystemExit) as stop:
        main(["states", "new", str(game), *words])
    assert stop.value.code == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
    assert sorted(game.parent.iterdir()) == before
