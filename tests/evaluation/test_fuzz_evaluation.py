"""Whatever is in an evaluation, it is read or refused in one line; what is read can be compared."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mk_lightning.data.state_choice import weakest
from mk_lightning.evaluation.answers import answers
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.tables import evaluation_table
from mk_lightning.utils.errors import UserError
from tests.evaluation.test_compare import A, B, C, evaluation
from tests.fuzzing import damaged, fuzz, one_line

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from((A, "[/x]")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | st.just(A), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluations") / "good.json"
    evaluation({A: 40, B: 30, C: 4}).write(path)
    return path


def taken_or_refused(path: Path, other: Path) -> Evaluation | None:
    """What is read of a file and can be shown, played and compared; None where it is refused."""
    try:
        read = Evaluation.read(path)
        console = Console(file=io.StringIO())
        console.print(evaluation_table(read))
        for match in read.matches[:3]:
            read.played(match)
        comparison = Comparison(Evaluation.read(other), read)
        console.print(comparison)
        for answer in answers(comparison):
            console.print(answer.text)
        return read
    except UserError as error:
        one_line(error)
        return None


def written_again(read: Evaluation, path: Path) -> Evaluation:
    """What is read once more of a file that holds what was read."""
    read.write(path)
    return Evaluation.read(path)


def walk(value: Any, data: st.DataObject) -> tuple[Any, Any]:
    """A container somewhere in a document, and a key of it."""
    while True:
        keys = sorted(value) if isinstance(value, dict) else range(len(value))
        key = data.draw(st.sampled_from(keys))
        if not value[key] or not isinstance(value[key], dict | list) or data.draw(st.booleans()):
            return value, key
        value = value[key]


@fuzz
@given(data=st.data())
def test_fuzz_the_text_of_an_evaluation(good: Path, data: st.DataObject) -> None:
    path = good.with_name("fuzzed.json")
    path.write_bytes(data.draw(damaged(good.read_bytes()) | st.binary(max_size=100)))
    read = taken_or_refused(path, good)
    assert read is None or written_again(read, path) == read


@fuzz
@given(data=st.data(), value=VALUES)
def test_fuzz_the_values_of_an_evaluation(good: Path, data: st.DataObject, value: object) -> None:
    content = json.loads(good.read_text())
    container, key = walk(content, data)
    container[key] = value
    path = good.with_name("fuzzed.json")
    path.write_text(json.dumps(content))
    read = taken_or_refused(path, good)
    assert read is None or written_again(read, path) == read


@fuzz
@given(data=st.data(), value=VALUES, count=st.integers(0, 9))
def test_fuzz_weakest(good: Path, data: st.DataObject, value: object, count: int) -> None:
    content = {"states": [{"state": s, "wins": 1, "matches": 2, "mean_return": 0.5} for s in (A, B)]}
    container, key = walk(content, data)
    container[key] = value
    path = good.with_name("scores.json")
    path.write_text(json.dumps(content))
    try:
        found = weakest(f"weakest {count} of {path}")
        assert found is not None
        assert len(found) == count
    except UserError as error:
        one_line(error)
