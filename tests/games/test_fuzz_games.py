"""Whatever is in a game's files, they are read or refused in one line."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mk_lightning.games.catalog import load_game
from mk_lightning.games.formulas import compute
from mk_lightning.games.game import Game
from mk_lightning.games.integration import read_state
from mk_lightning.games.names import GameError
from tests.fuzzing import damaged, fuzz, one_line

SHIPPED = load_game("dojo").folder
STATE = "VeryEasy.Bramble-01"
PACKED = (SHIPPED / f"{STATE}.state").read_bytes()
SMALL = gzip.compress(b"GENPLUS-GX 1.7.5" + bytes(range(256)))
TEXT = (SHIPPED / "game.yaml").read_text()
KEYS = ("rom_sha1", "opponents", "ram", "variables", "rounds", "clock", "rounds_to_win", "x")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates() | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9) | st.integers(), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A game of one's own: the dojo with one state."""
    folder = tmp_path_factory.mktemp("game")
    for name in ("game.yaml", "data.json", "scenario.json", "rom.md", f"{STATE}.state"):
        shutil.copy(SHIPPED / name, folder)
    return folder


def taken_or_refused(read: Callable[[], Any]) -> Any:
    """What is read, or None if it is refused as it should be."""
    try:
        return read()
    except GameError as error:
        one_line(error)
        return None


@fuzz
@given(raw=damaged(TEXT.encode()) | st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_fuzz_the_text_of_a_game(folder: Path, raw: bytes) -> None:
    (folder / "fuzzed.yaml").write_bytes(raw)
    game = taken_or_refused(lambda: load_game(folder / "fuzzed.yaml"))
    assert game is None or (isinstance(game, Game) and game.folder.is_relative_to(folder))


@fuzz
@given(key=st.sampled_from([*sorted(yaml.safe_load(TEXT)), *KEYS]), value=VALUES)
def test_fuzz_the_values_of_a_game(folder: Path, key: str, value: object) -> None:
    (folder / "fuzzed.yaml").write_text(yaml.safe_dump(yaml.safe_load(TEXT) | {key: value}))
    game = taken_or_refused(lambda: load_game(folder / "fuzzed.yaml"))
    assert game is None or game.folder.is_relative_to(folder)


@fuzz
@given(text=st.text("0123456789 +-*/()healthrounds_wo.,[]'", max_size=40) | st.text(max_size=300))
def test_fuzz_a_formula(folder: Path, text: str) -> None:
    (folder / "fuzzed.yaml").write_text(yaml.safe_dump(yaml.safe_load(TEXT) | {"variables": {"health": text}}))
    game = taken_or_refused(lambda: load_game(folder / "fuzzed.yaml"))
    if game is not None:
        value = taken_or_refused(lambda: compute(text, dict.fromkeys(game.variables, 255)))
        assert value is None or isinstance(value, int)


@fuzz
@given(name=st.sampled_from(("data.json", "scenario.json", "rom.sha")), data=st.data())
def test_fuzz_the_other_files_of_a_game(folder: Path, name: str, data: st.DataObject) -> None:
    good = (SHIPPED / name).read_bytes()
    (folder / name).write_bytes(data.draw(damaged(good) | st.binary(max_size=100)))
    try:
        game = taken_or_refused(lambda: load_game(folder / "game.yaml"))
    finally:
        (folder / name).write_bytes(good)
    assert game is None or game.folder.is_relative_to(folder)


@fuzz
@given(raw=damaged(SMALL) | damaged(PACKED) | st.binary(max_size=300) | st.binary(max_size=300).map(gzip.compress))
def test_fuzz_a_state(folder: Path, raw: bytes) -> None:
    (folder / f"{STATE}.state").write_bytes(raw)
    game = load_game(folder / "game.yaml")
    read_state.cache_clear()
    state = taken_or_refused(lambda: game.state_bytes(STATE))
    assert state is None or state.startswith(b"GENPLUS-GX")
