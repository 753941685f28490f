"""Evaluations that cannot be used: they may come from anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mk_lightning.evaluation.evaluation import Evaluation
from tests.cli.mistakes import Mistake, fit, refuse
from tests.evaluation.test_compare import AFTER, BEFORE, A


def pair(folder: Path) -> None:
    """Two evaluations that can be compared."""
    BEFORE.write(folder / "before.json")
    AFTER.write(folder / "after.json")


def compare(hint: str, *words: str, **changes: Any) -> Mistake:
    """A comparison of two evaluations, the second with other entries."""

    def files(folder: Path) -> None:
        pair(folder)
        path = folder / "after.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return Mistake(["compare", *(words or ("before.json", "after.json"))], hint, files)


def first_match(**changes: Any) -> list[dict[str, Any]]:
    """The matches of the second evaluation, the first of them changed."""
    first, *others = [vars(match) for match in AFTER.matches]
    return [first | changes, *others]


def weakest(content: str, hint: str, words: str = "weakest 1 of e.json") -> Mistake:
    return fit(hint, f"--data.train_states=[{words}]", files=lambda folder: (folder / "e.json").write_text(content))


SCORE = {"wins": 1, "matches": 2, "mean_return": 0.0}
EVALUATIONS = {
    "one file": compare("at least two evaluations", "before.json"),
    "the same file": compare("is given twice", "before.json", "before.json"),
    "no such file": compare("no file or directory nowhere.json", "before.json", "nowhere.json"),
    "directory": compare("not both: . is a directory", "before.json", "."),
    "no words": compare("the following arguments are required: FILE", "--out=x.html"),
    "option": compare("unrecognized arguments: --htm", "before.json", "after.json", "--htm", "x"),
    "points as a word": compare("invalid float value", "before.json", "after.json", "--fail-if-worse=lots"),
    "points nan": compare("must be 0 to 100 points, got nan", "before.json", "after.json", "--fail-if-worse=nan"),
    "page in no folder": compare("cannot be made", "before.json", "after.json", "--out=no/where.html"),
    "page in a file": compare("cannot be made", "before.json", "after.json", "--out=before.json/x.html"),
    "page without a name": compare("must name a file", "before.json", "after.json", "--out="),
    "page like a directory": compare("must name a file", "before.json", "after.json", "--out=/"),
    "page of a long name": compare("File name too long", "before.json", "after.json", f"--out={'x' * 300}"),
    "format": compare("has format 99, this version reads 3", format=99),
    "long format": compare("has format", format="9" * 10_000),
    "another game": compare("did not play the same: game", game="Other-Genesis-v0"),
    "game as a path": compare("is no name of a game", game="../x/game.yaml"),
    "game as a file": compare("game must be the id of one", game="game.yaml"),
    "epsilon": compare("epsilon must be between 0 and 1, got 7", epsilon=7),
    "environment": compare("env is of the wrong type", env={"frame_skip": "x"}),
    "option of no environment": compare("speed", env={"speed": 3}),
    "markup for a group": compare("is no name of a game, group or state", groups={"[red]": ["x"]}),
    "group of numbers": compare("groups is of the wrong type", groups={"original": [1]}),
    "other states": compare("must name every state that was played", groups={"original": ["x"]}),
    "no matches": compare("must name every state that was played", matches=[]),
    "matches in a mapping": compare("must name every state that was played", matches={}),
    "match of words": compare("match 1 has not the columns of one", matches=["x"]),
    "match with a column too many": compare("match 1 has not the columns", matches=first_match(more=1)),
    "number as a word": compare("match 1 has not the columns", matches=first_match(reward="much")),
    "truth value as a number": compare("match 1 has not the columns", matches=first_match(env_steps=True)),
    "huge number": compare("match 1 has not the columns", matches=first_match(reward=1e300)),
    "endless match": compare("env_steps of match", matches=first_match(env_steps=10**12)),
    "negative seed": compare("seed of match 1 must be at least 0, got -3", matches=first_match(seed=-3)),
    "positions never taken": compare("of 1 env_step or more", positions={A: [[1, 2, 0]]}),
    "positions taken less than never": compare("of 1 env_step or more", positions={A: [[1, 2, -5], [1, 3, 3]]}),
    "plays": compare("plays is of the wrong type", plays="x"),
    "too few plays": compare("plays of", plays=[]),
    "lines in a name": compare("is not a line of text", policy="a\nb"),
    "counts": compare("action_counts must have a count for each action", action_counts={"x": []}),
    "half": Mistake(["weak", "e.json"], "it is not JSON", lambda f: (f / "e.json").write_text('{"format": 3, "ga')),
    "nan": Mistake(["weak", "e.json"], "NaN is not a finite number", lambda f: (f / "e.json").write_text('{"x": NaN}')),
    "binary": Mistake(["weak", "e.json"], "not text in UTF-8", lambda f: (f / "e.json").write_bytes(bytes(range(256)))),
    "deep": Mistake(["weak", "e.json"], "it is not JSON", lambda f: (f / "e.json").write_text("[" * 200_000)),
    "nothing weak": Mistake(["weak", "before.json", "--below=0.001"], "no state is won less than 0%", pair),
    "below nothing": Mistake(["weak", "before.json", "--below=0"], "--below must be above 0", pair),
    "below nan": Mistake(
        ["weak", "before.json", "--below=nan"], "--below must be above 0 and at most 1, got nan", pair
    ),
    "overlay in no folder": Mistake(
        ["weak", "before.json", "--below=1", "--out=no/where.yaml"], "cannot be made: no is no directory", pair
    ),
    "words for doctor": Mistake(["doctor", "who"], "unrecognized arguments: who"),
    "weakest of no file": fit("no file nowhere.json", "--data.train_states=[weakest 2 of nowhere.json]"),
    "weakest of half a file": weakest('{"states": [', "it is not JSON"),
    "weakest of a list": weakest("[]", "holds no scores"),
    "weakest of no matches": weakest(
        json.dumps({"states": [{"state": "x"} | SCORE | {"matches": 0}]}), "holds no scores"
    ),
    "weakest of words": weakest(json.dumps({"states": [{"state": "x"} | SCORE | {"wins": "y"}]}), "holds no scores"),
    "weakest of a nameless state": weakest(json.dumps({"states": [{"state": [1]} | SCORE]}), "holds no scores"),
    "weakest of another game": weakest(json.dumps({"states": [{"state": "Ryu"} | SCORE]}), "no state 'Ryu'"),
    "weakest 0": weakest(json.dumps({"states": [{"state": "x"} | SCORE]}), "N must be 1 to 1", "weakest 0 of e.json"),
    "weakest of too many": weakest(
        json.dumps({"states": [{"state": "x"} | SCORE]}), "N must be 1", "weakest 9 of e.json"
    ),
}


@pytest.mark.parametrize("name", EVALUATIONS)
def test_it_is_refused_in_one_line(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert EVALUATIONS[name].hint in refuse(EVALUATIONS[name], tmp_path, capfd, monkeypatch)


def test_good_ones_are_taken(tmp_path: Path) -> None:
    pair(tmp_path)
    assert Evaluation.read(tmp_path / "after.json").policy == "y.ckpt"
