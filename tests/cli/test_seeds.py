"""The same fit with several seeds."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import yaml

from benchmarks._whole_run import differences, everything
from mk_lightning.cli.main import main
from mk_lightning.cli.seeds import _Fits
from tests.commands import Command
from tests.test_resume import CONFIG, fit


def write_config(path: Path) -> Path:
    path.write_text(yaml.safe_dump(CONFIG))
    return path


def test_each_seed_s_run_is_the_one_by_itself_and_all_are_pooled(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config, folder = write_config(tmp_path / "c.yaml"), tmp_path / "runs"
    words = ["fit", "-c", str(config), "--run_dir", str(folder), "--seeds", "3,4"]
    main([*words, "--at_once", "2"])
    said = capfd.readouterr()
    assert said.out.startswith("1 arm of 2 runs")
    assert (folder / "seeds.html").is_file()
    told = [line.partition(":")[0] for line in said.err.splitlines() if line.startswith("seed ")]
    assert set(told) == {"seed 3", "seed 4"}

    fit(tmp_path / "alone", {}, [], "--seed_everything", "4")
    assert differences(everything(folder / "seed-4"), everything(tmp_path / "alone")) == []
    assert differences(everything(folder / "seed-3"), everything(folder / "seed-4"))

    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.ckpt")}
    capfd.readouterr()
    main(words)
    again = capfd.readouterr()
    assert again.err.count("seed 3:") == 1
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.ckpt")} == before, "finished runs are left"


def test_a_signal_stops_them_where_they_can_go_on(tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml")
    long = ["--data.max_env_steps", "240000", "--data.evaluation.every", "240000"]
    process = Command(["fit", "-c", str(config), "--run_dir", str(tmp_path / "runs"), "--seeds", "3,4", *long])
    metrics = tmp_path / "runs/seed-3/before.json"
    while not metrics.is_file():
        assert process.returncode is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    said = process.wait()
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said.splitlines()[-1].endswith("the same command goes on with the seeds that are not finished")
    assert not (tmp_path / "runs/seed-4").exists()


def test_one_that_is_killed_is_told(tmp_path: Path) -> None:
    config, runs = write_config(tmp_path / "c.yaml"), tmp_path / "runs"
    long = ["--data.max_env_steps", "240000", "--data.evaluation.every", "240000"]
    process = Command(["fit", "-c", str(config), "--run_dir", str(runs), "--seeds", "3,4", *long])
    while not (runs / "seed-3/before.json").is_file():
        assert process.returncode is None
        time.sleep(0.05)
    os.kill(int((runs / "seed-3/.lock").read_text()), signal.SIGKILL)
    said = process.wait()
    assert process.returncode == 128 + signal.SIGKILL, said
    told, goes_on = said.splitlines()[-2:]
    assert told == "seed 3: was ended by SIGKILL"
    assert goes_on.endswith("the same command goes on with the seeds that are not finished")
    assert not (runs / "seed-4").exists()


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As SIGHUP is below `nohup`, and then in the fits, too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with _Fits(alone=True):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) != handler
        assert signal.getsignal(signal.SIGTERM) == handler
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "1,x", "--run_dir", "r"], "--seeds must be whole numbers, such as 1,2,3; got 1,x"),
        (["--seeds=1,2,1", "--run_dir", "r"], "--seeds has one twice: 1,2,1"),
        (["--seeds", "1,2"], "--seeds needs --run_dir DIR"),
        (["--seeds", "1,2", "--run_dir", "r", "--seed_everything", "1"], "--seed_everything does not go with --seeds"),
        (["--seeds", "1,2", "--run_dir", "r", "--ckpt_path", "last"], "--ckpt_path does not go with --seeds"),
        (["--seeds", "1,2", "--run_dir", "r", "--at_once", "0"], "--at_once must be at least 1 run, got 0"),
        (["--seeds", "1,4294967296", "--run_dir", "r"], "--seeds must be between 0 and 4,294,967,295, got 4294967296"),
        (
            ["--seeds", "1,2", "--run_dir", "run"],
            "run is a run; --seeds needs a --run_dir that has a directory for each",
        ),
        (["--at_once", "2", "--run_dir", "r"], "--seeds"),
        (["--seeds", "1,2", "--run_dir", "file"], "--run_dir must be a directory, got file"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("run").mkdir()
    Path("run/config.yaml").touch()
    with pytest.raises(SystemExit) as stop:
        main(["fit", "-c", "dojo/finetune", *words])
    error = capsys.readouterr().err
    assert (stop.value.code, error.count("\n")) == (2, 1)
    assert said in error
    assert not Path("r").exists()
