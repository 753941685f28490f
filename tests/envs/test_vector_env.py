from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError
from gymnasium.vector import AsyncVectorEnv, AutoresetMode

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError
from mk_lightning.utils.errors import UserError

MakeEnvs = Callable[..., RetroVectorEnv]


def assert_equal(ours: Any, theirs: Any) -> None:
    """Compare infos: dictionaries of arrays, nested."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key in theirs:
            assert_equal(ours[key], theirs[key])
    else:
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_it_equals_gymnasiums_vector_environment_step_for_step(make_envs: MakeEnvs, game: Game) -> None:
    """Frames, rewards, ends, automatic resets and infos."""
    theirs = AsyncVectorEnv(
        [partial(FightingEnv, game, "VeryEasy.*", EnvConfig(max_env_steps=25))] * 3, context="spawn"
    )
    ours = make_envs(3, max_env_steps=25)
    try:
        assert ours.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
        assert ours.observation_space == theirs.observation_space
        assert ours.action_space == theirs.action_space
        assert ours.single_action_space == theirs.single_action_space
        for mine, reference in zip(ours.reset(seed=4), theirs.reset(seed=4), strict=True):
            assert_equal(mine, reference)
        rng = np.random.default_rng(0)
        ends = 0
        for _ in range(60):
            actions = rng.integers(0, 26, 3)
            mine, reference = ours.step(actions), theirs.step(actions)
            np.testing.assert_array_equal(mine[0], reference[0])
            np.testing.assert_array_equal(mine[1], reference[1].astype(np.float32))
            for i in (2, 3):
                np.testing.assert_array_equal(mine[i], reference[i])
            assert_equal(mine[4], reference[4])
            ends += int(mine[3].sum())
        assert ends == 6
    finally:
        theirs.close()


def test_half_groups_equal_the_full_group(make_envs: MakeEnvs) -> None:
    whole, halves = make_envs(4, max_env_steps=15), make_envs(4, max_env_steps=15)
    first, _ = whole.reset(seed=2)
    np.testing.assert_array_equal(halves.reset(seed=2)[0], first)
    rng = np.random.default_rng(0)
    low, high = [2, 0], np.array([1, 3])  # any order, list or array
    for _ in range(40):
        actions = rng.integers(0, 26, 4)
        whole.send(actions)
        halves.send(actions[low], low)
        halves.send(actions[high], high)  # while the other half is stepping
        seen = dict(zip(low, zip(*halves.recv(low), strict=True), strict=True))
        seen |= dict(zip(high, zip(*halves.recv(high), strict=True), strict=True))
        for index, expected in enumerate(zip(*whole.recv(), strict=True)):
            for mine, theirs in zip(seen[index], expected, strict=True):
                np.testing.assert_array_equal(mine, theirs)
        assert halves.finished() == whole.finished()


def test_what_recv_returns_stays_when_the_next_step_comes(make_envs: MakeEnvs) -> None:
    envs = make_envs(2)
    envs.reset(seed=0)
    envs.send([1, 2])
    kept = envs.recv()
    copies = [array.copy() for array in kept]
    for _ in range(10):
        envs.send([1, 2])
        envs.recv()
    for array, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_given_matches_are_the_same_in_any_environment(make_envs: MakeEnvs, states: tuple[str, ...]) -> None:
    envs = make_envs(3)
    envs.reset(seed=9)
    envs.send([3, 4, 5])
    envs.recv()
    frames = envs.reset_envs([2, 0], seeds=[5, 5], states=[states[6], states[6]])
    assert frames.shape == (2, 84, 84)
    assert envs.states()[2] == envs.states()[0] == states[6]
    np.testing.assert_array_equal(frames[0], frames[1])
    for action in np.random.default_rng(0).integers(0, 26, 40):
        envs.send([action, action], [0, 2])
        frames, rewards, *_ = envs.recv([0, 2])
        np.testing.assert_array_equal(frames[0], frames[1])
        assert rewards[0] == rewards[1]
        for values in envs.variables().values():
            assert values[0] == values[2]


def test_states_can_be_given_to_reset_one_per_environment(make_envs: MakeEnvs, states: tuple[str, ...]) -> None:
    envs = make_envs(3)
    wanted = [states[5], states[0], states[3]]
    _, infos = envs.reset(seed=[7, 8, 9], options={"states": wanted})
    assert infos["state"].tolist() == wanted
    with pytest.raises(GameError, match="no state 'nobody'"):
        envs.reset(options={"states": [states[0], "nobody", states[0]]})
    with pytest.raises(GameError, match="reset knows the option 'states', not 'state'"):
        envs.reset(options={"state": states[0]})
    assert envs.states() == wanted  # nothing was reset


def test_seeds_count_up_from_one_number(make_envs: MakeEnvs) -> None:
    envs = make_envs(3)
    _, together = envs.reset(seed=20)
    _, apart = envs.reset(seed=[20, 21, 22])
    assert_equal(apart, together)
    assert len(set(together["cpu_seed"])) == 3


def test_states_change_while_matches_run(make_envs: MakeEnvs, states: tuple[str, ...]) -> None:
    envs = make_envs(2, {states[0]: 1}, max_env_steps=3, max_noops=0)
    envs.reset(seed=0)
    envs.step([0, 0])
    envs.set_states({states[1]: 1, states[2]: 1})
    assert envs.states() == [states[0]] * 2  # until each environment's next reset
    drawn: Counter[str] = Counter()
    for _ in range(60):
        *_, infos = envs.step([0, 0])
        drawn.update(infos["state"])
        assert [result.state for result in envs.finished()] == infos["state"][infos.get("_match", [False] * 2)].tolist()
    assert set(drawn) == set(states[:3])
    assert min(drawn[states[1]], drawn[states[2]]) > 20
    with pytest.raises(GameError):
        envs.set_states("nobody")


def test_variables_and_results_are_those_of_the_right_environment(make_envs: MakeEnvs, states: tuple[str, ...]) -> None:
    """Each environment's own column: the opponent's number is its own, ends come one after the other."""
    envs = make_envs(3, max_env_steps=4)
    envs.reset(options={"states": list(states[:3])})
    opponents = envs.variables()["opponent"]
    assert opponents.tolist() == [1, 2, 3]
    envs.step([0, 0, 0])
    envs.reset_envs([1], states=[states[7]])
    assert opponents.tolist() == [1, 8, 3]  # a view
    ends = []
    for _ in range(4):
        envs.send([0, 0, 0])
        envs.recv()
        ends.append([(result.env_index, result.state, result.env_steps) for result in envs.finished()])
    assert ends == [[], [], [(0, states[0], 4), (2, states[2], 4)], [(1, states[7], 4)]]
    assert envs.finished([0, 2]) == []
    assert len(envs.finished([1])) == 1


def test_pictures_come_from_every_environment(make_envs: MakeEnvs) -> None:
    envs = make_envs(2, render_mode="rgb_array")
    envs.reset(seed=0)
    pictures = envs.render()
    assert pictures is not None
    assert [picture.shape for picture in pictures] == [(224, 320, 3)] * 2
    assert make_envs(1).render() is None


def test_order_of_use_is_enforced(make_envs: MakeEnvs) -> None:
    envs = make_envs(2)
    envs.reset(seed=0)
    with pytest.raises(RuntimeError, match="environment 0 was not sent an action"):
        envs.recv()
    envs.send([0], [1])
    with pytest.raises(RuntimeError, match="environment 1 is still stepping"):
        envs.send([0, 0])
    with pytest.raises(RuntimeError, match="environment 1 is still stepping"):
        envs.capture()
    with pytest.raises(RuntimeError, match="environment 0 was not sent an action"):
        envs.recv([0, 1])
    envs.recv([1])
    for actions in ([0], [0.0, 0.0], [0, 26], [-1, 0]):
        with pytest.raises(ValueError, match="actions"):
            envs.send(actions)
    for indices in ([0, 0], [2], [-1], np.array([True, False])):
        with pytest.raises(ValueError, match="indices must be different positions from 0 to 1"):
            envs.finished(indices)
    envs.send(np.zeros(0, int), [])
    assert [len(array) for array in envs.recv([])] == [0, 0, 0, 0]
    with pytest.raises(ValueError, match="expected 2 seeds and states, not 1 and 2"):
        envs.reset_envs([0, 1], seeds=[1])


def test_a_closed_one_says_so_whatever_it_is_asked(make_envs: MakeEnvs) -> None:
    envs = make_envs(2, render_mode="rgb_array")
    envs.reset(seed=1)
    captured = envs.capture()
    envs.send([0], [1])  # one is in the middle of a step
    envs.close()
    for ask in (
        envs.reset, lambda: envs.step([0, 0]), lambda: envs.send([0, 0]), envs.recv, lambda: envs.recv([1]),
        envs.render, envs.capture, lambda: envs.restore(captured), lambda: envs.set_states("VeryEasy.*"),
    ):  # fmt: skip
        with pytest.raises(ClosedEnvironmentError, match="this vector environment is closed; make a new one"):
            ask()
    envs.close()


def test_options_are_checked_before_a_process_starts(make_envs: MakeEnvs) -> None:
    with pytest.raises(UserError, match="num_envs must be between 1 and 1,024, got 0"):
        make_envs(0)
    with pytest.raises(UserError, match="frame_skip"):
        make_envs(1, frame_skip=0)
    with pytest.raises(GameError, match="no state"):
        make_envs(1, "nobody")
