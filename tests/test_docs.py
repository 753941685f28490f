"""The documents say what the code and the figures say."""

from __future__ import annotations

import csv
import re
import runpy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from mk_lightning.callbacks.methods.parameters import matching_names
from mk_lightning.cli.main import main
from mk_lightning.envs.rewards import Fight
from mk_lightning.experience.episodes import EpisodeSpec
from mk_lightning.networks.factory import make_network
from mk_lightning.playback.rerun import ReplayEnv

ROOT = Path(__file__).parents[1]


def test_the_results_page_is_what_its_script_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = runpy.run_path("benchmarks/results_page.py")["page"]
    assert Path("docs/results/index.md").read_text() == page() + "\n", "run python benchmarks/results_page.py"


def test_the_readme_says_what_plain_fine_tuning_and_the_recipe_did() -> None:
    with (ROOT / "docs/results/forgetting.csv").open() as file:
        rows = list(csv.DictReader(file))

    def rate(arm: str, group: str, when: str) -> float:
        rates = [float(r["win_rate"]) for r in rows if (r["arm"], r["group"], r["when"]) == (arm, group, when)]
        return 100 * sum(rates) / len(rates)

    def lost(arm: str) -> float:
        return rate(arm, "original", "before") - rate(arm, "original", "after")

    seeds = [len({row["seed"] for row in rows if row["arm"] == arm}) for arm in ("none", "recommended")]
    said = (
        f"is for from {rate('none', 'challenging', 'before'):.1f} to {rate('none', 'challenging', 'after'):.1f} % "
        f"and loses {lost('none'):.1f} points on those it beat; the recommended recipe takes them to "
        f"{rate('recommended', 'challenging', 'after'):.1f} % and loses {lost('recommended'):.1f}."
    )
    assert seeds == [3, 3]
    assert said in " ".join((ROOT / "README.md").read_text().split())


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


def test_the_network_of_the_page_is_one() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/extend/network.md").read_text(), re.S)
    names: dict[str, Any] = {}
    exec(example, names)
    network = make_network(names["Pooled"], 26)
    assert matching_names(network, ["output", "body"], "test") == {
        "head.weight", "head.bias", "body.weight", "body.bias"
    }  # fmt: skip


def test_the_reward_of_the_page_pays_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/extend/reward.md").read_text()
    (module,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (overlay,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    (command,) = re.findall(r"mk-lightning (fit .*)", page)
    (tmp_path / "rewards.py").write_text(module)
    (tmp_path / "overlay.yaml").write_text(overlay)
    monkeypatch.chdir(tmp_path)
    given = {"class_path": "rewards.Approach", "init_args": {"per_pixel": 0.1}}
    for words in (command.split(), ["fit", "-c", "configs/dojo/pretrain.yaml", "-c", "overlay.yaml"]):
        with pytest.raises(SystemExit):
            main([*words, "--print_config"])
        assert yaml.safe_load(capsys.readouterr().out)["data"]["env"]["reward"] == given
    reward = import_module("rewards").Approach(per_pixel=0.1)
    far, near = {"x_position": 100, "enemy_x_position": 40}, {"x_position": 90, "enemy_x_position": 60}
    assert reward(Fight(120, 120, 0, 0, far), Fight(120, 115, 0, 0, near), 120) == 5 + 0.1 * 30


def test_stable_retro_plays_a_movie_as_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/evaluation.md").read_text(), re.S)
    (movie,) = re.findall(r'"(.*\.bk2)"', example)
    monkeypatch.chdir(tmp_path)
    env = ReplayEnv("dojo")
    *_, last = env.play_again(EpisodeSpec("VeryHard.Bramble-01", 5), [3, 7, 7, 0, 12], movie=Path(movie))
    env.close()
    names: dict[str, Any] = {}
    exec(example, names)
    names["env"].close()
    assert names["variables"] == last.variables
    assert (names["screen"] == last.screens[-1]).all()


def test_the_readme_s_five_lines_play_a_match() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    names: dict[str, Any] = {}
    exec(example, names)
    names["env"].close()
    assert names["info"]["match"]["won"]
