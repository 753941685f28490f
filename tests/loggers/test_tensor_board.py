from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mk_lightning.evaluation.compare import Comparison
from mk_lightning.loggers.tensor_board import TensorBoard
from tests.evaluation.test_compare import AFTER, BEFORE

ROWS = [
    (0, {"env_steps": 0.0, "val/win_rate/all": 0.25, "val/win_rate_low/all": 0.1, "val/win_rate_high/all": 0.5}),
    (9, {"env_steps": 120.0, "loss": 0.5, "epoch": 0}),
    (19, {"env_steps": 200.0, "loss": 0.25, "epoch": 0}),
    (19, {"weakness/Kestrel": 0.75}),
]


def log(folder: Path, rows: list[tuple[int, dict[str, float]]]) -> TensorBoard:
    logger = TensorBoard(folder)
    for step, metrics in rows:
        logger.log_metrics(metrics, step)
    logger.finalize("success")
    return logger


def read(folder: Path) -> EventAccumulator:
    board = EventAccumulator(str(folder / "tensorboard"))
    board.Reload()
    return board


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    board = read(folder)
    points = {name: [(point.step, point.value) for point in board.Scalars(name)] for name in board.Tags()["scalars"]}
    return {name: curve for name, curve in points.items() if curve}


def test_env_steps_are_the_axis_and_intervals_no_curves(tmp_path: Path) -> None:
    log(tmp_path, ROWS)
    assert curves(tmp_path) == {
        "val/win_rate/all": [(0, 0.25)],
        "learner/loss": [(120, 0.5), (200, 0.25)],
        "weakness/Kestrel": [(200, 0.75)],
    }


def test_a_resumed_run_hides_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    """Though the first row that it logs is another callback's, which names no env_steps."""
    log(tmp_path, ROWS)
    logger = TensorBoard(tmp_path)
    logger.begin(tmp_path, "fit", {}, resumed=True)
    logger.resume(140)
    logger.experiment.flush()
    logger.log_metrics({"lr-Adam": 0.1}, 14)
    for env_steps, loss in ((160.0, 0.75), (200.0, 1.0)):
        logger.log_metrics({"env_steps": env_steps, "loss": loss}, 15)
    logger.finalize("success")
    assert curves(tmp_path) == {
        "val/win_rate/all": [(0, 0.25)],
        "learner/lr-Adam": [(140, pytest.approx(0.1))],
        "learner/loss": [(120, 0.5), (160, 0.75), (200, 1.0)],
    }


def test_a_start_that_saved_nothing_leaves_nothing(tmp_path: Path) -> None:
    log(tmp_path, ROWS)
    again = TensorBoard(tmp_path)
    again.begin(tmp_path, "fit", {})
    again.log_metrics({"env_steps": 0.0, "val/win_rate/all": 0.5}, 0)
    again.finalize("success")
    assert curves(tmp_path) == {"val/win_rate/all": [(0, 0.5)]}


def test_options_stand_beside_what_came_of_them(tmp_path: Path) -> None:
    logger = TensorBoard(tmp_path)
    logger.begin(tmp_path, "fit", {"data": {"max_env_steps": 64, "replay": {"n_step": 3}}, "seed_everything": 1})
    for step, metrics in ROWS:
        logger.log_metrics(metrics, step)
    logger.log_outcome(Comparison(BEFORE, AFTER), None, [])
    logger.finalize("success")
    board = read(tmp_path)
    content = board.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    for name in (b"data/max_env_steps", b"data/replay/n_step", b"seed_everything"):
        assert name in content
    rates = {name: points[-1] for name, points in curves(tmp_path).items() if name.startswith("after/")}
    scores = AFTER.scores()
    assert rates == {
        f"after/win_rate/{group}": (200, pytest.approx(sum(scores[state].win_rate for state in states) / len(states)))
        for group, states in AFTER.groups.items()
    }
