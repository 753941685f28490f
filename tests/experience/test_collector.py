from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from scipy import stats

from mk_lightning.experience.collector import RECENT_MATCHES, Collector
from mk_lightning.experience.replay import COLUMNS, CONTINUING, NO_ACTION, TERMINAL, TRUNCATED, Replay
from mk_lightning.schedules import Constant, Linear
from tests.envs.processes import Killer
from tests.experience.conftest import CUT_OFF
from tests.experience.policies import Always, Fingerprint, fingerprints

SEED = [5, 0, 1]
SCALE = 120.0


def new_collector(env, policy, epsilon=0.0, rows=200, seed=SEED) -> Collector:
    schedule = Constant(epsilon) if isinstance(epsilon, float) else epsilon
    replay = Replay(rows * env.num_envs, env.num_envs, n_step=2)
    return Collector(env, replay, policy, epsilon=schedule, reward_scale=SCALE, seed=seed)


def acted(replay: Replay) -> np.ndarray:
    """(rows, N) whether an action was taken, of the rows added."""
    return replay.outcomes[: replay.added] != NO_ACTION


def test_rows_equal_single_environments_stepped_one_after_the_other(short_envs, single_env):
    """Also: the half-groups change nothing, and each environment has its own seed."""
    collector = new_collector(short_envs, Fingerprint(), epsilon=0.5)
    for vector_steps in (1, 30, 9):
        collector.collect(vector_steps)
    replay = collector.replay
    seeds = np.random.default_rng(SEED).integers(0, 2**31, 3)
    returns = []
    for env in range(3):
        shown, _ = single_env.reset(seed=int(seeds[env]))
        over, total = False, 0.0
        for row in range(40):
            np.testing.assert_array_equal(replay.frames[row, env], shown)
            if over:
                assert replay.outcomes[row, env] == NO_ACTION
                assert replay.rewards[row, env] == 0
                shown, _ = single_env.reset()
                over = False
                continue
            shown, reward, terminated, truncated, _ = single_env.step(int(replay.actions[row, env]))
            over, total = terminated or truncated, total + reward
            assert replay.rewards[row, env] == np.float32(reward) / np.float32(SCALE)
            assert replay.outcomes[row, env] == (TERMINAL if terminated else TRUNCATED if truncated else CONTINUING)
            if over:
                returns.append((row, env, total))
                total = 0.0
    assert collector.env_steps == 120
    collector.count(collector.take_finished())
    assert collector.matches == len(returns) == 9
    assert [total for _, total in collector.recent] == pytest.approx([total for *_, total in sorted(returns)])


def test_the_policy_saw_what_the_replay_gathers(short_envs):
    """Across the starts and ends of matches."""
    policy = Fingerprint()
    collector = new_collector(short_envs, policy)
    collector.collect(17)
    collector.collect(20)
    replay = collector.replay
    indices = np.flatnonzero(acted(replay))
    stacks = replay.gather(indices).s_tm1.numpy()
    np.testing.assert_array_equal(replay.actions.reshape(-1)[indices], fingerprints(stacks))
    assert len(policy.seen) == len(indices), "the policy was asked where no action was needed"
    assert sorted(map(bytes, policy.seen)) == sorted(map(bytes, stacks))


def test_matches_cut_off_are_truncations_each_with_one_last_frame(short_envs):
    collector = new_collector(short_envs, Always(0))
    collector.collect(3 * (CUT_OFF + 1))
    match = [CONTINUING] * (CUT_OFF - 1) + [TRUNCATED, NO_ACTION]
    for env in range(3):
        assert collector.replay.outcomes[: 3 * (CUT_OFF + 1), env].tolist() == match * 3
    collector.count(collector.take_finished())
    assert [won for won, _ in collector.recent] == [False] * 9


def test_matches_fought_to_the_end_are_terminals(long_envs):
    collector = new_collector(long_envs, Always(2), rows=3_000)
    while collector.matches < 2 and collector.env_steps < 6_000:
        collector.collect(50)
        collector.count(collector.take_finished())
    outcomes = collector.replay.outcomes[: collector.replay.added]
    rows, envs = np.nonzero(outcomes == TERMINAL)
    assert len(rows) == collector.matches >= 2
    assert not (outcomes == TRUNCATED).any()
    inside = rows + 1 < len(outcomes)
    assert (outcomes[rows[inside] + 1, envs[inside]] == NO_ACTION).all()
    assert np.count_nonzero(outcomes[1:] == NO_ACTION) == np.count_nonzero(inside)
    # Walking into an opponent that attacks loses; what the rewards say in learning units the results say in game units.
    assert not [won for won, _ in collector.recent if won]
    for (row, env), (_, total) in zip(sorted(zip(rows, envs, strict=True))[:2], collector.recent, strict=False):
        began = max(rows[(envs == env) & (rows < row)], default=-1) + 1
        assert total == pytest.approx(SCALE * collector.replay.rewards[began : row + 1, env].sum(), abs=0.01)
        assert total < -120


def test_epsilon_0_never_and_epsilon_1_always_explores(short_envs):
    for epsilon, asked in ((0.0, True), (1.0, False)):
        policy = Fingerprint()
        collector = new_collector(short_envs, policy, epsilon)
        collector.collect(25)
        assert bool(policy.seen) == asked
    actions = collector.replay.actions[:25][acted(collector.replay)]
    assert len(set(actions.tolist())) > 15


def test_exploration_has_its_frequency_and_is_uniform(short_envs):
    collector = new_collector(short_envs, Always(5), epsilon=0.4)
    collector.collect(200)
    actions = collector.replay.actions[:200][acted(collector.replay)]
    others = np.bincount(actions, minlength=26)[np.arange(26) != 5]
    assert stats.binomtest(int(others.sum()), len(actions), 0.4 * 25 / 26).pvalue > 0.01
    assert stats.chisquare(others).pvalue > 0.01


def test_epsilon_follows_its_schedule_within_a_collection(short_envs):
    """From 1 to 0 over 60 env_steps of three environments: nothing is random from row 20 on."""
    collector = new_collector(short_envs, Always(5), Linear(1.0, 0.0, 60))
    collector.collect(7)
    collector.collect(33)
    greedy = np.where(acted(collector.replay), collector.replay.actions[:40] == 5, True)
    assert greedy[20:].all()
    assert not greedy[:10].all()
    assert collector.stats()["epsilon"] == 0.0


def test_stats(short_envs):
    collector = new_collector(short_envs, Always(0), epsilon=0.25)
    assert collector.stats() == {"env_steps": 0.0, "epsilon": 0.25, "worker_restarts": 0.0}, "no match is over yet"
    collector.recent.extend([(True, 100.0), (False, -40.0), (False, -60.0), (True, 20.0)])
    collector.matches = 4
    figures = {"train/win_rate": 0.5, "train/return": 5.0, "train/matches": 4.0}
    assert collector.stats() == {"env_steps": 0.0, "epsilon": 0.25, "worker_restarts": 0.0, **figures}
    collector.recent.extend([(True, 1.0)] * RECENT_MATCHES)
    assert collector.stats()["train/win_rate"] == 1.0, "older matches still count"


def test_replaced_workers_are_counted_over_resumed_runs_and_change_nothing(short_envs, more_short_envs):
    one, other = (new_collector(envs, Fingerprint(), epsilon=0.5) for envs in (short_envs, more_short_envs))
    killer = Killer(more_short_envs)
    for collector in (one, other):
        collector.collect(5)
        if collector is other:
            killer.kill(0)
            killer.kill(2)
        collector.collect(25)
    for name in COLUMNS[:-1]:
        np.testing.assert_array_equal(getattr(other.replay, name)[:30], getattr(one.replay, name)[:30])
    assert other.stats() == {**one.stats(), "worker_restarts": 2.0}

    resumed = new_collector(more_short_envs, Fingerprint())
    assert resumed.stats()["worker_restarts"] == 0.0, "those of the run before in the same environments"
    saved = other.state_dict()
    resumed.load_state_dict(saved)
    killer.kill(1)
    resumed.collect(3)
    assert resumed.stats()["worker_restarts"] == 3.0
    del saved["worker_restarts"]  # as in checkpoints from before workers were replaced
    resumed.load_state_dict(saved)
    assert resumed.stats()["worker_restarts"] == 0.0


@pytest.mark.parametrize("collected", [0, 1, CUT_OFF, CUT_OFF + 1, CUT_OFF + 2])
def test_a_restored_collector_continues_bit_for_bit(short_envs, more_short_envs, collected):
    """Saved in the middle of a match, at its end, and at the first frame of the next."""
    one = new_collector(short_envs, Fingerprint(), epsilon=0.5)
    if collected:
        one.collect(collected)
    file = io.BytesIO()
    torch.save(one.state_dict(), file)
    file.seek(0)

    other = new_collector(more_short_envs, Fingerprint(), epsilon=0.5, seed=[8, 8])
    other.collect(3)  # whatever it did before is forgotten
    other.replay = new_collector(more_short_envs, Fingerprint()).replay
    other.load_state_dict(torch.load(file, weights_only=True))
    one.collect(15)
    other.collect(15)

    for name in COLUMNS[:-1]:
        rows = getattr(one.replay, name)[collected : collected + 15]
        np.testing.assert_array_equal(getattr(other.replay, name)[:15], rows)
    assert other.stats() == one.stats()
    assert (other.matches, list(other.recent)) == (one.matches, list(one.recent))
