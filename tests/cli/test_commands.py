"""validate, test and predict on the command line; fit is in tests/test_resume.py."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import mk_lightning
from mk_lightning.cli.main import main
from mk_lightning.evaluation.evaluation import Evaluation

SHORT = [
    "-c", "configs/dojo/pretrain.yaml",
    "--data.original_states", "[VeryEasy.Bramble-01]",
    "--data.challenging_states", "[Medium.Heron-06]",
    "--data.train_states", "null",
    "--data.env.num_envs", "2",
    "--data.env.max_env_steps", "40",
    "--data.evaluation.matches", "2",
    "--data.evaluation.test_matches", "2",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_version_is_printed_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"mk-lightning {mk_lightning.__version__}\n"


def test_validate_prints_a_table_and_logs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["validate", *SHORT])
    out = capsys.readouterr().out
    assert "VeryEasy.Bramble-01" in out
    with Path("runs/dojo-pretrain-validate/metrics.csv").open() as file:
        row = next(csv.DictReader(file))
    assert float(row["val/env_steps/all"]) == 40


def test_test_reports_each_exploration_rate(capsys: pytest.CaptureFixture[str]) -> None:
    main(["test", *SHORT])
    out = capsys.readouterr().out
    assert "epsilon 0 " in out
    assert "epsilon 0.05" in out
    assert "Medium.Heron-06 2 of 2 were cut off at 40 env_steps and count as lost" in out
    with Path("runs/dojo-pretrain-test/metrics.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert {"test/epsilon_0/win_rate/all", "test/epsilon_0.05/win_rate/all"} <= set(row)
    for epsilon in (0, 0.05):
        evaluation = Evaluation.read(Path(f"runs/dojo-pretrain-test/evaluation_epsilon_{epsilon:g}.json"))
        assert (evaluation.epsilon, len(evaluation.matches)) == (epsilon, 4)
        assert sum(map(sum, evaluation.action_counts.values())) == 4 * 40


def test_a_test_needs_nothing_that_only_a_fit_does() -> None:
    """The guide evaluates on the original states alone; `train_states` and `monitor` name the others."""
    main(
        ["test", "-c", "configs/dojo/finetune.yaml", *SHORT[6:], "--data.original_states", "VeryEasy",
         "--data.challenging_states", "null", "--data.evaluation.test_seed", "3", "--ckpt_path",
         "checkpoints/dojo-base.ckpt"]
    )  # fmt: skip
    evaluation = Evaluation.read(Path("runs/dojo-finetune-test/evaluation_epsilon_0.json"))
    assert evaluation.policy == "checkpoints/dojo-base.ckpt", "as it was named, wherever the package is"
    assert list(evaluation.groups) == ["original"]
    assert len(evaluation.states) == 8
    assert {match.seed for match in evaluation.matches} == {5_000_000, 5_000_001}


def test_predict_writes_a_row_per_match() -> None:
    main(["predict", *SHORT])
    with Path("runs/dojo-pretrain-predict/matches.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["episode"], row["state"]) for row in rows] == [
        ("1", "VeryEasy.Bramble-01"),
        ("2", "Medium.Heron-06"),
        ("3", "VeryEasy.Bramble-01"),
        ("4", "Medium.Heron-06"),
    ]
    assert all(row["truncated"] == "1" and row["env_steps"] == "40" for row in rows)


def test_predict_films_each_state_where_they_are_mixed() -> None:
    """By the draw of these eight the first six are of one state."""
    main(["predict", *SHORT, "--data.evaluation.test_matches", "4", "--data.evaluation.mixed", "true"])
    films = Path("runs/dojo-pretrain-predict/films").glob("*.mp4")
    assert {film.stem.rpartition("-")[0] for film in films} == {"VeryEasy.Bramble-01", "Medium.Heron-06"}


def test_states_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["states"])
    printed = capsys.readouterr().out
    assert "Dojo-Genesis-v0: 40 states, and 8 that `all` leaves out" in printed
    assert "VeryHard.Mirage-08" in printed


def test_states_of_an_unknown_game_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["states", "dojoo"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("mk-lightning: error:")


def test_a_class_in_the_working_directory_can_stand_in_a_config(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own_method.py").write_text(
        "from mk_lightning.callbacks.methods.base import FineTuningMethod\n"
        "class Own(FineTuningMethod):\n"
        "    def __init__(self, factor: float): self.factor = factor\n"
        "    def check(self, *args): print('own', self.factor)\n"
    )
    main(["validate", *SHORT, "--trainer.callbacks+=own_method.Own", "--trainer.callbacks.factor=0.5"])
    assert "own 0.5" in capsys.readouterr().out
