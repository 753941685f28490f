from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mk_lightning.experience.replay import CONTINUING, NO_ACTION, TERMINAL, TRUNCATED, Priorities, Replay
from mk_lightning.utils.errors import UserError
from tests.experience.streams import FRAME_SHAPE, Stream, frame

ONE_BY_ONE = Priorities(alpha=1.0, beta=1.0, epsilon=1e-9)


def small_replay(rows: int = 20, num_envs: int = 2, **options) -> Replay:
    return Replay(rows * num_envs, num_envs, frame_shape=FRAME_SHAPE, **options)


def sampleable_indices(replay: Replay, stream: Stream) -> list[int]:
    """Every index that may be drawn, by the naive account."""
    n = replay.num_envs
    return [row * n + env for row in replay.sampleable() for env in range(n) if stream.acted(row, env)]


streams = {
    "num_envs": st.integers(1, 3),
    "n_step": st.integers(1, 5),
    "spare_rows": st.integers(0, 12),
    "rows": st.integers(1, 90),
    "gamma": st.sampled_from([0.0, 0.5, 0.97, 1.0]),
    "end_rate": st.sampled_from([0.02, 0.2, 0.7, 1.0]),
    "seed": st.integers(0, 2**16),
}


# -- gather ------------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, derandomize=True)
@given(**streams)
def test_gather_equals_whole_matches_kept_as_lists(num_envs, n_step, spare_rows, rows, gamma, end_rate, seed):
    replay = small_replay(n_step + 5 + spare_rows, num_envs, n_step=n_step, gamma=gamma)
    stream = Stream(num_envs, seed, end_rate)
    stream.feed(replay, rows)

    indices = sampleable_indices(replay, stream)
    got = replay.gather(np.array(indices, np.int64))

    for i, index in enumerate(indices):
        match, step = stream.find(*divmod(index, num_envs))
        s_tm1, a_tm1, r_t, discount_t, s_t = match.transition(step, n_step, gamma)
        np.testing.assert_array_equal(got.s_tm1[i], s_tm1)
        assert got.a_tm1[i] == a_tm1
        assert got.r_t[i] == pytest.approx(r_t, rel=1e-6)
        assert got.discount_t[i] == pytest.approx(discount_t, rel=1e-6)
        np.testing.assert_array_equal(got.s_t[i], s_t)


def test_the_random_streams_have_every_kind_of_end_within_n_steps():
    """The test above would be empty if its streams never ended a match in each way."""
    stream = Stream(2, seed=0)
    stream.feed(small_replay(), 90)
    ends = [match.end for matches in stream.matches for match in matches]
    assert min(ends.count(TERMINAL), ends.count(TRUNCATED)) >= 3


@pytest.mark.parametrize(
    ("end", "discount"),
    [(TERMINAL, [0.0, 0.0, 0.0]), (TRUNCATED, [0.5**3, 0.5**2, 0.5])],
    ids=["terminal", "truncated"],
)
def test_a_match_of_three_env_steps_by_hand(end, discount):
    """The last three transitions of a match reach its own last frame and never the next match's."""
    replay = small_replay(20, 1, n_step=3, gamma=0.5)
    for row, outcome in enumerate([CONTINUING, CONTINUING, end, NO_ACTION, CONTINUING, CONTINUING, CONTINUING]):
        replay.add(frame(row, 0)[None], np.array([row]), np.array([2.0**row], np.float32), np.array([outcome]))
    got = replay.gather(np.arange(3))
    assert got.r_t.tolist() == [1 + 0.5 * 2 + 0.25 * 4, 2 + 0.5 * 4, 4]
    assert got.discount_t.tolist() == discount
    for s_t in got.s_t:
        np.testing.assert_array_equal(s_t, np.stack([frame(row, 0) for row in (0, 1, 2, 3)]))
    after = replay.gather(np.array([4]))
    np.testing.assert_array_equal(after.s_tm1[0], np.stack([frame(4, 0)] * 4))


def test_transitions_have_the_documented_types():
    replay, stream = small_replay(n_step=2), Stream(2, seed=1)
    stream.feed(replay, 15)
    step = replay.sample(8).transition
    assert (step.s_tm1.dtype, step.s_tm1.shape) == (torch.uint8, (8, 4, *FRAME_SHAPE))
    assert (step.s_t.dtype, step.s_t.shape) == (torch.uint8, (8, 4, *FRAME_SHAPE))
    assert step.s_tm1.is_contiguous(memory_format=torch.channels_last), "as a convolution wants it"
    assert (step.a_tm1.dtype, step.r_t.dtype, step.discount_t.dtype) == (torch.int64, torch.float32, torch.float32)
    assert step.a_tm1.shape == step.r_t.shape == step.discount_t.shape == (8,)


def test_a_match_longer_than_the_age_counter_keeps_whole_stacks():
    replay, stream = small_replay(400, 1), Stream(1, seed=0, end_rate=0.0)
    stream.feed(replay, 390)
    got = replay.gather(np.array([300, 380]))
    for i, row in enumerate((300, 380)):
        np.testing.assert_array_equal(got.s_tm1[i], np.stack([frame(row - k, 0) for k in (3, 2, 1, 0)]))


# -- what may be drawn -------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(**streams)
def test_sampleable_rows_have_their_stack_and_successor_in_the_ring(
    num_envs, n_step, spare_rows, rows, gamma, end_rate, seed
):
    replay = small_replay(n_step + 5 + spare_rows, num_envs, n_step=n_step, gamma=gamma)
    stream = Stream(num_envs, seed, end_rate)
    for _ in range(rows):
        stream.feed(replay, 1)
        window = replay.sampleable()
        if len(window):
            assert window.start - 3 >= replay.added - replay.rows or window.start == 0, "a stack is overwritten"
            assert window.stop - 1 + n_step <= replay.added - 1, "a successor is missing"
    assert len(window) == min(max(0, rows - n_step), replay.rows - 3 - n_step), "rows are withheld without need"


def test_a_uniform_draw_is_uniform_over_the_transitions():
    replay, stream = small_replay(20, 3, n_step=3, seed=5), Stream(3, seed=4)
    stream.feed(replay, 47)
    eligible = sampleable_indices(replay, stream)
    drawn = replay.sample(20_000).indices
    counts = [np.count_nonzero(drawn == index) for index in eligible]
    assert sum(counts) == 20_000, "drew a row that is not eligible"
    assert stats.chisquare(counts).pvalue > 0.01


def test_uniform_weights_are_one():
    replay, stream = small_replay(), Stream(2, seed=0)
    stream.feed(replay, 20)
    assert replay.sample(16).weights.tolist() == [1.0] * 16


@pytest.mark.parametrize("priorities", [None, Priorities()], ids=["uniform", "prioritised"])
def test_the_transition_of_a_sample_is_that_of_its_indices(priorities):
    replay, stream = small_replay(priorities=priorities, n_step=2), Stream(2, seed=0)
    stream.feed(replay, 57)
    sample = replay.sample(64)
    assert {divmod(i, 2)[0] for i in sample.indices} <= set(replay.sampleable())
    for i, index in enumerate(sample.indices):
        match, step = stream.find(*divmod(index, 2))
        np.testing.assert_array_equal(sample.transition.s_tm1[i], match.stack(step))


@pytest.mark.parametrize("priorities", [None, Priorities()], ids=["uniform", "prioritised"])
def test_nothing_to_draw_yet_is_one_line(priorities):
    replay, stream = small_replay(n_step=3, priorities=priorities), Stream(2, seed=0)
    stream.feed(replay, 3)
    with pytest.raises(UserError, match="nothing to draw yet: 3 rows added, 4 needed"):
        replay.sample(1)
    stream.feed(replay, 1)
    assert len(replay.sample(5).indices) == 5


@pytest.mark.parametrize("priorities", [None, Priorities()], ids=["uniform", "prioritised"])
def test_the_same_seed_draws_the_same(priorities):
    draws = []
    for seed in (1, 1, 2):
        replay, stream = small_replay(priorities=priorities, seed=seed), Stream(2, seed=0)
        stream.feed(replay, 30)
        draws.append(replay.sample(32).indices.tolist())
    assert draws[0] == draws[1] != draws[2]


# -- priorities --------------------------------------------------------------------------------------------------------


def prioritised(rows: int = 47, seed: int = 0, **options) -> tuple[Replay, Stream]:
    replay = small_replay(20, 3, n_step=2, seed=seed, priorities=Priorities(**options))
    stream = Stream(3, seed=4)
    stream.feed(replay, rows)
    return replay, stream


def test_new_rows_have_the_highest_priority_seen():
    replay, stream = prioritised(alpha=1.0, epsilon=1e-6)
    assert replay.sample(50).weights.tolist() == [1.0] * 50, "all are equal before anything is known"
    before = sampleable_indices(replay, stream)
    replay.update_priorities(np.array(before), np.full(len(before), 7.0, np.float32))
    stream.feed(replay, 1)
    replay.update_priorities(np.array([before[-1]]), np.array([0.5], np.float32))
    new = [i for i in sampleable_indices(replay, stream) if i > max(before)]
    assert new
    shares = shares_of(replay, stream)
    for index in new:
        assert shares[index] / shares[before[-1]] == pytest.approx(7.0 / 0.5, rel=1e-5)


def shares_of(replay: Replay, stream: Stream) -> dict[int, float]:
    """The probability of each index, read off the priorities held."""
    leaves = replay.state_dict()["priorities"].numpy()
    places = replay.rows * replay.num_envs
    eligible = sampleable_indices(replay, stream)
    total = sum(leaves[i % places] for i in eligible)
    assert total == pytest.approx(leaves.sum()), "a place that is not eligible has a priority"
    return {i: leaves[i % places] / total for i in eligible}


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_draws_are_in_proportion_to_the_priorities(alpha):
    replay, stream = prioritised(alpha=alpha, epsilon=0.25)
    eligible = sampleable_indices(replay, stream)
    errors = np.random.default_rng(0).exponential(size=len(eligible)).astype(np.float32)
    errors[::2] *= -1  # only the size counts
    replay.update_priorities(np.array(eligible), errors)
    expected = (np.abs(errors.astype(np.float64)) + 0.25) ** alpha
    drawn = np.concatenate([replay.sample(50).indices for _ in range(400)])
    counts = np.array([np.count_nonzero(drawn == index) for index in eligible])
    assert counts.sum() == 20_000
    expected *= counts.sum() / expected.sum()
    # Stratified draws vary less than independent ones, so this is the more severe side to check.
    assert stats.chisquare(counts, expected).pvalue > 0.01


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_importance_weights(beta):
    """(N * P(i)) ** -beta over the largest of the batch (Schaul 2016, section 3.4)."""
    replay, stream = prioritised(alpha=1.0, beta=beta)
    eligible = sampleable_indices(replay, stream)
    replay.update_priorities(np.array(eligible), np.linspace(0.1, 5, len(eligible)).astype(np.float32))
    shares = shares_of(replay, stream)
    sample = replay.sample(200)
    raw = np.array([(len(eligible) * shares[i]) ** -beta for i in sample.indices])
    np.testing.assert_allclose(sample.weights, raw / raw.max(), rtol=1e-5)
    assert sample.weights.dtype == torch.float32


def test_only_rows_that_may_be_drawn_have_a_priority():
    replay, stream = prioritised(rows=0)
    for _ in range(120):
        stream.feed(replay, 1)
        if len(replay.sampleable()):
            shares = shares_of(replay, stream)  # checks that no other place has one
            assert min(shares.values(), default=1) > 0


def test_priorities_of_overwritten_rows_do_not_come_back():
    """TD errors that arrive late must not be given to the rows that have taken the places of those they are of."""
    for late in range(1, 45):
        replay, stream = prioritised(alpha=1.0)
        drawn = np.array(sampleable_indices(replay, stream))
        stream.feed(replay, late)
        replay.update_priorities(drawn, np.full(len(drawn), 50.0, np.float32))
        leaves = replay.state_dict()["priorities"].numpy()
        now = sampleable_indices(replay, stream)
        for index in now:
            known = 50.0 if index in drawn else 1.0
            assert leaves[index % (replay.rows * 3)] == pytest.approx(known, rel=1e-3)
        assert np.count_nonzero(leaves) == len(now)


def test_a_transition_drawn_twice_keeps_one_of_its_errors():
    replay, stream = prioritised(alpha=1.0, epsilon=1e-9)
    index = sampleable_indices(replay, stream)[0]
    replay.update_priorities(np.array([index, index]), np.array([3.0, 3.0], np.float32))
    shares = shares_of(replay, stream)
    assert shares[index] == pytest.approx(3 / (3 + len(shares) - 1))


# -- size --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("priorities", [None, Priorities()], ids=["uniform", "prioritised"])
@pytest.mark.parametrize("capacity", [2_000, 2_050])
def test_a_transition_costs_at_most_7300_bytes(priorities, capacity):
    replay = Replay(capacity, 8, n_step=3, priorities=priorities)
    assert replay.nbytes / (replay.rows * 8) <= 7_300
    held = [v for v in vars(replay).values() if isinstance(v, np.ndarray)]
    assert replay.nbytes >= sum(a.nbytes for a in held) - 1_000, "an array is not counted"


def test_len_counts_transitions_up_to_the_capacity():
    replay, stream = small_replay(20, 2), Stream(2, seed=0)
    assert len(replay) == 0
    stream.feed(replay, 7)
    assert len(replay) == 14
    stream.feed(replay, 50)
    assert len(replay) == 40


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_step": 0}, "Replay.n_step must be at least 1 env_step, got 0"),
        ({"gamma": 1.01}, "Replay.gamma must be between 0 and 1, got 1.01"),
        ({"gamma": -0.1}, "Replay.gamma must be between 0 and 1, got -0.1"),
        ({"rows": 5}, "Replay.capacity must be at least 12 transitions, got 10"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UserError, match=message):
        small_replay(**{"rows": 20, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 1.5}, "Priorities.alpha must be between 0 and 1, got 1.5"),
        ({"beta": -1}, "Priorities.beta must be between 0 and 1, got -1"),
        ({"epsilon": 0}, "Priorities.epsilon must be above 0, got 0"),
    ],
)
def test_priorities_refuse(options, message):
    with pytest.raises(UserError, match=message):
        Priorities(**options)
