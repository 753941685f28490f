from __future__ import annotations

import random

import pytest
import torch

from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.metrics.intervals import wilson_interval
from mk_lightning.metrics.match_scores import MatchScores
from mk_lightning.metrics.state_score import StateScore

STATES = ["a", "b", "c", "never"]
GROUPS = {"original": ["a", "b"], "challenging": ["c", "never"]}


def results(count: int = 60) -> list[EpisodeResult]:
    rng = random.Random(0)
    return [
        EpisodeResult(
            env_index=i % 3,
            state=rng.choice(STATES[:3]),
            won=rng.random() < 0.3,
            truncated=False,
            episode_return=rng.uniform(-480, 480),
            env_steps=rng.randrange(1, 1000),
            rounds_won=0,
            enemy_rounds_won=0,
        )
        for i in range(count)
    ]


def naive(results: list[EpisodeResult]) -> StateScore:
    n = len(results)
    wins = sum(r.won for r in results)
    return StateScore(wins, n, sum(r.episode_return for r in results) / n, sum(r.env_steps for r in results) / n)


def assert_close(score: StateScore, expected: StateScore) -> None:
    assert (score.wins, score.matches) == (expected.wins, expected.matches)
    assert (score.mean_return, score.mean_env_steps) == pytest.approx((expected.mean_return, expected.mean_env_steps))


def test_equals_naive_sums():
    played, scores = results(), MatchScores(GROUPS)
    for k in range(0, 60, 7):
        scores.update(played[k : k + 7])
    per_state = scores.per_state()
    assert list(per_state) == ["a", "b", "c"], "a state without matches has a score"
    for state, score in per_state.items():
        assert_close(score, naive([r for r in played if r.state == state]))
    both = scores.over(["a", "c"])
    assert both is not None
    assert_close(both, naive([r for r in played if r.state in "ac"]))
    assert scores.over(["never"]) is None


def test_the_order_of_matches_does_not_show():
    played = results()
    seen = []
    for seed in range(5):
        random.Random(seed).shuffle(played)
        scores = MatchScores(GROUPS)
        scores.update(played)
        seen.append(scores.per_state())
    for other in seen[1:]:
        for state, score in other.items():
            assert_close(score, seen[0][state])


def test_two_ranks_add_up():
    """What torchmetrics does when it reduces: the sum of the states."""
    played = results()
    whole, *parts = (MatchScores(GROUPS) for _ in range(3))
    whole.update(played)
    for rank, part in enumerate(parts):
        part.update(played[rank::2])
    torch.testing.assert_close(parts[0].sums + parts[1].sums, whole.sums)
    assert whole._reductions["sums"] is not None


def test_reset_forgets():
    scores = MatchScores(GROUPS)
    scores.update(results())
    scores.reset()
    assert scores.per_state() == {}


def test_a_match_after_a_look_counts():
    """The scores are read after every validation; nothing may be cached."""
    played, scores = results(), MatchScores(GROUPS)
    scores.update(played[:30])
    first = scores.over(STATES)
    scores.update(played[30:])
    both = scores.over(STATES)
    assert first is not None
    assert both is not None
    assert (first.matches, both.matches) == (30, 60)


def test_figures_of_a_score():
    score = StateScore(3, 7, 10.0, 99.0)
    assert score.win_rate == 3 / 7
    assert score.interval == wilson_interval(3, 7)


def test_metrics_of_every_state_and_group_seen():
    played, scores = results(), MatchScores(GROUPS)
    scores.update(played)
    metrics = scores.metrics("val")
    names = ("a", "b", "c", "original", "challenging", "all")
    kinds = ("win_rate", "win_rate_low", "win_rate_high", "return", "env_steps")
    assert metrics.keys() == {f"val/{kind}/{name}" for kind in kinds for name in names}
    assert metrics["val/win_rate/all"] == naive(played).win_rate
    assert metrics["val/return/original"] == pytest.approx(naive([r for r in played if r.state in "ab"]).mean_return)
    assert metrics["val/env_steps/challenging"] == metrics["val/env_steps/c"]


def test_an_unknown_state_is_an_error():
    with pytest.raises(ValueError, match="elsewhere"):
        MatchScores(GROUPS).update([EpisodeResult(0, "elsewhere", True, False, 0.0, 1, 2, 0)])
