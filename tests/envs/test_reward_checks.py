"""What a reward of the user's own is asked for, in this process and in the workers'."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mk_lightning as mk
from mk_lightning.envs.config import EnvConfig, with_default_reward
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.reward_checks import DEFAULT_REWARD, compute_reward, described
from mk_lightning.envs.rewards import DamageReward, Fight, Reward
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.utils.errors import UserError, WorkerError
from tests.envs.own_rewards import Advance, Broken, Forgetful, Weighted

ROOT = Path(__file__).parents[2]
FRESH = Fight(120, 120, 0, 0, {"x_position": 70})
MOVED = Fight(120, 113, 0, 0, {"x_position": 73})


@pytest.mark.parametrize(
    ("reward", "text"),
    [
        (DamageReward(), "mk_lightning.envs.rewards.DamageReward()"),
        (Advance(), "tests.envs.own_rewards.Advance(per_pixel=1)"),
        (Advance(0.1), "tests.envs.own_rewards.Advance(per_pixel=0.1)"),
        (
            Weighted((DamageReward(), Advance(2)), {"a": 1.0, "b": True}),
            "tests.envs.own_rewards.Weighted(parts=[mk_lightning.envs.rewards.DamageReward(), "
            "tests.envs.own_rewards.Advance(per_pixel=2)], weights={'a': 1, 'b': True}, price=0)",
        ),
        (Broken("two\nlines"), "tests.envs.own_rewards.Broken(by='two\\nlines')"),
    ],
)
def test_a_reward_is_known_by_its_class_and_arguments(reward: Reward, text: str) -> None:
    assert described(reward) == text


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (lambda: Forgetful(), "Forgetful must keep its argument bonus as self.bonus, so that files can note it"),
        (lambda: Weighted([np.ones(2)]), r"Weighted: parts must be a number, text, None, .*, got \[1. 1.\]"),  # type: ignore[list-item]
        (lambda: Advance, r"EnvConfig.reward must be a Reward, such as DamageReward\(\), got <class"),
        (lambda: None, "EnvConfig.reward must be a Reward, such as DamageReward.., got None"),
    ],
)
def test_what_files_cannot_note_is_refused(reward: Callable[[], Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        EnvConfig(reward=reward())


def test_files_note_a_reward_that_is_not_the_default() -> None:
    plain = {"frame_skip": 4, "release_frames": 1, "max_noops": 30, "max_env_steps": 3000}
    assert EnvConfig().episode_options == EnvConfig(reward=DamageReward()).episode_options == plain
    own = EnvConfig(reward=Advance(2)).episode_options
    assert own == plain | {"reward": "tests.envs.own_rewards.Advance(per_pixel=2)"}
    assert with_default_reward(plain) == plain | {"reward": DEFAULT_REWARD}
    assert with_default_reward(own) == own


@pytest.mark.parametrize("make", [Advance, lambda n: Weighted([DamageReward(), Advance(n)])])
def test_configs_with_equal_rewards_are_equal(make: Callable[[float], Reward]) -> None:
    assert EnvConfig() == EnvConfig(reward=DamageReward())
    assert (
        EnvConfig(reward=make(2))
        == EnvConfig(reward=make(2.0))
        == pickle.loads(pickle.dumps(EnvConfig(reward=make(2))))
    )
    assert len({EnvConfig(), EnvConfig(reward=make(2)), EnvConfig(reward=make(2)), EnvConfig(reward=make(3))}) == 3


def test_a_reward_is_computed() -> None:
    assert compute_reward(DamageReward(), FRESH, MOVED, 120) == 7
    assert compute_reward(Advance(0.5), FRESH, MOVED, 120) == 1.5
    assert compute_reward(Weighted([DamageReward(), Advance()], price=0.25), FRESH, MOVED, 120) == 7 + 3 - 30
    numbers: list[Any] = [np.float32(2), np.int64(2), True, 2]
    for number in numbers:
        value = compute_reward(Advance(number), FRESH, MOVED, 120)
        assert type(value) is float
        assert value == 3 * number


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("raising", r"raised ZeroDivisionError: division by zero \(own_rewards.py, line \d+\)"),
        ("nan", "returned nan; it must return a number of game units, between -1,000,000,000 and 1,000,000,000"),
        ("text", "returned '3'; it must return a number"),
        ("nothing", "returned None; it must return a number"),
        ("list", r"returned \[1.0\]; it must return a number"),
        ("huge", r"returned 1e\+30; it must return a number"),
    ],
)
def test_a_reward_that_fails_is_one_line(by: str, message: str) -> None:
    with pytest.raises(
        UserError, match=rf"EnvConfig.reward tests.envs.own_rewards.Broken\(by='{by}'\) {message}"
    ) as caught:
        compute_reward(Broken(by), FRESH, MOVED, 120)
    assert "\n" not in str(caught.value)


@pytest.fixture
def envs() -> Iterator[RetroVectorEnv]:
    config = EnvConfig(num_envs=2, max_env_steps=40, max_noops=0, reward=Weighted([Advance(0.5)], price=0.0625))
    envs = RetroVectorEnv("dojo", "VeryEasy.*", config)
    yield envs
    envs.close()


def test_workers_pay_it(envs: RetroVectorEnv) -> None:
    """By hand: half the pixels moved, less a sixteenth of 120 for each env_step."""
    envs.reset(seed=5)
    start = envs.variables()["x_position"].copy()
    place, tape = start, []
    for n in range(40):
        _, rewards, _, truncated, _ = envs.step([1, 2] if n < 15 else [2, 1])
        now = envs.variables()["x_position"].copy()
        np.testing.assert_array_equal(rewards, (now - place) / 2 - 7.5)
        place = now
        tape.append(rewards)
    assert truncated.all()
    assert len(np.unique(tape)) > 2
    returns = [result.episode_return for result in envs.finished()]
    assert returns == ((place - start) / 2 - 40 * 7.5).tolist() == np.sum(tape, 0).tolist()


def test_a_worker_in_the_place_of_a_dead_one_pays_it_too(envs: RetroVectorEnv) -> None:
    seen = []
    for kill in (False, True):
        envs.reset(seed=5)
        for n in range(40):
            if kill and n == 20:
                os.kill(envs._pool.pids[1], signal.SIGKILL)
            *_, infos = envs.step([2, 2])
        seen.append(infos["match"]["return"].tolist())
    assert envs.restarts == 1
    assert seen[0] == seen[1]


@pytest.mark.parametrize("by", ["raising", "nan"])
def test_one_that_fails_in_a_worker_is_one_line_and_no_restart(by: str) -> None:
    envs = RetroVectorEnv("dojo", "VeryEasy.*", EnvConfig(num_envs=2, reward=Broken(by)))
    envs.reset(seed=0)
    said = rf"worker \d of 2 \(state VeryEasy.*\) failed: EnvConfig.reward tests.envs.own_rewards.Broken\(by='{by}'\) r"
    with pytest.raises(WorkerError, match=said) as caught:
        envs.step([0, 0])
    assert "\n" not in str(caught.value)
    assert "own_rewards.py" in str(caught.value.__cause__) or by == "nan"
    assert envs.restarts == 0


def test_one_process_pays_it_and_needs_no_module(game: mk.Game) -> None:
    class Longer(Reward):
        def __call__(self, before: Fight, after: Fight, full_health: int) -> float:
            return full_health + 2

    env = FightingEnv(game, config=EnvConfig(reward=Longer()))
    env.reset(seed=0)
    assert env.step(0)[1] == 122
    env.close()
    for start in (RetroVectorEnv, new_data):
        with pytest.raises(UserError, match=r"Longer\(\) cannot be pickled for worker processes .* at the top level"):
            start("dojo", config=EnvConfig(reward=Longer()))


def new_data(game: str, config: EnvConfig) -> mk.ExperienceDataModule:
    return mk.ExperienceDataModule(game, ["VeryEasy.Bramble-01"], env=config)


SCRIPT = """
import mk_lightning as mk

class Longer(mk.Reward):
    def __call__(self, before, after, full_health):
        return 3.0

config = mk.EnvConfig(reward=Longer())
env = mk.FightingEnv("dojo", config=config)
env.reset()
print(env.step(0)[1])
for start in (
    lambda: mk.RetroVectorEnv("dojo", config=config),
    lambda: mk.ExperienceDataModule("dojo", ["VeryEasy.Bramble-01"], env=config),
):
    try:
        start()
    except mk.UserError as error:
        print(error)
"""


def test_one_in_a_script_is_sent_into_a_module() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    reward, *refused = done.stdout.splitlines()
    assert reward == "3.0"
    assert refused == 2 * [
        "EnvConfig.reward: worker processes cannot import Longer from a script's or notebook's __main__; put the class "
        "into a module, such as rewards.py beside it, and import it from there"
    ]


def test_one_that_only_this_process_can_import_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("made_here")
    exec("import mk_lightning as mk\nclass Own(mk.Reward):\n    def __call__(self, *_): return 1.0", module.__dict__)
    monkeypatch.setitem(sys.modules, "made_here", module)
    with pytest.raises(WorkerError, match="worker 0 of 2") as caught:
        RetroVectorEnv("dojo", config=EnvConfig(num_envs=2, reward=module.Own()))
    assert str(caught.value).endswith(
        " failed: the class of EnvConfig.reward cannot be imported in the worker processes (ModuleNotFoundError: No "
        "module named 'made_here'); put it into a module that a fresh interpreter can import"
    )
