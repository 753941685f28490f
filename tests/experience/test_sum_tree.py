from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mk_lightning.experience.sum_tree import SumTree


@settings(max_examples=100, deadline=None, derandomize=True)
@given(size=st.integers(1, 70), seed=st.integers(0, 2**16), updates=st.integers(1, 8))
def test_equals_running_sums(size, seed, updates):
    """Priorities are whole numbers, so sums are exact and every target has one right answer."""
    rng = np.random.default_rng(seed)
    tree, naive = SumTree(size), np.zeros(size)
    for _ in range(updates):
        changed = rng.permutation(size)[: rng.integers(1, size + 1)]
        priorities = rng.integers(0, 4, len(changed)).astype(float)
        tree.set(changed, priorities)
        naive[changed] = priorities
    np.testing.assert_array_equal(tree.get(np.arange(size)), naive)
    assert tree.total == naive.sum()
    targets = np.arange(0, naive.sum(), 0.5)
    if len(targets):
        np.testing.assert_array_equal(tree.find(targets), np.searchsorted(naive.cumsum(), targets, side="right"))


def test_rounding_never_finds_a_leaf_without_priority():
    rng = np.random.default_rng(0)
    tree, naive = SumTree(37), rng.random(37)
    naive[[0, 5, 6, 30, 31, 32, 33, 34, 35, 36]] = 0
    tree.set(np.arange(37), naive)
    targets = np.append(tree.total * rng.random(5_000), np.nextafter(tree.total, 0))
    found = tree.find(np.append(targets, tree.total))  # the last one is out of range by a rounding error
    assert (naive[found] > 0).all()
    assert found[-1] == 29


def test_find_leaves_its_argument_alone():
    tree = SumTree(4)
    tree.set(np.arange(4), np.ones(4))
    targets = np.array([0.5, 3.5])
    assert tree.find(targets).tolist() == [0, 3]
    assert targets.tolist() == [0.5, 3.5]


def test_many_changes_leave_no_rounding_behind():
    rng = np.random.default_rng(1)
    tree = SumTree(64)
    for _ in range(2_000):
        tree.set(rng.permutation(64)[:32], rng.random(32) * 10.0 ** rng.integers(-8, 8))
    tree.set(np.arange(64), np.zeros(64))
    assert tree.total == 0.0
    tree.set(np.array([3]), np.array([0.1]))
    assert tree.total == pytest.approx(0.1, abs=0)
