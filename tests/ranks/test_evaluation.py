"""Matches are dealt out over ranks, and are the same whatever the number of ranks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ranks.commands import ON, run, write_config


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a run but its lock and its config, which names the devices."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in {".lock", "config.yaml"}]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_config(tmp_path_factory.mktemp("evaluation") / "c.yaml", original_states=["VeryEasy.*-0[1-3]"])


def test_a_test_writes_the_same_files_on_any_number_of_ranks(config: Path, tmp_path: Path) -> None:
    """12 matches: of three ranks each has a part of a round, of one there are two rounds."""
    said = {}
    for ranks, options in ON.items():
        matches = ["--data.evaluation.test_matches", "3", "--data.evaluation.test_epsilons", "[0.0,0.3]"]
        out, err = run("test", "-c", config, "--run_dir", tmp_path / f"on-{ranks}", *matches, *options)
        said[ranks] = out.replace(f"on-{ranks}", "on"), [line for line in err.splitlines() if "matches/s" not in line]
    one = files(tmp_path / "on-1-test")
    assert one.keys() >= {"metrics.csv", "evaluation_epsilon_0.json", "evaluation_epsilon_0.3.csv"}
    for ranks in (2, 3):
        assert files(tmp_path / f"on-{ranks}-test") == one
        assert said[ranks] == said[1]


def test_films_are_shared_out(config: Path, tmp_path: Path) -> None:
    """Also where the config is a pipe, which only one rank can read."""
    for ranks in (1, 2):
        words = ["--run_dir", str(tmp_path / f"on-{ranks}"), "--film.matches", "1", *ON[ranks]]
        run("predict", "-c", "/dev/stdin", *words, stdin=config.read_text())
    one, two = (files(tmp_path / f"on-{ranks}-predict") for ranks in (1, 2))
    assert len([name for name in one if name.startswith("films/")]) == 8, "a film and a trace of each of 4 states"
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name] and not name.endswith(".bk2")] == [], "a BK2 has its date"
