from __future__ import annotations

from pathlib import Path

import pytest

from mk_lightning.loggers.metrics_csv import MetricsCSV
from mk_lightning.utils.errors import UserError
from tests.lightning.probe import Played, new_module, new_trainer

ROWS = [
    (0, {"val/win_rate/all": 0.25}),
    (9, {"loss": 0.5, "epsilon": 0.75}),
    (19, {"loss": 1 / 3, "epsilon": 0.5, "train/return": -20.0}),
    (19, {"val/win_rate/all": 0.5, "epoch": 0}),
    (29, {"loss": 0.125, "epsilon": 0.25, "train/return": 3.0}),
]


def resume(folder: Path, seen: int) -> MetricsCSV:
    logger = MetricsCSV(folder)
    logger.resume(seen)
    return logger


def log(logger: MetricsCSV, rows) -> None:
    """As Lightning does: every row is followed by a save, in a directory that is there."""
    logger.path.parent.mkdir(exist_ok=True)
    for step, metrics in rows:
        logger.log_metrics(metrics, step)
        logger.save()


def read(folder: Path) -> str:
    return (folder / "metrics.csv").read_text()


def test_columns_grow(tmp_path):
    log(MetricsCSV(tmp_path), ROWS)
    assert read(tmp_path).splitlines() == [
        "step,val/win_rate/all,epsilon,loss,train/return",
        "0,0.25,,,",
        "9,,0.75,0.5,",
        "19,,0.5,0.3333333333333333,-20.0",
        "19,0.5,,,",
        "29,,0.25,0.125,3.0",
    ]


def test_a_row_is_in_the_file_at_once(tmp_path):
    """So that a run that is killed has written what its checkpoints have seen."""
    logger = MetricsCSV(tmp_path)
    for count, (step, metrics) in enumerate(ROWS, 1):
        logger.log_metrics(metrics, step)
        assert len(read(tmp_path).splitlines()) == 1 + count


def test_rows_are_appended_and_not_written_anew(tmp_path):
    logger = MetricsCSV(tmp_path)
    log(logger, ROWS[:3])
    with logger.path.open("a") as file:
        file.write("a mark\n")
    log(logger, ROWS[3:])
    assert "a mark\n" in read(tmp_path), "known columns: the file was rewritten"
    log(logger, [(39, {"new": 1.0})])
    assert "a mark\n" not in read(tmp_path), "a new column: the file was not rewritten"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("kept", range(len(ROWS) + 1))
def test_a_resumed_file_equals_an_uninterrupted_one(tmp_path, kept):
    """The run went on after its checkpoint, with a column that the resumed run never logs, before it was stopped."""
    log(MetricsCSV(tmp_path / "whole"), ROWS)
    log(MetricsCSV(tmp_path / "run"), [*ROWS, (31, {"after": 1.0})])
    log(resume(tmp_path / "run", kept), ROWS[kept:])
    resumed = resume(tmp_path / "run", len(ROWS))
    resumed.finalize("success")
    assert read(tmp_path / "run") == read(tmp_path / "whole")


def test_a_resume_with_nothing_to_add_still_drops_what_came_later(tmp_path):
    log(MetricsCSV(tmp_path), ROWS)
    resume(tmp_path, 2).finalize("success")
    assert [line.split(",")[0] for line in read(tmp_path).splitlines()] == ["step", "0", "9"]


def test_a_new_run_writes_over_no_other_s_rows(tmp_path):
    log(MetricsCSV(tmp_path), ROWS)
    written = read(tmp_path)
    with pytest.raises(UserError, match=r"metrics.csv has the rows of another fit; give MetricsCSV another directory"):
        new_trainer(tmp_path, logger=MetricsCSV(tmp_path)).fit(new_module(), Played())
    with pytest.raises(UserError, match="has the rows of another fit"):
        MetricsCSV(tmp_path).log_metrics({"loss": 1.0}, 0)
    assert read(tmp_path) == written


def test_a_run_that_was_stopped_before_it_trained_begins_anew(tmp_path):
    log(MetricsCSV(tmp_path), [(0, {"val/return/all": 1.0}), *ROWS[:1]])
    log(MetricsCSV(tmp_path), ROWS[:1])
    assert read(tmp_path) == "step,val/win_rate/all\n0,0.25\n"


def test_resuming_without_a_file_starts_one(tmp_path):
    log(resume(tmp_path, 2), ROWS[2:3])
    assert len(read(tmp_path).splitlines()) == 2


def test_a_row_that_a_kill_cut_short_is_dropped(tmp_path):
    """`1` of a row of step 19 is no row of step 1."""
    log(MetricsCSV(tmp_path), ROWS[:2])
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("1")
    log(resume(tmp_path, 3), ROWS[2:])
    log(MetricsCSV(tmp_path / "whole"), ROWS)
    assert read(tmp_path) == read(tmp_path / "whole")


@pytest.mark.parametrize(
    ("harm", "left"),
    [
        (lambda path: path.write_text(path.read_text()[:-5]), 2),
        (Path.unlink, 0),
        (lambda path: path.write_bytes(b"\xff\xfe" * 99), 0),
    ],
)
def test_rows_that_are_lost_are_told(tmp_path, harm, left, caplog):
    log(MetricsCSV(tmp_path), ROWS[:3])
    path = tmp_path / "metrics.csv"
    harm(path)
    log(resume(tmp_path, 3), ROWS[3:])
    assert f"{path} has {left} of the 3 rows that were written; the rest is lost" in caplog.text
    written = [int(line.partition(",")[0]) for line in read(tmp_path).splitlines()[1:]]
    assert written == [step for step, _ in (*ROWS[:left], *ROWS[3:])]


@pytest.mark.parametrize(
    ("learner_step", "rows"),
    [
        (0, 0),  # nothing logged, nothing due
        (5, 1),  # between two rows
        (10, 2),  # the row of learner_step 10 has the number 9 and is in the file
        (20, 3),  # that of learner_step 20 is still to come
    ],
)
def test_rows_that_a_checkpoint_has_seen(tmp_path, learner_step, rows):
    logger = MetricsCSV(tmp_path)
    log(logger, ROWS[: {0: 0, 5: 1, 10: 2, 20: 2}[learner_step]])
    assert logger.rows_at(learner_step, every=10) == rows


def test_a_callback_s_row_is_not_the_one_that_is_still_to_come(tmp_path):
    """`LearningRateMonitor` has one at the same learner_step, before Lightning writes that of training."""
    logger = MetricsCSV(tmp_path)
    log(logger, [*ROWS[:2], (19, {"lr-Adam": 0.1})])
    assert logger.rows_at(20, every=10) == 4
    log(logger, ROWS[2:3])
    assert logger.rows_at(20, every=10) == 4


def test_it_has_no_sub_directory(tmp_path):
    """So Lightning's default places (checkpoints, config) lie in the run directory itself."""
    logger = MetricsCSV(tmp_path)
    assert (logger.save_dir, logger.name, logger.version) == (str(tmp_path), "", "")
