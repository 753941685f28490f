"""The documents say what the code and the figures say."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from mk_lightning.experience.episodes import EpisodeSpec
from mk_lightning.playback.replay import ReplayEnv

ROOT = Path(__file__).parents[1]


def test_the_results_page_is_what_its_script_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = runpy.run_path("benchmarks/results_page.py")["page"]
    assert Path("docs/results/index.md").read_text() == page() + "\n", "run python benchmarks/results_page.py"


def test_the_python_example_builds_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```python\n(.*?)```", Path("docs/index.md").read_text(), re.S)
    built, _, last = example.rstrip().rpartition("\n")
    assert last == "trainer.fit(model, data)"
    names: dict[str, object] = {}
    exec(built, names)
    data: Any = names["data"]
    config = yaml.safe_load(Path("configs/dojo/finetune.yaml").read_text())["data"]
    assert data.state_groups["original"] == config["original_states"]
    assert set(data.state_groups["challenging"]) < set(config["challenging_states"])
    assert data.reward_scale == config["reward_scale"]
    assert data.env.max_env_steps == config["env"]["max_env_steps"]


def test_stable_retro_plays_a_movie_as_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/evaluation.md").read_text(), re.S)
    (movie,) = re.findall(r'"(.*\.bk2)"', example)
    monkeypatch.chdir(tmp_path)
    env = ReplayEnv("dojo")
    *_, last = env.play_again(EpisodeSpec("VeryHard.Bramble-01", 5), [3, 7, 7, 0, 12], movie=Path(movie))
    env.close()
    names: dict[str, object] = {}
    exec(example, names)
    names["env"].close()  # type: ignore[attr-defined]
    assert names["variables"] == last.variables
    assert (names["screen"] == last.screens[-1]).all()  # type: ignore[attr-defined]
