"""A run by a script with a plain Trainer is the command line's, bit for bit, and either resumes the other's."""

from __future__ import annotations

import copy
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml

import mk_lightning as mk
from mk_lightning.cli.main import main
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import RunStopped
from tests.networks.narrow import narrow
from tests.test_resume import CONFIG

RUN = Path("run")
LAST = RUN / "checkpoints/last.ckpt"


def by_command(max_env_steps: int, *words: str) -> None:
    config: dict[str, Any] = copy.deepcopy(CONFIG)
    config["trainer"] |= {"callbacks": [], "logger": False}
    Path("c.yaml").write_text(yaml.safe_dump(config))
    main(["fit", "-c", "c.yaml", "--run_dir", str(RUN), "--data.max_env_steps", str(max_env_steps), *words])


def by_script(
    max_env_steps: int,
    ckpt_path: Path | None = None,
    *callbacks: pl.Callback,
    run: Path | str = RUN,
    epsilon: mk.Schedule | float = mk.Linear(1.0, 0.1, 300),  # noqa: B008 - pure
    learning_rate: mk.Schedule | float = mk.Linear(1e-3, 1e-4, 300),  # noqa: B008 - pure
) -> mk.BeforeAfter:
    run = Path(run)
    pl.seed_everything(3)
    data = mk.ExperienceDataModule(
        "dojo",
        original_states=["VeryEasy.Bramble-01"],
        challenging_states=["Hard.Scythe-03"],
        max_env_steps=max_env_steps,
        warmup_env_steps=40,
        env_steps_per_learner_step=16,
        epsilon=epsilon,
        seed=3,
        env=mk.EnvConfig(**CONFIG["data"]["env"]),
        replay=mk.ReplaySettings(capacity=220, n_step=3, batch_size=8),
        evaluation=mk.EvaluationSettings(every=160, matches=1, test_matches=1, test_epsilons=[0.2]),
    )
    model = mk.DuelingDoubleDQN(network=narrow(16), target_every=9, learning_rate=learning_rate)
    measured = mk.BeforeAfter()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=data.max_epochs,
        gradient_clip_val=10.0,
        log_every_n_steps=4,
        default_root_dir=run,
        logger=mk.MetricsCSV(run),
        callbacks=[*callbacks, measured, mk.BestCheckpoint(run / "checkpoints"), mk.ResumableCheckpoint()],
        num_sanity_val_steps=0,
        enable_progress_bar=False,
    )
    trainer.fit(model, data, ckpt_path=ckpt_path, weights_only=True)
    return measured


def left(folder: Path) -> dict[str, Any]:
    """What a run has come to."""
    checkpoints = {name: read_checkpoint(folder / f"run/checkpoints/{name}.ckpt") for name in ("last", "best")}
    weights = {f"{n} {k}": w for n, checkpoint in checkpoints.items() for k, w in checkpoint["state_dict"].items()}
    files = ("metrics.csv", "before.json", "before.csv", "after.json", "after.csv", "before_after.json")
    return weights | {name: (folder / "run" / name).read_text() for name in files}


def assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        same = torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name]
        assert same, name


@pytest.fixture(scope="module")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("commanded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        by_command(320)
    return left(folder)


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a script's run of the first epoch."""
    folder = tmp_path_factory.mktemp("half")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        by_script(160)
    return folder


def test_script_is_the_command(commanded: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    measured = by_script(320)
    assert_equal(left(tmp_path), commanded)
    assert measured.checkpoint == RUN / "checkpoints/best.ckpt"
    assert measured.comparison.before.policy == "untrained"
    assert measured.table().row_count == 4
    assert "</html>" in (RUN / "report.html").read_text()


@pytest.mark.parametrize("first", ["script", "command"])
def test_either_resumes_the_other_s(
    first: str, commanded: dict[str, Any], half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if first == "script":
        shutil.copytree(half / RUN, RUN)
        by_command(320, "--ckpt_path", str(LAST))
    else:
        by_command(160)
        by_script(320, LAST)
    assert_equal(left(tmp_path), commanded)


def test_lightning_s_best_is_found_whichever_checkpoint_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tested: list[str] = []

    class Tested(pl.Callback):
        def on_fit_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
            first, *_ = trainer.checkpoint_callbacks
            assert isinstance(first, mk.ResumableCheckpoint)
            tested.append(first.best_model_path)

    by_script(160, None, mk.ResumableCheckpoint(), Tested())
    assert [Path(path).name for path in tested] == ["best.ckpt"]


def test_a_fit_goes_on_from_no_weights_alone(half: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(half)
    with pytest.raises(mk.UserError, match="holds weights alone, a fit cannot be resumed from it"):
        by_script(320, RUN / "checkpoints/best.ckpt")


class Stopped(pl.Callback):
    """Sends the process a signal within a learner_step, the one after so many."""

    def __init__(self, after: int = 6) -> None:
        self.after = after

    def on_before_optimizer_step(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.after:
            os.kill(os.getpid(), signal.SIGTERM)


def test_signal_saves_a_script_s_run_which_is_resumed_exactly(
    commanded: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RunStopped, match="SIGTERM while training"):
        by_script(320, None, Stopped())
    assert signal.getsignal(signal.SIGTERM) == handler
    assert read_checkpoint(LAST)["global_step"] == 7
    by_script(320, LAST)
    assert_equal(left(tmp_path), commanded)
    assert signal.getsignal(signal.SIGTERM) == handler


def test_matches_that_could_not_be_compared_are_refused(
    half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(half / RUN, RUN)
    with pytest.raises(mk.UserError, match="run has the results of another fit"):
        by_script(160)
    (RUN / "before.json").write_text((RUN / "before.json").read_text().replace('"epsilon": 0.0', '"epsilon": 0.5'))
    metrics = (RUN / "metrics.csv").read_text()
    with pytest.raises(mk.UserError, match=r"EvaluationSettings.epsilon was 0.5 in the matches before the fit"):
        by_script(320, LAST)
    assert (RUN / "metrics.csv").read_text() == metrics
