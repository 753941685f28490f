"""What the benchmarks measure can be run, and what they say of it is right: their parts that take no time."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from mk_lightning.callbacks.methods.base import check_methods
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings import EvaluationSettings
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.metrics.intervals import wilson_interval
from mk_lightning.metrics.state_score import StateScore
from tests.networks.narrow import narrow

BENCHMARKS = str(Path(__file__).parents[1] / "benchmarks")
ORIGINALS, CHALLENGING = ("A", "B"), ("C",)


@pytest.fixture(scope="module")
def forgetting() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        return import_module("_forgetting_runs")


def test_the_methods_whose_cost_is_measured_pass_their_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    ours = import_module("_ours")
    evaluation = EvaluationSettings(every=ours.EPOCH)
    data = ExperienceDataModule("dojo", ["VeryEasy.*-0[1-4]"], max_env_steps=ours.EPOCH, evaluation=evaluation)
    model = DuelingDoubleDQN(network=narrow(8))
    for name, make in ours.METHODS.items():
        assert check_methods(make(), model, data) is None, name


def arm(forgetting: ModuleType, *won: tuple[int, int, int], seeds: tuple[int, ...] = (1, 2, 3)):
    """Runs that won so many of 50 matches in the states A, B and C; the base won 50, 50 and 0."""

    def scores(wins: tuple[int, ...]) -> dict[str, StateScore]:
        states = (*ORIGINALS, *CHALLENGING)
        return {state: StateScore(count, 50, 0.0, 100.0) for state, count in zip(states, wins, strict=True)}

    groups = dict.fromkeys(ORIGINALS, "original") | dict.fromkeys(CHALLENGING, "challenging")
    runs = [
        forgetting.Run(
            arm="none", seed=seed, setting={}, chosen_by="", env_steps=8, seconds=60.0, at_once=1, machine="",
            groups=groups, before=scores((50, 50, 0)), after=scores(wins), verdicts={}, curve={},
        )
        for seed, wins in zip(seeds, won, strict=True)
    ]  # fmt: skip
    return forgetting.Arm(runs)


def test_an_arm_s_interval_is_student_s_over_its_runs_and_wilson_s_of_the_base(forgetting: ModuleType) -> None:
    lost = arm(forgetting, (40, 30, 50), (50, 50, 50), (20, 25, 50)).change("original")
    rates = [0.7, 1.0, 0.45]
    low, high = stats.ttest_1samp(rates, 0).confidence_interval(0.95)
    base_low, base_high = stats.binomtest(100, 100).proportion_ci(0.95, "wilson")
    mean = np.mean(rates)
    assert lost.value == pytest.approx(mean - 1)
    assert lost.low == pytest.approx(mean - 1 - np.hypot(mean - max(low, 0), base_high - 1))
    assert lost.high == pytest.approx(mean - 1 + np.hypot(min(high, 1) - mean, 1 - base_low))


def test_runs_that_agree_have_the_spread_of_their_matches(forgetting: ModuleType) -> None:
    rate = arm(forgetting, (50, 50, 50), (50, 50, 50), (50, 50, 50)).rate("original")
    assert (rate.low, rate.high) == pytest.approx(wilson_interval(300, 300))


def test_one_run_has_no_interval_and_tells_nothing(forgetting: ModuleType) -> None:
    change = arm(forgetting, (0, 0, 50), seeds=(1,)).change("original")
    assert change.value == -1
    assert np.isnan([change.low, change.high]).all()
    assert not change.told


def test_arms_are_compared_seed_by_seed(forgetting: ModuleType) -> None:
    one = arm(forgetting, (50, 50, 10), (50, 50, 20), seeds=(1, 3))
    other = arm(forgetting, (40, 40, 0), (30, 30, 50), (50, 30, 20))
    assert one.beside(other, "original") == pytest.approx([0.2, 0.2])
    assert one.beside(other, "challenging") == pytest.approx([0.2, 0.0])


def test_the_worst_original_state_is_each_run_s_own(forgetting: ModuleType) -> None:
    """Every run lost another state whole: the mean of either over the runs is not what was lost."""
    assert arm(forgetting, (0, 50, 50), (50, 0, 50), (50, 50, 50)).worst_original == pytest.approx(1 / 3)


def test_boxing_is_told_beside_published_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    boxing = import_module("boxing")
    runs = [
        boxing.Run(
            seed=seed, frames=6_432_000, matches=100, score=score, win_rate=1.0, seconds=60.0, machine="M",
            curve=[(8000.0, score / 2), (16000.0, score)],
        )
        for seed, score in ((1, 60.0), (2, 70.0), (3, 80.0))
    ]  # fmt: skip
    low, high = stats.ttest_1samp([60.0, 70.0, 80.0], 0).confidence_interval(0.95)
    page = boxing.text(runs, boxing.PooledMean.over_runs([run.score for run in runs]))
    assert f"| mk_lightning, `configs/boxing/pretrain.yaml` | 6.4 M | 70.0 [{low:.1f}, {high:.1f}] |" in page
    assert "| DQN | 200 M | 71.8 |" in page
    assert "| 16,000 | 60.0 | 70.0 | 80.0 |" in page
    assert "nan" not in boxing.text(runs[:1], boxing.PooledMean.over_runs([60.0]))


def test_fine_tuning_there_and_here_is_told_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from_sb3 = import_module("from_sb3")
    names = ("base_env_steps", "env_steps", "warmup", "base_per_learner_step", "per_learner_step", "matches")
    setting = dict(zip(names, (400_000, 192_000, 4_000, 16, 8, 50), strict=True))
    rates = {"base": (0.9, 0.1), "sb3": (0.5, 0.2), "ours": (0.9, 0.6)}
    runs = [
        from_sb3.Run(
            seed, setting, {arm: {"original": o + less, "challenging": c + less} for arm, (o, c) in rates.items()}, "M"
        )
        for seed, less in ((1, 0.0), (2, -0.1), (3, 0.1))
    ]
    pooled = from_sb3.pool(runs)
    figures = from_sb3.figures(runs, pooled)
    low, high = stats.ttest_1samp([0.6, 0.5, 0.7], 0).confidence_interval(0.95)
    assert figures["ours_challenging"] == pytest.approx(0.6)
    assert (figures["ours_challenging_low"], figures["ours_challenging_high"]) == pytest.approx((low, high))
    page = from_sb3.text(runs, pooled)
    assert (
        f"| mk_lightning | 90.0% [65%, 100%]; 90%, 80%, 100% | 60.0% [{low:.0%}, {high:.0%}]; 60%, 50%, 70% |" in page
    )
    alone = from_sb3.figures(runs[:1], from_sb3.pool(runs[:1]))
    assert not [name for name in alone if name.endswith("_low")], "one seed has no interval"


def test_the_results_page_shows_every_file_s_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(BENCHMARKS).parent)
    monkeypatch.syspath_prepend(BENCHMARKS)
    figures = {"env_steps": 192_000, "seeds": 1, "machine": "M"}
    figures |= {f"{arm}_{group}": 0.5 for arm in ("base", "sb3", "ours") for group in ("original", "challenging")}
    (tmp_path / "from_sb3.json").write_text(json.dumps(figures))
    page = import_module("results_page").page(tmp_path)
    assert "| mk_lightning | 50 % | 50 % |" in page
    assert "`benchmarks/from_sb3.py`, M." in page
