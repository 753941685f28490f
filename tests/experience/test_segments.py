from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from mk_lightning.experience import segments as segments_module
from mk_lightning.experience.replay import COLUMNS, Priorities, Replay
from mk_lightning.experience.segments import Segments, remove_unnamed
from mk_lightning.utils.errors import UserError
from tests.experience.streams import FRAME_SHAPE, Stream

MODES = pytest.mark.parametrize("priorities", [None, Priorities()], ids=["uniform", "prioritised"])


def new_replay(priorities=None, rows=20, num_envs=2, seed=0) -> Replay:
    return Replay(rows * num_envs, num_envs, n_step=3, priorities=priorities, frame_shape=FRAME_SHAPE, seed=seed)


def through_a_file(state: dict) -> dict:
    """What a checkpoint makes of it."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def same_samples(one: Replay, other: Replay) -> bool:
    a, b = one.sample(16), other.sample(16)
    tensors = zip((*a.transition, a.weights), (*b.transition, b.weights), strict=True)
    return np.array_equal(a.indices, b.indices) and all(torch.equal(x, y) for x, y in tensors)


@MODES
@pytest.mark.parametrize("rows", [6, 19, 20, 21, 67])
def test_a_restored_replay_continues_bit_for_bit(tmp_path, priorities, rows):
    replay, stream = new_replay(priorities), Stream(2, seed=7)
    stream.feed(replay, rows)
    drawn = replay.sample(16).indices
    replay.update_priorities(drawn, np.linspace(0, 9, 16).astype(np.float32))
    saved = through_a_file({"replay": replay.state_dict(), "segments": Segments(tmp_path).save(replay)})

    restored = new_replay(priorities, seed=99)
    restored.load_state_dict(saved["replay"])
    Segments(tmp_path).load(restored, saved["segments"])

    for _ in range(25):
        assert same_samples(replay, restored)
        row = stream.row()
        replay.add(*row)
        restored.add(*row)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(replay, name), getattr(restored, name))


def test_a_save_costs_what_is_new(tmp_path):
    replay, stream, segments = new_replay(), Stream(2, seed=0), Segments(tmp_path)
    stream.feed(replay, 8)
    first = segments.save(replay)
    assert [(s["start"], s["stop"]) for s in first] == [(0, 8)]
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    stream.feed(replay, 5)
    second = segments.save(replay)
    assert [(s["start"], s["stop"]) for s in second] == [(0, 8), (8, 13)]
    assert all(path.stat().st_mtime_ns == when for path, when in written.items()), "a segment was written again"
    assert first == second[:1]
    assert segments.save(replay) == second, "nothing is new"


def test_segments_that_the_ring_no_longer_needs_are_not_named(tmp_path):
    replay, stream, segments = new_replay(), Stream(2, seed=0), Segments(tmp_path)
    for _ in range(9):
        stream.feed(replay, 5)
        named = segments.save(replay)
    assert [(s["start"], s["stop"]) for s in named] == [(k, k + 5) for k in (25, 30, 35, 40)]
    stream.feed(replay, 100)
    assert [(s["start"], s["stop"]) for s in segments.save(replay)] == [(125, 145)]


@MODES
def test_saves_go_on_after_a_restore(tmp_path, priorities):
    """Checkpoint, resume, checkpoint: the second names the first one's segments too."""
    replay, stream = new_replay(priorities), Stream(2, seed=3)
    stream.feed(replay, 13)
    segments = Segments(tmp_path)
    for extra in (4, 9, 30):
        named, state = segments.save(replay), replay.state_dict()
        replay, segments = new_replay(priorities), Segments(tmp_path)
        replay.load_state_dict(state)
        segments.load(replay, named)
        stream.feed(replay, extra)
    fresh, again = new_replay(priorities), Stream(2, seed=3)
    again.feed(fresh, 13 + 4 + 9 + 30)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(replay, name), getattr(fresh, name))


def test_long_writes_are_split(tmp_path, monkeypatch):
    monkeypatch.setattr(segments_module, "ROWS_PER_SEGMENT", 8)
    replay, stream = new_replay(), Stream(2, seed=0)
    stream.feed(replay, 50)
    named = Segments(tmp_path).save(replay)
    assert [(s["start"], s["stop"]) for s in named] == [(30, 38), (38, 46), (46, 50)]
    restored = new_replay()
    restored.load_state_dict(replay.state_dict())
    Segments(tmp_path).load(restored, named)
    assert same_samples(replay, restored)


@pytest.fixture
def short_segments(monkeypatch):
    monkeypatch.setattr(segments_module, "ROWS_PER_SEGMENT", 8)


def test_rows_are_written_as_they_come_and_a_save_writes_the_rest(tmp_path, short_segments):
    replay, stream, segments = new_replay(rows=100), Stream(2, seed=0), Segments(tmp_path)
    for _ in range(21):
        stream.feed(replay, 1)
        segments.spill(replay)
    names = sorted(path.name.rpartition("-")[0] for path in tmp_path.iterdir())
    assert names == [f"{k:010d}-{k + 8:010d}" for k in (0, 8)]
    named = segments.save(replay)
    assert [(s["start"], s["stop"]) for s in named] == [(0, 8), (8, 16), (16, 21)]
    restored = new_replay(rows=100)
    restored.load_state_dict(replay.state_dict())
    Segments(tmp_path).load(restored, named)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(replay, name), getattr(restored, name))


def test_what_left_the_ring_and_was_never_named_is_removed(tmp_path, short_segments):
    """A run that takes no checkpoint does not fill the disk."""
    replay, stream, segments = new_replay(rows=20), Stream(2, seed=0), Segments(tmp_path)
    stream.feed(replay, 10)
    named = segments.save(replay)
    for _ in range(100):
        stream.feed(replay, 1)
        segments.spill(replay)
    there = {path.name for path in tmp_path.iterdir()}
    assert {segment["file"] for segment in named} <= there, "a checkpoint needs them"
    assert len(there - {segment["file"] for segment in named}) == 3, "of 20 rows: three segments of eight"


def test_segments_that_no_checkpoint_names_are_removed(tmp_path, short_segments):
    replay, stream, segments = new_replay(rows=20), Stream(2, seed=0), Segments(tmp_path)
    stream.feed(replay, 10)
    first = segments.save(replay)
    stream.feed(replay, 30)
    second = segments.save(replay)
    stream.feed(replay, 8)
    segments.spill(replay)
    everything = {path.name for path in tmp_path.iterdir()}
    remove_unnamed(tmp_path, [*first, *second])
    assert {path.name for path in tmp_path.iterdir()} == everything
    remove_unnamed(tmp_path, second)
    gone = everything - {path.name for path in tmp_path.iterdir()}
    assert gone == {segment["file"] for segment in first}, "what is newer than all that is named stays"


@pytest.mark.parametrize("change", [{"stop": 10**12}, {"stop": 13}, {"stop": 0}, {"start": 5}])
def test_a_segment_that_claims_other_rows_is_refused(tmp_path, change):
    state, named = saved(tmp_path)
    replay = new_replay()
    replay.load_state_dict(state)
    with pytest.raises(UserError, match="does not hold the"):
        Segments(tmp_path).load(replay, [named[0] | change])


def test_a_segment_s_name_leads_nowhere_else(tmp_path):
    (tmp_path / "run").mkdir()
    state, named = saved(tmp_path / "run")
    (tmp_path / "secret.rows").write_bytes((tmp_path / "run" / named[0]["file"]).read_bytes())
    replay = new_replay()
    replay.load_state_dict(state)
    with pytest.raises(UserError, match=r"needs .*run/secret.rows, which is missing"):
        Segments(tmp_path / "run").load(replay, [named[0] | {"file": "../secret.rows"}])


def saved(tmp_path) -> tuple[dict, list[dict]]:
    replay = new_replay()
    Stream(2, seed=0).feed(replay, 12)
    return replay.state_dict(), Segments(tmp_path).save(replay)


def test_a_missing_segment_is_named(tmp_path):
    state, named = saved(tmp_path)
    (tmp_path / named[0]["file"]).unlink()
    replay = new_replay()
    replay.load_state_dict(state)
    with pytest.raises(UserError, match=rf"needs .*{named[0]['file']}, which is missing"):
        Segments(tmp_path).load(replay, named)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_segment_is_named(tmp_path, damage):
    state, named = saved(tmp_path)
    path = tmp_path / named[0]["file"]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes({"flip": bytes(data), "cut": bytes(data[:-1]), "empty": b""}[damage])
    replay = new_replay()
    replay.load_state_dict(state)
    with pytest.raises(UserError, match=rf"{named[0]['file']} is damaged"):
        Segments(tmp_path).load(replay, named)


def test_no_half_written_file_has_a_segment_s_name(tmp_path):
    saved(tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".rows"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"rows": 21}, r"replay has \[20, 2\] rows x environments, this run's config \[21, 2\]"),
        ({"rows": 20, "num_envs": 3}, r"replay has \[20, 2\] rows x environments, this run's config \[20, 3\]"),
        ({"priorities": Priorities()}, "differ in ReplaySettings.priorities"),
    ],
)
def test_a_checkpoint_of_another_replay_is_refused(tmp_path, other, message):
    state, _ = saved(tmp_path)
    with pytest.raises(UserError, match=message):
        new_replay(**other).load_state_dict(state)


def test_other_rows_of_the_same_numbers_overwrite_nothing(tmp_path):
    """A fit that continues an early checkpoint with another rate plays otherwise; later checkpoints stay whole."""
    named = []
    for seed in (0, 1):
        replay = new_replay()
        Stream(2, seed=seed).feed(replay, 5)
        named.append(Segments(tmp_path).save(replay))
    assert [(s["start"], s["stop"]) for s in named[0]] == [(s["start"], s["stop"]) for s in named[1]]
    for seed in (0, 1):
        replay, restored = new_replay(), new_replay()
        Stream(2, seed=seed).feed(replay, 5)
        Segments(tmp_path).load(restored, named[seed])
        np.testing.assert_array_equal(replay.frames, restored.frames)
