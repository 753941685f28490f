"""Workers that are killed or hang are replaced, and nobody sees a difference."""

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.envs.workers import handles as process
from mk_lightning.envs.workers import pool
from mk_lightning.utils.errors import WorkerError
from tests.envs.processes import Killer, alive, left_over, parent_of

MakeEnvs = Callable[..., RetroVectorEnv]
Disturb = Callable[[], None]

ROUNDS = 16
"""Of the script, which does everything once in eight."""
LENGTH = 12
"""Of the matches, env_steps: so every third round of the script begins some."""
SHORT: dict[str, Any] = {"frame_skip": 2, "max_noops": 4, "max_env_steps": LENGTH}


def undisturbed() -> None:
    pass


def seen(envs: RetroVectorEnv, indices: Any = None) -> list[Any]:
    """Take a step's results, and all else that can be read after it."""
    arrays = [array.tobytes() for array in envs.recv(indices)]
    variables = {name: values.tolist() for name, values in envs.variables().items()}
    return [arrays, variables, envs.states(), envs.finished()]


def present(envs: RetroVectorEnv) -> list[Any]:
    """What is captured, but for the emulator: its bytes hold addresses. It shows in what is played next."""
    return [{**one, "env": {**one["env"], "emulator": b""}} for one in envs.capture()]


def play(envs: RetroVectorEnv, states: tuple[str, ...], rounds: int, disturb: Disturb = undisturbed) -> list[Any]:
    """Use everything that an environment has to offer; `disturb` is called in between and in the middle of steps."""
    rng = np.random.default_rng(0)
    first, second = [2, 0], [1]
    tape: list[Any] = []
    disturb()
    tape.append(envs.reset(seed=3)[0].tobytes())
    captured = envs.capture()
    for number in range(rounds):
        for _ in range(4):
            actions = rng.integers(0, 26, 3)
            disturb()
            envs.send(actions[:2], first)
            envs.send(actions[2:], second)
            disturb()
            envs.recv(first)  # what the second reads may be written to meanwhile
            tape.append(seen(envs, second))
        disturb()
        match number % 8:
            case 0:
                envs.set_states({states[number % 5]: 1, states[5]: 2})
            case 2:
                tape.append(envs.reset_envs([0], seeds=[number], states=[states[6]]).tobytes())
            case 3:
                tape.append(envs.reset_envs([1, 0]).tobytes())
            case 4:
                captured = envs.capture()
            case 5:
                envs.restore(captured)  # one that has gone on to play is not the one that will be restored
                envs.set_states({states[1]: 1, states[7]: 1})
            case 6:
                tape.append(envs.reset_envs([2], seeds=[None], states=[states[2]]).tobytes())
        disturb()
        tape.append(present(envs))
    return tape


@pytest.fixture(scope="module")
def expected(game: Any, states: tuple[str, ...]) -> Iterator[list[Any]]:
    """The tape of the undisturbed run."""
    envs = RetroVectorEnv(game, "VeryEasy.*", EnvConfig(num_envs=3, **SHORT))
    yield play(envs, states, rounds=ROUNDS)
    assert envs.restarts == 0
    envs.close()


@pytest.mark.parametrize("seed", range(2))
def test_a_run_with_kills_at_chosen_moments_is_the_same_run(
    make_envs: MakeEnvs, states: tuple[str, ...], expected: list[Any], seed: int
) -> None:
    """Between steps, in steps, before calls, once and several at once, also before the first reset."""
    envs = make_envs(3, **SHORT)
    killer, rng = Killer(envs), np.random.default_rng(seed)

    def disturb() -> None:
        if rng.random() < 0.12 or not killer.pids:
            time.sleep(rng.uniform(0, 0.001))
            for index in rng.permutation(3)[: rng.choice([1, 1, 2, 3])]:
                killer.kill(index)

    assert play(envs, states, ROUNDS, disturb) == expected
    assert envs.restarts == len(killer.pids) > 20
    assert left_over(killer.pids, 0) == []


def test_a_run_with_kills_at_any_moment_is_the_same_run(
    make_envs: MakeEnvs, states: tuple[str, ...], expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In calls, in resets and in matches that are played again, too."""
    monkeypatch.setattr(pool, "DEATHS_AT_ONE_POINT", 1_000)  # some will be, at this rate
    monkeypatch.setattr(pool, "DEATHS_IN_A_ROW", 1_000)
    envs = make_envs(3, **SHORT)
    killer, rng, over = Killer(envs), np.random.default_rng(0), threading.Event()

    def keep_killing() -> None:
        while not over.wait(rng.exponential(0.02)):
            killer.kill(int(rng.integers(3)))

    thread = threading.Thread(target=keep_killing)
    thread.start()
    try:
        played = play(envs, states, ROUNDS)
    finally:
        over.set()
        thread.join()
    envs.capture()  # notices the last ones
    assert played == expected
    assert envs.restarts == len(killer.pids) > 20


@pytest.mark.parametrize("meanwhile", ["kill", "Ctrl-C"])
def test_a_long_match_is_played_again_whatever_happens_meanwhile(
    make_envs: MakeEnvs, caplog: pytest.LogCaptureFixture, meanwhile: str
) -> None:
    envs, other = make_envs(2), make_envs(2)
    actions = np.random.default_rng(0).integers(0, 26, (260, 2))
    for each in (envs, other):
        each.reset(seed=8)
        for row in actions[:250]:
            each.step(row)
    killer = Killer(envs)
    killer.kill(1)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    def disturb_the_next() -> None:
        while envs._pool.pids[1] in killer.pids:
            time.sleep(0.001)
        while not 20 < envs._arrays["episode_env_steps"][1] < 200:
            time.sleep(0.001)
        if meanwhile == "kill":
            killer.kill(1)
        else:
            killer.pids.append(envs._pool.pids[1])
            os.kill(os.getpid(), signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, interrupt)  # SIGINT may be ignored where tests run
    thread = threading.Thread(target=disturb_the_next)
    thread.start()
    for number, row in enumerate(actions[250:]):
        envs.send(row)
        other.send(row)
        if meanwhile == "Ctrl-C" and number == 0:
            with pytest.raises(KeyboardInterrupt):
                envs.recv()
        assert seen(envs) == seen(other)
    thread.join()
    signal.signal(signal.SIGALRM, before)
    assert present(envs) == present(other)
    said = (
        f"worker 1 of 2 (state {envs.states()[1]}, pid %d) died with exit code -9 (SIGKILL); pid %d plays 250 env_steps"
    )
    for record, old, new in zip(caplog.records, killer.pids, [killer.pids[1], envs._pool.pids[1]], strict=True):
        assert record.getMessage() == f"{said % (old, new)} again"


def test_ctrl_c_in_a_call_leaves_no_answer_behind(make_envs: MakeEnvs) -> None:
    envs, other = make_envs(3), make_envs(3)
    for each in (envs, other):
        each.reset(seed=2)
    stopped = envs._pool.pids[1]

    def interrupt(*_: Any) -> None:
        os.kill(stopped, signal.SIGCONT)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    os.kill(stopped, signal.SIGSTOP)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with pytest.raises(KeyboardInterrupt):
        envs.capture()
    signal.signal(signal.SIGALRM, before)
    for each in (envs, other):
        each.send([1, 2, 3])
    assert seen(envs) == seen(other)
    assert present(envs) == present(other)


def test_streams_without_a_seed_survive_too(make_envs: MakeEnvs) -> None:
    """Also those of environments that were never reset."""
    envs = make_envs(2)
    before = present(envs)
    Killer(envs).kill(0)
    assert present(envs) == before
    first, _ = envs.reset()
    envs.step([1, 2])
    captured = envs.capture()
    Killer(envs).kill(1)
    again, _ = envs.reset()
    envs.restore(captured)
    assert envs.reset()[0].tobytes() == again.tobytes() != first.tobytes()
    assert envs.restarts == 2


@pytest.mark.parametrize("moment", ["idle", "step", "call"])
def test_a_stopped_worker_is_noticed_in_time(
    make_envs: MakeEnvs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, moment: str
) -> None:
    monkeypatch.setattr(process, "HANG_SECONDS", 0.4)
    envs, other = make_envs(2, max_env_steps=20), make_envs(2, max_env_steps=20)
    for each in (envs, other):
        each.reset(seed=1)
        for _ in range(5):
            each.step([3, 4])
    captured = other.capture()
    pid = envs._pool.pids[0]
    begin = time.monotonic()
    if moment == "step":
        envs.send([1, 2])
    os.kill(pid, signal.SIGSTOP)
    if moment == "call":
        envs.restore([{**one, "unused": bytes(10**6)} for one in captured])  # more than a pipe holds
    if moment != "step":
        envs.send([1, 2])
    other.send([1, 2])
    assert seen(envs) == seen(other)
    assert 0.3 < time.monotonic() - begin < 3 or moment == "step"  # it may have stepped before it was stopped
    assert present(envs) == present(other)
    (message,) = (record.getMessage() for record in caplog.records)
    assert f"pid {pid}) did not answer for 0.4 s and was killed; pid " in message
    assert not alive(pid)


def test_a_worker_that_dies_again_and_again_stops_the_run(make_envs: MakeEnvs, states: tuple[str, ...]) -> None:
    envs = make_envs(3)
    envs.reset(options={"states": list(states[:3])})
    killer = Killer(envs)

    class KillTheReplacement(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            killer.kill(1)

    handler, pids = KillTheReplacement(), envs._pool.pids
    logging.getLogger("mk_lightning.envs.workers.pool").addHandler(handler)
    try:
        envs.step([0, 0, 0])
        killer.kill(1)
        with pytest.raises(WorkerError) as caught:
            envs.step([0, 0, 0])
    finally:
        logging.getLogger("mk_lightning.envs.workers.pool").removeHandler(handler)
    died = (
        f"worker 1 of 3 (state {states[1]}, pid {killer.pids[-1]}) died with exit code -9 (SIGKILL), 4 times in a row"
    )
    assert str(caught.value) == died
    assert envs.restarts == 3  # the first died in the second env_step, each of these before it had begun the match
    assert left_over([*pids, *killer.pids], 0) == []  # the others were ended with it
    with pytest.raises(ClosedEnvironmentError, match="closed"):
        envs.step([0, 0, 0])


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_nursery_is_replaced_like_its_workers(
    make_envs: MakeEnvs, states: tuple[str, ...], expected: list[Any], monkeypatch: pytest.MonkeyPatch, end: int
) -> None:
    monkeypatch.setattr(process, "HANG_SECONDS", 2.0)
    monkeypatch.setattr(process, "SECONDS_TO_END", 0.5)
    envs = make_envs(3, **SHORT)
    pids, fork_server = envs._pool.pids, parent_of(envs._pool.pids[0])
    calls = 0

    def disturb() -> None:
        nonlocal calls
        calls += 1
        if calls == 40:
            os.kill(fork_server, end)
            os.kill(pids[1], signal.SIGKILL)
            if end == signal.SIGKILL:
                assert left_over(pids) == []

    assert play(envs, states, ROUNDS, disturb) == expected
    time.sleep(1.1)  # until the last workers of a stopped fork server have noticed that it was killed
    envs.capture()
    assert envs.restarts == 3
    assert left_over([fork_server, *pids]) == []
    assert len({parent_of(pid) for pid in envs._pool.pids}) == 1


def test_nothing_leaks_however_many_were_replaced() -> None:
    RetroVectorEnv("dojo", num_envs=1).close()  # whatever is opened once for all
    gc.collect()  # what other tests left
    descriptors = {file.name for file in Path("/proc/self/fd").iterdir()}
    envs = RetroVectorEnv("dojo", num_envs=2)
    envs.reset(seed=0)
    in_use = len(list(Path("/proc/self/fd").iterdir()))
    killer, fork_server = Killer(envs), parent_of(envs._pool.pids[0])
    in_fork_server = len(list(Path(f"/proc/{fork_server}/fd").iterdir()))
    in_worker = len(list(Path(f"/proc/{envs._pool.pids[0]}/fd").iterdir()))
    for number in range(10):
        killer.kill(number % 2)
        envs.step([0, 0])
    assert len(list(Path("/proc/self/fd").iterdir())) == in_use
    assert len(list(Path(f"/proc/{fork_server}/fd").iterdir())) == in_fork_server
    for pid in envs._pool.pids:
        assert len(list(Path(f"/proc/{pid}/fd").iterdir())) == in_worker
    pids = envs._pool.pids
    Killer(envs).kill(0)
    envs.close()  # before that was noticed
    assert left_over([*pids, *killer.pids, fork_server], 0) == []
    del envs, killer
    assert {file.name for file in Path("/proc/self/fd").iterdir()} == descriptors
