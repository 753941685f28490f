"""The process that all pools are forked from: one is enough, and nobody depends on it for long."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.envs.workers.forkers import _Zygote
from tests.envs.processes import alive, left_over, parent_of

MakeEnvs = Callable[..., RetroVectorEnv]


def fork_server(envs: RetroVectorEnv) -> int:
    return parent_of(envs._pool.pids[0])


@pytest.fixture
def no_zygote(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has had no pool yet."""
    monkeypatch.setattr(_Zygote, "_running", None)


def test_pools_one_after_another_and_side_by_side_come_from_one(make_envs: MakeEnvs) -> None:
    first, second = make_envs(1), make_envs(1)
    zygote = parent_of(fork_server(first))
    assert parent_of(fork_server(second)) == zygote
    assert parent_of(zygote) == os.getpid()
    ended = [fork_server(first), *first._pool.pids]
    first.close()
    assert left_over(ended, 0) == []
    assert parent_of(fork_server(make_envs(1))) == zygote


def test_it_holds_no_emulator_and_no_torch(make_envs: MakeEnvs) -> None:
    envs = make_envs(1)
    maps = Path(f"/proc/{parent_of(fork_server(envs))}/maps").read_text()
    assert "cv2" in maps
    assert "torch" not in maps
    assert "genesis_plus_gx" not in maps


def test_pools_live_on_when_it_is_killed(make_envs: MakeEnvs, no_zygote: None) -> None:
    envs, other = make_envs(2), make_envs(2)
    for each in (envs, other):
        each.reset(seed=4)
    zygote = parent_of(fork_server(envs))
    lost = [zygote, fork_server(envs), *envs._pool.pids]
    os.kill(zygote, signal.SIGKILL)
    assert left_over(lost) == []
    expected = make_envs(2)  # of another zygote
    assert parent_of(fork_server(expected)) != zygote
    expected.reset(seed=4)
    for number in range(20):
        actions = np.array([number, 25 - number])
        frames = expected.step(actions)[0].tobytes()
        assert envs.step(actions)[0].tobytes() == frames
        assert other.step(actions)[0].tobytes() == frames
    assert envs.restarts == other.restarts == 2


def test_a_zygote_that_hangs_is_told_and_the_next_pool_has_another(
    make_envs: MakeEnvs, no_zygote: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    zygote = parent_of(fork_server(make_envs(1)))
    os.kill(zygote, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr("mk_lightning.envs.workers.handles.HANG_SECONDS", 0.4)
        with pytest.raises(Exception, match=rf"pid {zygote}\) did not answer for 0.4 s and was killed"):
            make_envs(1)
    assert parent_of(fork_server(make_envs(1))) not in (zygote, 1)


def test_one_that_is_slow_to_begin_does_not_hang(no_zygote: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """To load its code takes longer than an answer of a process that has loaded it may."""
    monkeypatch.setattr("mk_lightning.envs.workers.handles.HANG_SECONDS", 0.01)
    ours, theirs = socket.socketpair()
    assert _Zygote.running().fork(0, [theirs.fileno(), theirs.fileno()]) > 0
    ours.close()
    theirs.close()


def test_a_pool_finds_what_its_process_finds_by_then(
    make_envs: MakeEnvs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_envs(1)
    monkeypatch.chdir(tmp_path)
    pid = make_envs(1)._pool.pids[0]
    assert Path(f"/proc/{pid}/cwd").readlink() == tmp_path


def test_a_working_directory_that_is_gone_is_done_without(
    make_envs: MakeEnvs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    assert make_envs(1).reset(seed=0)[0].shape == (1, 84, 84)


def test_a_fork_of_the_process_has_its_own(make_envs: MakeEnvs) -> None:
    zygote = parent_of(fork_server(make_envs(1)))
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        try:
            envs = RetroVectorEnv("dojo", num_envs=1)
            os.write(writes, str(parent_of(fork_server(envs))).encode())
            envs.close()
        finally:
            os._exit(0)
    own = int(os.read(reads, 20))
    assert own != zygote
    os.waitpid(child, 0)
    os.close(reads)
    os.close(writes)
    assert left_over([own]) == []
    assert alive(zygote)


def test_pools_that_are_started_by_several_threads_at_once(make_envs: MakeEnvs, no_zygote: None) -> None:
    with ThreadPoolExecutor(4) as threads:
        pools = list(threads.map(lambda _: make_envs(2), range(8)))
    assert len({parent_of(fork_server(envs)) for envs in pools}) == 1
    assert len({pid for envs in pools for pid in envs._pool.pids}) == 16
    began = time.monotonic()
    for envs in pools:
        envs.close()
    assert time.monotonic() - began < 5
