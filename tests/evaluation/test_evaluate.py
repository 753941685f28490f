from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mk_lightning.envs.config import EnvConfig
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluate import evaluate
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError

A, B = "VeryEasy.Bramble-01", "Hard.Heron-06"
BASE = "checkpoints/dojo-base.ckpt"
SHORT = EnvConfig(max_env_steps=20)


def test_a_checkpoint_a_module_and_a_function_that_act_alike_play_the_same_matches() -> None:
    module = DuelingDoubleDQN.load_from_checkpoint(BASE)
    policies: list[Any] = [BASE, module, module.online, lambda stacks: module.predict(stacks)]
    evaluations = [evaluate(policy, "dojo", [A, B], matches=2, env=SHORT) for policy in policies]
    assert [e.policy for e in evaluations] == [BASE, "DuelingDoubleDQN", "NatureDueling", "<lambda>"]
    assert all(e.matches == evaluations[0].matches for e in evaluations)
    assert [(m.state, m.seed) for m in evaluations[0].matches] == [(s, 2_000_000 + m) for m in (0, 1) for s in (A, B)]
    assert Comparison(*evaluations[:2]).over([A, B]).change == 0


def test_groups_seeds_and_epsilon_are_taken() -> None:
    groups = {"original": [A], "challenging": "Hard.Heron-06"}
    evaluation = evaluate(lambda stacks: np.zeros(len(stacks), np.int64), "dojo", groups, matches=1, seed=1, env=SHORT)
    assert evaluation.groups == {"original": [A], "challenging": [B]}
    assert {match.seed for match in evaluation.matches} == {3_000_000}
    assert evaluation.action_counts == {A: [20] + [0] * 25, B: [20] + [0] * 25}
    random = evaluate(lambda stacks: np.zeros(len(stacks), np.int64), "dojo", A, matches=1, epsilon=1.0, env=SHORT)
    assert sum(random.action_counts[A][1:]) > 10


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"matches": 1.5}, "matches must be a whole number, got 1.5"),
        ({"seed": None}, "seed must be a whole number, got None"),
        ({"env": {"max_env_steps": 20}}, "env must be an EnvConfig, got"),
        ({"policy": None}, "policy must be a checkpoint, a module or a function, got None"),
        ({"matches": 0}, "matches must be at least 1, got 0"),
        ({"seed": -1}, "seed must be between 0 and 1,000, got -1"),
        ({"epsilon": 2.0}, "epsilon must be between 0 and 1, got 2.0"),
        ({"states": "Hard.Haron-06"}, "did you mean 'Hard.Heron-06'"),
        ({"policy": "checkpoints/dojo-bas.ckpt"}, "no checkpoint checkpoints/dojo-bas.ckpt"),
    ],
)
def test_what_cannot_be_played_is_one_line(options: dict, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        evaluate(**{"policy": BASE, "states": A, "env": SHORT} | options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (lambda n: np.full(n, 26), "must choose among the actions 0 to 25, got"),
        (lambda n: np.full(n, -1), "must choose among the actions 0 to 25, got"),
        (lambda n: np.zeros(n + 1, int), r"must return an integer for each of 8 observations, got int64 \(9,\)"),
        (lambda n: np.zeros(n), "must return an integer for each of 8 observations, got float64"),
        (lambda n: None, "must return an integer for each of 8 observations, got object"),
    ],
)
def test_a_function_that_chooses_no_action_is_told(action, said: str) -> None:
    def chooser(stacks):
        return action(len(stacks))

    with pytest.raises(UserError, match=f"chooser {said}"):
        evaluate(chooser, states=A, matches=8, env=SHORT)
