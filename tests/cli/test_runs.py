"""What was trained below a folder, and what became of it."""

from __future__ import annotations

import fcntl
import io
import json
from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.main import main
from mk_lightning.evaluation.run_summary import RunSummary, find_runs


def write_run(run: Path, init_from: str | None, *, finished: bool, saved: bool = True) -> None:
    """The files of a fit that are looked at."""
    (run / "checkpoints").mkdir(parents=True)
    (run / "replay").mkdir()
    config = {"monitor": "m", "model": {"init_from": init_from}, "data": {"game": "dojo", "max_env_steps": 100}}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    (run / "metrics.csv").write_text("step,env_steps\n0,0.0\n9,72.0\n")
    (run / "replay" / "segment").write_bytes(b"x" * 1_000_000)
    if saved:
        (run / "checkpoints" / "last.ckpt").write_bytes(b"x" * 500_000)
    (run / "checkpoints" / "best.ckpt").write_bytes(b"best")
    if finished:
        score = {"matches": 10, "mean_return": 0.0, "mean_env_steps": 1.0}
        states = [("A", "original", 10, 9), ("B", "challenging", 0, 8), ("C", "challenging", 2, 4)]
        rows = [
            {"state": s, "group": g, "before": {"wins": b, **score}, "after": {"wins": a, **score}}
            for s, g, b, a in states
        ]
        (run / "before_after.json").write_text(json.dumps({"states": rows}))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two rounds, the second stopped; one that never came to be saved, and a test's directory."""
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/one"), "checkpoints/dojo-base.ckpt", finished=True)
    write_run(Path("runs/two"), str(tmp_path / "runs/one/checkpoints/best.ckpt"), finished=False)
    write_run(Path("runs/three"), None, finished=False, saved=False)
    Path("runs/one-test").mkdir()
    config = "monitor: m\ndata: {game: dojo, max_env_steps: 100}\nmodel: {init_from: null}\n"
    Path("runs/one-test/config.yaml").write_text(config)
    return Path("runs")


def test_each_fit_is_summed_up(runs: Path) -> None:
    one, three, two = find_runs(runs)
    assert (one.state, two.state, three.state) == ("finished", "stopped", "never saved")
    assert one.rates == {"original": (1.0, 0.9), "challenging": (pytest.approx(0.1), pytest.approx(0.6))}
    assert (one.env_steps, one.max_env_steps, one.game) == (72, 100, "dojo")
    assert one.size > 1_500_000
    assert two.needless == {}


def test_one_that_runs_is_said_to(runs: Path) -> None:
    with (runs / "two" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert RunSummary.read(runs / "two").state == "running"
    assert RunSummary.read(runs / "two").state == "stopped"


def test_they_are_shown(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["runs"])
    out = capsys.readouterr().out
    row = {line.split()[1]: line.split("│") for line in out.splitlines() if line.startswith("│")}
    assert row["one"][3].strip() == "dojo-base.ckpt"
    assert [cell.strip() for cell in row["one"][5:8]] == ["finished", "100% -> 90%", "10% -> 60%"]
    assert row["two"][3].strip() == "one"
    said = "runs/two goes on by: mk-lightning fit -c runs/two/config.yaml --ckpt_path runs/two/checkpoints/last.ckpt"
    assert said in out
    assert "1.5 MB are needed by no finished run: mk-lightning runs " in out


def test_clean_removes_what_a_finished_run_does_not_need(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["runs", "--clean", "--yes"])
    assert "1.0 MB  runs/one/replay" in capsys.readouterr().out
    left = {str(path.relative_to(runs)) for path in runs.rglob("*") if path.is_file()}
    assert "one/checkpoints/best.ckpt" in left
    assert {"two/replay/segment", "two/checkpoints/last.ckpt", "three/replay/segment"} <= left
    assert not {"one/replay/segment", "one/checkpoints/last.ckpt"} & left
    main(["runs", "--clean"])
    assert "nothing to remove" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [(["nowhere"], "no directory nowhere"), (["--clean"], "nobody is there to answer; --yes does without")],
)
def test_mistakes_are_one_line_and_remove_nothing(
    runs: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())  # no terminal
    with pytest.raises(SystemExit) as stop:
        main(["runs", *words])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert (runs / "one" / "replay" / "segment").is_file()
