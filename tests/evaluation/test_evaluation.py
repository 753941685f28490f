from __future__ import annotations

import base64
import csv
import io
import json
import zlib
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from mk_lightning.envs.config import EnvConfig
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.games.catalog import load_game
from mk_lightning.metrics.state_score import StateScore
from mk_lightning.utils.errors import UserError
from tests.evaluation.records import record

GAME = load_game("dojo")
A, B = "VeryEasy.Bramble-01", "Hard.Heron-06"
GROUPS = {"original": [A], "challenging": [B]}
ENV: dict[str, Any] = {"frame_skip": 4, "max_noops": 30}
RECORDS = [
    record([1, 1, 2], A, 70, won=True, total=10.0, x_position=[0, 15, 16, 16], enemy_x_position=[40, 40, 40, 40]),
    record([3], B, 70, won=False, total=-5.0),
    record([1], A, 71, won=False, total=1.0, x_position=[16, 16], enemy_x_position=[40, 48]),
]


@pytest.fixture
def evaluation():
    return Evaluation.of(RECORDS, GAME, policy="somewhere.ckpt", epsilon=0.05, env=ENV, groups=GROUPS)


def test_it_keeps_what_was_played(evaluation):
    assert [evaluation.played(match).tolist() for match in evaluation.matches] == [[1, 1, 2], [3], [1]]
    assert evaluation.env == ENV


def test_what_it_sums_up(evaluation):
    assert [(m.episode, m.state, m.seed) for m in evaluation.matches] == [(1, A, 70), (2, B, 70), (3, A, 71)]
    assert {s: {a: n for a, n in enumerate(c) if n} for s, c in evaluation.action_counts.items()} == {
        A: {1: 3, 2: 1},
        B: {3: 1},
    }
    assert evaluation.positions == {A: [[0, 2, 2], [1, 2, 3], [1, 3, 1]]}
    assert evaluation.scores() == {A: StateScore(1, 2, 5.5, 2.0), B: StateScore(0, 1, -5.0, 1.0)}
    assert evaluation.score([A, B]) == StateScore(1, 3, 2.0, 5 / 3)


def test_it_shows_itself_in_short(evaluation):
    assert repr(evaluation) == "<Evaluation of somewhere.ckpt in Dojo-Genesis-v0: 1 of 3 matches won>"
    console = Console(file=io.StringIO(), width=120)
    console.print(evaluation)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "somewhere.ckpt at epsilon 0.05" in shown
    assert "Bramble-01" in shown


def test_it_survives_its_file(evaluation, tmp_path):
    evaluation.write(tmp_path / "before.json")
    assert Evaluation.read(tmp_path / "before.json") == evaluation


def test_the_table_begins_with_the_seed_project_s_columns(evaluation, tmp_path):
    evaluation.write(tmp_path / "before.json")
    with (tmp_path / "before.csv").open(newline="") as file:
        header, first, second, _ = csv.reader(file)
    assert header[:3] == ["episode", "reward", "won"]
    row = dict(zip(header, first, strict=True))
    assert [row[name] for name in ("episode", "reward", "won", "state", "seed")] == ["1", "10.0", "1", A, "70"]
    assert second[header.index("distance")] == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no evaluation: it is not JSON"),
        ("[]", "is not an evaluation"),
        ('{"format": 3}', "is not an evaluation"),
        ('{"format": 99}', "has format 99, this version reads 3"),
    ],
)
def test_another_file_is_one_line(content, message, tmp_path):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(UserError, match=message) as error:
        Evaluation.read(tmp_path / "x.json")
    assert "\n" not in str(error.value)


def test_a_reward_of_ones_own_is_noted_and_never_imported(evaluation, tmp_path):
    own = replace(evaluation, env=ENV | {"reward": "nowhere.Own(bonus=3)"})
    own.write(tmp_path / "x.json")
    assert Evaluation.read(tmp_path / "x.json") == own
    assert own.config == evaluation.config == EnvConfig(**ENV)


@pytest.mark.parametrize(
    "env", [{"frame_skip": 0}, {"frame_skip": "x"}, {"speed": 3}, [4], {"reward": 3}, {"reward": "two\nlines"}]
)
def test_options_that_no_environment_takes_are_refused(evaluation, env, tmp_path):
    evaluation.write(tmp_path / "x.json")
    content = json.loads((tmp_path / "x.json").read_text())
    (tmp_path / "x.json").write_text(json.dumps(content | {"env": env}))
    with pytest.raises(UserError, match="is not an evaluation"):
        Evaluation.read(tmp_path / "x.json")


@pytest.mark.parametrize(
    "play",
    ["", "no base64!", base64.b64encode(b"no zlib").decode(), base64.b64encode(zlib.compress(b"\0\0")).decode(),
     base64.b64encode(zlib.compress(b"\xff\xff" * 3)).decode(), base64.b64encode(zlib.compress(bytes(10**8))).decode()],
    ids=["none", "letters", "bytes", "too short", "no such action", "far too long"],
)  # fmt: skip
def test_actions_that_were_tampered_with_are_refused(evaluation, play):
    changed = replace(evaluation, plays=[play, *evaluation.plays[1:]])
    with pytest.raises(UserError, match=r"somewhere.ckpt: the actions of match 1 cannot be read"):
        changed.played(changed.matches[0])


def test_half_a_match_is_not_an_evaluation(evaluation, tmp_path):
    evaluation.write(tmp_path / "x.json")
    content = json.loads((tmp_path / "x.json").read_text())
    del content["matches"][1]["won"]
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="is not an evaluation"):
        Evaluation.read(tmp_path / "x.json")


def test_no_file(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*: no such evaluation"):
        Evaluation.read(tmp_path / "nowhere.json")
