"""One key makes a run shorter or longer: what is given as a fraction of the run follows `data.max_env_steps`."""

from __future__ import annotations

import copy
import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks._whole_run import differences, everything
from mk_lightning.cli.main import main
from mk_lightning.schedules import Linear
from tests.test_resume import CONFIG

WARMUP, PER_STEP = 40, 8
SMALL = [
    "--model.init_from=null",
    "--model.network.hidden=16",
    "--data.env.num_envs=2",
    "--data.env.max_env_steps=2",
    "--data.env.max_noops=2",
    f"--data.warmup_env_steps={WARMUP}",
    "--data.replay.capacity=2000",
    "--data.replay.batch_size=8",
    "--data.evaluation.num_envs=2",
    "--data.evaluation.matches=1",
    "--data.evaluation.test_matches=1",
    "--trainer.log_every_n_steps=1",
    "--trainer.logger=false",
]


def rows(run: str) -> list[dict[str, float]]:
    with (Path(run) / "metrics.csv").open() as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


@pytest.mark.parametrize("env_steps", [96, 192])
def test_one_key_scales_the_shipped_run(env_steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    overlays = ["finetune", "progressive", "unfreeze", "kickstarting", "lr-warmup"]
    configs = [word for name in overlays for word in ("-c", f"configs/dojo/{name}.yaml")]
    main(["fit", *configs, "--run_dir=run", *SMALL, f"--data.max_env_steps={env_steps}"])
    logged = [row for row in rows("run") if "loss" in row]
    at = [int(row["env_steps"]) for row in logged]
    assert at == list(range(WARMUP + PER_STEP, WARMUP + env_steps + 1, PER_STEP))

    whole, warmup = Linear(3e-4, 3e-5, env_steps), round(0.052083 * env_steps)
    rates = [whole(t) * min(1.0, (t - WARMUP) / warmup) for t in at]
    assert [row["learning_rate"] for row in logged] == pytest.approx(rates)
    assert rates[-1] == pytest.approx(3e-5)
    epsilon = Linear(0.2, 0.02, round(0.666667 * env_steps))
    assert [row["epsilon"] for row in logged] == pytest.approx([epsilon(t) for t in at])
    weights = [Linear(1.0, 0.0, env_steps // 2)(t) for t in at]
    assert [row["kickstarting/weight"] for row in logged] == pytest.approx(weights)

    phase = round(0.333333 * env_steps)  # which ends with the batch that brings it to its length
    first = next(t for t in at if t >= phase)
    second = next(t for t in at if t >= first + phase)
    assert [int(row["curriculum/phase"]) for row in logged] == [1 + (t > first) + (t > second) for t in at]

    validated = [int(row["env_steps"]) for row in rows("run") if "val/win_rate/all" in row]
    assert validated[-4:] == [WARMUP + env_steps * k // 4 for k in (1, 2, 3, 4)]
    assert validated[:-4] == [0], "and the one before the training"


LENGTHS = {"rate": 300, "epsilon": 240, "warmup": 80, "every": 160, "save": 32, "layer": 160, "draw": 64, "wave": 80}
"""env_steps of a run of 320."""
FRACTIONS = {name: length / 320 for name, length in LENGTHS.items()}


def settings(lengths: dict[str, Any]) -> dict[str, Any]:
    """Of the run of `CONFIG`, with these lengths."""
    config: dict[str, Any] = copy.deepcopy(CONFIG)
    config["model"]["learning_rate"]["init_args"]["env_steps"] = lengths["rate"]
    config["model"]["learning_rate_warmup"] = lengths["warmup"]
    config["data"]["epsilon"]["init_args"]["env_steps"] = lengths["epsilon"]
    config["data"]["evaluation"]["every"] = lengths["every"]
    config["checkpoint"] = {"every_env_steps": lengths["save"]}
    wave = {"class_path": "Cyclical", "init_args": {"low": 0.1, "high": 1.0, "period": lengths["wave"]}}
    config["trainer"]["callbacks"] += [
        {"class_path": "FreezeLayers", "init_args": {"unfreeze_at": {"convolutions": lengths["layer"]}}},
        {"class_path": "WeaknessTargeting", "init_args": {"every": lengths["draw"]}},
        {"class_path": "Kickstarting", "init_args": {"weight": wave, "batch_size": 4}},
    ]
    return config


def fit(run: Path, lengths: dict[str, Any], *words: str) -> dict[str, Any]:
    run.with_suffix(".yaml").write_text(yaml.safe_dump(settings(lengths)))
    main(["fit", "-c", str(run.with_suffix(".yaml")), "--run_dir", str(run), *words])
    return everything(run)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run by fractions."""
    run = tmp_path_factory.mktemp("whole") / "run"
    fit(run, FRACTIONS)
    return run


def test_fractions_give_the_run_of_the_env_steps_that_they_come_to(whole: Path, tmp_path: Path) -> None:
    """Bit for bit, also of a run that is resumed within an epoch."""
    expected = fit(tmp_path / "env_steps", LENGTHS)
    assert differences(everything(whole), expected) == []
    run = shutil.copytree(whole, tmp_path / "run")

    (run / "before_after.json").unlink()
    for path in (run / "checkpoints").glob("*.ckpt"):
        if path.stem not in {"step=15", "best"}:
            path.unlink()
    resumed = fit(run, FRACTIONS, "--ckpt_path", str(run / "checkpoints/step=15.ckpt"))
    assert differences(resumed, expected) == []


def test_a_longer_run_needs_the_epochs_that_it_had(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fractions are taken of the new length, and an epoch cannot become longer."""
    run = shutil.copytree(whole, tmp_path / "run")
    with pytest.raises(SystemExit):
        fit(run, FRACTIONS, "--data.max_env_steps=640", "--ckpt_path=last")
    hint = "; data.max_env_steps=640 and data.evaluation.every=160 go on with epochs as long"
    assert hint in capsys.readouterr().err.splitlines()[-1]
    fit(run, FRACTIONS, "--data.max_env_steps=640", "--ckpt_path=last", "--data.evaluation.every=160")
    last = [row for row in rows(str(run)) if "learning_rate" in row][-1]
    assert last["env_steps"] == WARMUP + 640
    assert last["learning_rate"] == pytest.approx(1e-4)
