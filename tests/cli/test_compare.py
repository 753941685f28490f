from __future__ import annotations

from pathlib import Path

import pytest

from mk_lightning.cli.main import main
from tests.evaluation.test_arms import write_run
from tests.evaluation.test_compare import AFTER, BEFORE, evaluation


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = [tmp_path / "before.json", tmp_path / "after.json"]
    for path, result in zip(paths, (BEFORE, AFTER), strict=True):
        result.write(path)
    return [str(path) for path in paths]


def test_it_prints_the_table_and_the_answers(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", *files])
    out = capsys.readouterr().out
    assert "y.ckpt beside x.ckpt" in out
    assert "same within noise" in out
    assert "Original states kept?" in out


def test_more_than_two_are_arms_beside_the_first(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    third = tmp_path / "third.json"
    evaluation({state: 40 for state in BEFORE.states}, policy="z.ckpt").write(third)
    page = tmp_path / "page.html"
    main(["compare", *files, f"z={third}", "--out", str(page)])
    out = capsys.readouterr().out
    assert "2 arms of 2 runs" in out
    assert [line.split()[1] for line in out.splitlines() if line.startswith("│")] == ["z", "after"]
    assert "2 arms of 2 runs" in page.read_text()


def test_runs_are_given_by_their_directories(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [write_run(tmp_path / f"ewc-{seed}", AFTER, seed=seed) for seed in (1, 2)]
    folders.append(write_run(tmp_path / "none-1", BEFORE, seed=1, n_step=1))
    main(["compare", *map(str, folders)])
    out = capsys.readouterr().out
    assert [line.split()[1:4:2] for line in out.splitlines() if line.startswith("│")] == [["ewc", "2"], ["none", "1"]]
    with pytest.raises(SystemExit) as stop:
        main(["compare", *map(str, folders), "--fail-if-worse", "5"])
    assert stop.value.code == 1
    assert f"lost more than 5 points: {folders[0]}: original" in capsys.readouterr().out


def test_one_run_is_compared_with_its_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", str(write_run(tmp_path / "run", AFTER, seed=1))])
    assert "y.ckpt beside base.ckpt" in capsys.readouterr().out


def test_a_page_without_films_is_better_than_none(
    files: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """These matches were written by hand: none ends so when it is played."""
    page = tmp_path / "page.html"
    main(["compare", *files, "--out", str(page)])
    (line,) = caplog.messages
    assert line.startswith("no films: ")
    assert "<video" not in page.read_text()


@pytest.mark.parametrize(("points", "code"), [("5", 1), ("60", 0)])
def test_it_can_be_a_gate(files: list[str], points: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    if code:
        with pytest.raises(SystemExit) as stop:
            main(["compare", *files, "--fail-if-worse", points])
        assert stop.value.code == code
    else:
        main(["compare", *files, "--fail-if-worse", points])
    assert ("lost more than" in capsys.readouterr().out) == bool(code)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{0}"], "at least two evaluations"),
        (["{0}", "nowhere.json"], "no file or directory nowhere.json"),
        (["{0}", "{0}"], "is given twice"),
        (["{0}", "."], "takes evaluations or directories of runs, not both: . is a directory"),
        (["."], ". is not the directory of a finished fit, it has no before.json"),
        (["x={0}"], "at least two evaluations"),
        (["{0}", "x="], "an arm is given as NAME=DIR,DIR, got 'x='"),
        (["{0}", "x={1}", "x={1}"], "arm x is given twice"),
        (["{0}", "{1}", "--fail-if-worse", "500"], "must be 0 to 100 points, got 500"),
        (["{0}", "{1}", "--out", "{1}"], "would replace what is read from there"),
        (["{0}", "{1}", "--fail-if-wors"], "unrecognized|ambiguous|expected"),
        ([], "FILE"),
    ],
)
def test_mistakes_are_one_line(
    files: list[str], words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["compare", *(word.format(*files) for word in words)])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.count("\n") == 1
    assert any(part in error for part in message.split("|"))
