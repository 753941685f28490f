"""The examples run; the first of them is the command line's run, bit for bit."""

from __future__ import annotations

import runpy
from importlib import import_module
from pathlib import Path
from typing import Any

import imageio
import nbformat
import pytest
import yaml
from nbclient import NotebookClient

import mk_lightning as mk
from mk_lightning.cli.main import main
from tests.test_parity import assert_equal, left

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> Any:
    return runpy.run_path(str(EXAMPLES / name))["main"]


def test_finetune_is_the_shipped_config_s_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In short: 8 learner_steps, 64 env_steps recorded, matches cut off."""
    short = {
        "data.max_env_steps": 64, "data.warmup_env_steps": 64, "data.recording.env_steps": 64,
        "data.evaluation.matches": 1, "data.evaluation.test_matches": 1, "data.env.max_env_steps": 8,
    }  # fmt: skip
    folders = [tmp_path / name for name in ("command", "script")]
    for folder in folders:
        folder.mkdir()
    monkeypatch.chdir(folders[0])
    options = [f"--{name}={value}" for name, value in short.items()]
    configs = ["-c", "configs/dojo/finetune.yaml", "-c", "configs/dojo/recommended.yaml"]
    main(["fit", *configs, "--run_dir", "run", "--trainer.logger=false", *options])
    monkeypatch.chdir(folders[1])
    example("finetune.py")("run", 64, warmup=64, recorded=64, longest=8, matches=1)
    assert_equal(left(folders[1]), left(folders[0]))


@pytest.mark.parametrize("name", ["finetune.py", "own_reward.py"])
def test_a_run_has_at_most_forty_lines(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) <= 40


def test_own_reward_fine_tunes_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """In short; the matches before are those of the default reward, less the price of their env_steps."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    import_module("own_reward").main("run", 32, warmup=64, longest=30, matches=1)
    assert "win rate of 1 match a state, before and after" in capsys.readouterr().out
    own = mk.Evaluation.read(tmp_path / "run/before.json")
    assert own.env["reward"] == "own_reward.Hurry(price=0.1)"
    damage = mk.evaluate(
        "checkpoints/dojo-base.ckpt", "dojo", own.states, matches=1, env=mk.EnvConfig(max_env_steps=30)
    )
    paid = [match.reward for match in damage.matches]
    assert any(paid)
    assert [m.reward + 0.1 * m.env_steps for m in own.matches] == pytest.approx(paid)


def test_evaluate_prints_win_rates_and_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    example("evaluate.py")("VeryHard.Kestrel-05", matches=1)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "VeryHard.Kestrel-05: 0% [0%, 79%]"
    assert said[1].startswith("0% -> 100%: ")


def test_own_network_learns_a_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("own_network.py")(tmp_path, "VeryHard.Bramble-01", env_steps=64, matches=1)  # who is quick
    assert "matches=1" in capsys.readouterr().out


def test_watch_films_a_match(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("watch.py")(str(tmp_path / "match.gif"))
    assert capsys.readouterr().out.startswith("won, return ")
    assert len(imageio.mimread(tmp_path / "match.gif", memtest=False)) > 100


def test_the_notebook_fine_tunes_and_shows_what_it_was_worth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In short: four learner_steps, matches cut off."""
    short = {
        "data": {
            "max_env_steps": 32, "warmup_env_steps": 64, "env": {"num_envs": 2, "max_env_steps": 8},
            "recording": {"env_steps": 64}, "evaluation": {"matches": 1, "test_matches": 1, "num_envs": 2},
        }
    }  # fmt: skip
    (tmp_path / "short.yaml").write_text(yaml.safe_dump(short))
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parent))
    notebook = nbformat.read(EXAMPLES / "finetune.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "text only"
    for cell in notebook.cells:
        cell.source = cell.source.replace('"recommended", "short"', '"recommended", "short.yaml"')
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = "".join(str(output) for cell in notebook.cells for output in cell.get("outputs", ()))
    for part in ("win rate of 1 match a state, before and after", "IFrame", "runs/notebook/checkpoints/best.ckpt"):
        assert part in shown


def test_the_notebook_opens_in_colab_and_installs_what_is_missing() -> None:
    """Where the package is there, as in the test above, nothing is installed."""
    cells = nbformat.read(EXAMPLES / "finetune.ipynb", as_version=4).cells
    assert (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab." in cells[0].source
    )
    assert [cell.cell_type for cell in cells[:3]] == ["markdown", "code", "code"]
    condition, install = cells[1].source.splitlines()[-2:]
    assert condition == 'if find_spec("mk_lightning") is None:'
    assert install.split() == ["%pip", "install", "-q", "mk-lightning"]
