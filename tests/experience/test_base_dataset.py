from __future__ import annotations

import numpy as np
import pytest
import torch

from mk_lightning.experience.base_dataset import FILE, Recording, Rehearsal, fingerprint, record
from mk_lightning.experience.replay import NO_ACTION
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.utils.errors import UserError


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return NatureDueling(26, hidden=8)


@pytest.fixture(scope="module")
def recording(short_envs, network):
    return record(
        short_envs, network, env_steps=100, epsilon=0.3, reward_scale=20.0, n_step=2, gamma=0.9, seed=[7],
        about={"x": 1},
    )  # fmt: skip


def test_it_has_the_env_steps_asked_for(recording):
    assert recording.replay.rows == 33  # 100 over three environments
    assert len(recording.replay) == 99


def test_everything_that_can_be_drawn_was_played(recording):
    replay = recording.replay
    rows, envs = np.divmod(recording.indices, replay.num_envs)
    assert (replay.outcomes[rows, envs] != NO_ACTION).all()
    assert len(set(recording.indices.tolist())) == len(recording.indices) > 60


def test_the_q_values_are_the_networks_of_the_same_observations(recording, network):
    drawn = recording.batch(recording.indices[::7])
    with torch.no_grad():
        torch.testing.assert_close(drawn.q_values, network(drawn.transition.s_tm1), rtol=1e-4, atol=1e-5)


def test_a_stream_of_draws_goes_on_where_it_was_saved(recording):
    one, other = Rehearsal(recording, [1]), Rehearsal(recording, [2])
    one.sample(5)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.sample(8).transition.s_tm1, other.sample(8).transition.s_tm1)


def test_saved_and_loaded_it_is_the_same(recording, tmp_path):
    recording.save(tmp_path)
    loaded = Recording.load(tmp_path, {"x": 1}, n_step=2, gamma=0.9)
    assert loaded is not None
    assert loaded.about == {"x": 1}
    assert loaded.indices.tolist() == recording.indices.tolist()
    for mine, theirs in zip(
        recording.batch(recording.indices).transition, loaded.batch(loaded.indices).transition, strict=True
    ):
        assert torch.equal(mine, theirs)
    assert np.array_equal(loaded.q_values, recording.q_values)


def test_a_damaged_file_is_said_in_one_line(recording, tmp_path):
    recording.save(tmp_path)
    (tmp_path / FILE).write_bytes(b"not a recording")
    with pytest.raises(UserError, match="is not a readable recording"):
        Recording.load(tmp_path, {"x": 1}, n_step=2, gamma=0.9)


def test_another_recording_is_not_mistaken_for_this_one(recording, tmp_path):
    assert Recording.load(tmp_path, {"x": 1}, n_step=2, gamma=0.9) is None
    recording.save(tmp_path)
    with pytest.raises(UserError, match=r"holds another recording \(x: 1, this run's 2\)"):
        Recording.load(tmp_path, {"x": 2}, n_step=2, gamma=0.9)


def test_another_fighter_has_another_fingerprint(network):
    torch.manual_seed(1)
    assert fingerprint(NatureDueling(26, hidden=8)) != fingerprint(network) == fingerprint(network)
