from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience import episodes
from mk_lightning.experience.episodes import TRACED, EpisodeSpec, play_episodes
from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.networks.nature import NatureDueling
from tests.envs.processes import Killer
from tests.experience.conftest import CUT_OFF, STATES
from tests.experience.policies import Always, Fingerprint, fingerprints

SPECS = [EpisodeSpec(state, seed) for seed in (11, 12, 13, 14, 15) for state in STATES]


@pytest.fixture(scope="module")
def eight_envs():
    env = RetroVectorEnv("dojo", STATES, EnvConfig(num_envs=8, max_env_steps=CUT_OFF))
    yield env
    env.close()


@pytest.fixture(scope="module")
def one_env():
    env = RetroVectorEnv("dojo", STATES, EnvConfig(num_envs=1, max_env_steps=CUT_OFF))
    yield env
    env.close()


def outcomes(records):
    """Records without the process that happened to play each match."""
    return [(record.spec, record.result._replace(env_index=0)) for record in records]


def network_policy() -> GreedyPolicy:
    torch.manual_seed(0)
    network = NatureDueling(26, hidden=16)
    network.advantage.weight.data *= 100  # so that the best action changes from frame to frame
    return GreedyPolicy(network)


class Watched:
    """A policy that notes what it did on which observation; idle environments of a group are among them."""

    def __init__(self, policy) -> None:
        self.policy = policy
        self.acts: set[tuple[bytes, int]] = set()

    def __call__(self, stacks):
        actions = self.policy(stacks)
        self.acts |= {(stack.tobytes(), int(a)) for stack, a in zip(stacks, actions, strict=True) if stack.any()}
        return actions


def test_matches_do_not_depend_on_the_number_of_environments(one_env, short_envs, eight_envs):
    reference = Watched(network_policy())
    expected = outcomes(play_episodes(reference, one_env, SPECS, epsilon=0.3))
    assert [spec for spec, _ in expected] == SPECS
    assert len({action for _, action in reference.acts}) > 1
    for env in (short_envs, eight_envs):
        policy = Watched(network_policy())
        assert outcomes(play_episodes(policy, env, SPECS, epsilon=0.3)) == expected
        assert reference.acts <= policy.acts


@pytest.mark.parametrize("group", [1, 2, 4])
def test_matches_do_not_depend_on_the_group(one_env, eight_envs, monkeypatch, group):
    reference = Watched(Fingerprint())
    expected = outcomes(play_episodes(reference, one_env, SPECS, epsilon=0.3))
    monkeypatch.setattr(episodes, "GROUP", group)
    policy = Watched(Fingerprint())
    assert outcomes(play_episodes(policy, eight_envs, SPECS, epsilon=0.3)) == expected
    assert reference.acts <= policy.acts


def test_a_network_values_an_observation_the_same_at_every_place_of_a_group():
    """What the padding relies on: same bits, wherever the observation stands and whatever stands beside it."""
    network = network_policy().network
    one, *others = torch.randint(0, 256, (30, 4, 84, 84), dtype=torch.uint8)
    values = []
    for place in range(episodes.GROUP):
        group = torch.stack(others[3 * place :][: episodes.GROUP - 1])
        with torch.inference_mode():
            values.append(network(torch.cat([group[:place], one[None], group[place:]]))[place])
    assert all(torch.equal(value, values[0]) for value in values)


def test_equals_one_match_after_the_other(short_envs, single_env):
    """A reference that plays spec by spec: its stack, its own random stream, its sums."""
    policy = Fingerprint()
    records = list(play_episodes(policy, short_envs, SPECS, epsilon=0.3))
    shown_to_policy = set(map(bytes, policy.seen))
    for spec, record in zip(SPECS, records, strict=True):
        rng = np.random.default_rng([spec.seed, 1])
        shown, _ = single_env.reset(seed=spec.seed, options={"state": spec.state})
        stack, total, length, over = np.stack([shown] * 4), 0.0, 0, False
        actions, variables = [], [single_env.variables]
        while not over:
            assert stack.tobytes() in shown_to_policy
            action = int(fingerprints(stack[None])[0])
            if rng.random() < 0.3:
                action = int(rng.integers(26))
            shown, reward, terminated, truncated, _ = single_env.step(action)
            stack = np.stack([*stack[1:], shown])
            actions.append(action)
            variables.append(single_env.variables)
            total, length, over = total + reward, length + 1, terminated or truncated
        result = record.result
        assert (record.spec, result.state) == (spec, spec.state)
        assert (result.episode_return, result.env_steps, result.truncated) == (pytest.approx(total), length, truncated)
        assert record.trace.actions.tolist() == actions
        assert set(record.trace.variables) == set(TRACED)
        for name, column in record.trace.variables.items():
            assert column.tolist() == [values[name] for values in variables]


def test_seeds_and_epsilon_matter(one_env):
    def acts(seed: int, epsilon: float):
        policy = Watched(Fingerprint())
        list(play_episodes(policy, one_env, [EpisodeSpec(STATES[0], seed)], epsilon=epsilon))
        return policy.acts

    assert acts(1, 0.0) == acts(1, 0.0)
    assert acts(1, 0.9) == acts(1, 0.9)
    assert acts(1, 0.0) != acts(2, 0.0)
    assert acts(1, 0.0) != acts(1, 0.9)


def test_epsilon_1_ignores_the_policy(one_env):
    played = [outcomes(play_episodes(Always(a), one_env, SPECS[:2], epsilon=1.0)) for a in (0, 7)]
    assert played[0] == played[1]


def test_records_come_in_the_order_of_the_specs_however_long_the_matches_are(long_envs):
    """The second environment plays several short matches while the first is busy with a long one."""
    specs = [EpisodeSpec(state, 3) for state in ("VeryHard.Scythe-03", *["VeryHard.Bramble-01"] * 3)]
    records = list(play_episodes(Always(2), long_envs, specs))
    assert [record.spec for record in records] == specs
    assert [record.result.state for record in records] == [spec.state for spec in specs]
    assert len({record.result._replace(env_index=0) for record in records[1:]}) == 1, "same spec, same match"
    assert not any(record.result.truncated for record in records)


class Walker:
    """Walks into the opponent or waits, depending on the newest frame; either way the match is soon lost."""

    def __call__(self, stacks):
        return np.where(stacks[:, -1].sum((1, 2), dtype=np.int64) % 2, 2, 0)


def test_a_match_goes_on_as_before_when_its_neighbour_has_ended(long_envs):
    specs = [EpisodeSpec("VeryHard.Bramble-01", 5), EpisodeSpec("VeryHard.Scythe-03", 5)]
    together = outcomes(play_episodes(Walker(), long_envs, specs))
    alone = [record for spec in specs for record in outcomes(play_episodes(Walker(), long_envs, [spec]))]
    assert together == alone
    lengths = [result.env_steps for _, result in alone]
    assert lengths[0] != lengths[1], "both ended at once: nothing was tested"


def test_environments_can_be_used_again_when_not_all_matches_were_wanted(short_envs):
    """Lightning stops early with `limit_val_batches`."""
    policy = Fingerprint()
    few = list(islice(play_episodes(policy, short_envs, SPECS), 2))
    assert outcomes(few) == outcomes(play_episodes(policy, short_envs, SPECS))[:2]


def test_records_do_not_depend_on_workers_that_are_killed(short_envs, eight_envs):
    expected = outcomes(play_episodes(Fingerprint(), short_envs, SPECS, epsilon=0.3))
    killer, rng = Killer(eight_envs), np.random.default_rng(0)
    before = eight_envs.restarts

    def policy(stacks, policy=Fingerprint()):  # noqa: B008 - it is the only one
        if rng.random() < 0.3:
            killer.kill(int(rng.integers(8)))
        return policy(stacks)

    assert outcomes(play_episodes(policy, eight_envs, SPECS, epsilon=0.3)) == expected
    eight_envs.capture()  # notices those that died idle
    assert eight_envs.restarts - before == len(killer.pids) > 5


def test_no_specs_no_records(one_env):
    assert list(play_episodes(Always(0), one_env, [])) == []
