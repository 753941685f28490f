"""Matches are dealt out over ranks, and are the same whatever the number of ranks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.ranks.commands import ended, launch, run, write_config


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a run but its lock and its config, which names the devices."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in {".lock", "config.yaml"}]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_config(tmp_path_factory.mktemp("evaluation") / "c.yaml", original_states=["VeryEasy.*-0[1-3]"])


def test_a_test_writes_the_same_files_on_any_number_of_ranks(config: Path, tmp_path: Path) -> None:
    """12 matches: of three ranks each has a part of a round, of one there are two rounds."""
    told = {}
    for ranks in (1, 2, 3):
        matches = ["--data.evaluation.test_matches", "3", "--data.evaluation.test_epsilons", "[0.0,0.3]"]
        out, err = run(ranks, "test", "-c", config, "--run_dir", tmp_path / f"on-{ranks}", *matches)
        told[ranks] = out.replace(f"on-{ranks}", "on"), [line for line in err.splitlines() if "matches/s" not in line]
    one = files(tmp_path / "on-1-test")
    assert one.keys() >= {"metrics.csv", "evaluation_epsilon_0.json", "evaluation_epsilon_0.3.csv"}
    for ranks in (2, 3):
        assert files(tmp_path / f"on-{ranks}-test") == one
        assert told[ranks] == told[1]


def test_films_are_shared_out(config: Path, tmp_path: Path) -> None:
    """And rank 0 tells them all; also where the config is a pipe, which only one rank can read."""
    words = ["--film.matches", "1", "--run_dir"]
    _, alone = run(1, "predict", "-c", config, *words, tmp_path / "on-1")
    os.mkfifo(tmp_path / "pipe")
    two_ranks = launch("predict", "-c", tmp_path / "pipe", *words, tmp_path / "on-2")
    (tmp_path / "pipe").write_text(config.read_text())
    _, shared = ended([two_ranks])
    one, two = (files(tmp_path / f"on-{ranks}-predict") for ranks in (1, 2))
    assert len([name for name in one if name.startswith("films/")]) == 8, "a film and a trace of each of 4 states"
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name] and not name.endswith(".bk2")] == [], "a BK2 has its date"
    told = [[line for line in err.splitlines() if " won: " in line] for err in (alone, shared.replace("on-2", "on-1"))]
    assert [line.split()[0] for line in told[0]] == ["1/4", "2/4", "3/4", "4/4"]
    assert told[0] == told[1]
