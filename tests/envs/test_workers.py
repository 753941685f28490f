"""Processes: what they import, how they die and what becomes of them."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mk_lightning.envs import RetroVectorEnv, WorkerError

MakeEnvs = Callable[..., RetroVectorEnv]

Parent = tuple["subprocess.Popen[str]", list[int]]

ROOT = Path(__file__).parents[2]

PARENT = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
if "torch" in sys.argv:
    import torch
from mk_lightning.envs import RetroVectorEnv
envs = RetroVectorEnv("dojo", num_envs=2)
envs.reset(seed=0)
if "fork" in sys.argv and os.fork() == 0:  # a child that holds the parent's ends of the pipes open
    time.sleep(600)
print(*envs._pool.pids, flush=True)
while True:
    envs.step([1, 2])
"""


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def play_on(envs: RetroVectorEnv) -> None:
    for _ in range(3):
        envs.step([0] * envs.num_envs)


def left_over(pids: list[int], seconds: float = 10.0) -> list[int]:
    """Those that still run after so long; returns as soon as none does."""
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [pid for pid in pids if alive(pid)]


@pytest.fixture
def parent(request: pytest.FixtureRequest) -> Iterator[Parent]:
    """A process of its own with two workers, and their ids."""
    arguments = getattr(request, "param", ())
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    yield process, [int(pid) for pid in process.stdout.readline().split()]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("parent", [("torch",)], indirect=True)
def test_workers_import_no_torch_though_their_parent_did(
    parent: Parent,
) -> None:
    process, pids = parent
    assert "libtorch" in Path(f"/proc/{process.pid}/maps").read_text()
    for pid in pids:
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert "genesis_plus_gx" in maps
        assert "torch" not in maps
    code = "import sys, mk_lightning.envs.worker; assert not {'torch', 'pytorch_lightning'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("parent", [(), ("fork",)], indirect=True, ids=["alone", "with a fork"])
def test_a_killed_parent_leaves_no_orphans(parent: Parent) -> None:
    process, pids = parent
    process.kill()
    process.wait()
    assert left_over(pids) == []


def test_ctrl_c_reaches_the_parent_alone(parent: Parent) -> None:
    process, pids = parent
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    _, errors = process.communicate(timeout=20)
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert left_over(pids) == []


def test_a_dead_worker_is_named(make_envs: MakeEnvs, states: tuple[str, ...]) -> None:
    envs = make_envs(3)
    envs.reset(options={"states": [states[0], states[1], states[2]]})
    pids = envs._pool.pids
    os.kill(pids[1], signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises(WorkerError) as caught:
        play_on(envs)
    assert time.monotonic() - begin < 2
    assert str(caught.value) == (f"worker 1 of 3 (state {states[1]}, pid {pids[1]}) died with exit code -9 (SIGKILL)")
    assert left_over(pids) == []  # the others were ended with it
    with pytest.raises(RuntimeError, match="closed"):
        envs.step([0, 0, 0])


def test_an_exception_in_a_worker_surfaces_with_its_text(make_envs: MakeEnvs) -> None:
    envs = make_envs(2)
    envs.reset(seed=0)
    with pytest.raises(WorkerError, match=r"worker 0 of 2 \(state .*\) failed: TypeError: .*set_states") as caught:
        envs._call("set_states")
    assert "Traceback" in str(caught.value.__cause__)


def test_a_worker_that_cannot_start_says_why(make_envs: MakeEnvs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(WorkerError, match=r"worker 0 of 2 \(state none yet, pid \d+\) died with exit code 1"):
        make_envs(2)


def test_files_in_the_working_directory_are_not_mistaken_for_modules(
    make_envs: MakeEnvs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cv2.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    frames, _ = make_envs(1).reset()
    assert frames.shape == (1, 84, 84)


def test_closing_ends_the_workers_and_nothing_leaks() -> None:
    RetroVectorEnv("dojo", num_envs=1).close()  # whatever is opened once for all
    gc.collect()  # what other tests left
    descriptors = {file.name for file in Path("/proc/self/fd").iterdir()}
    envs = RetroVectorEnv("dojo", num_envs=2)
    pids = envs._pool.pids
    envs.reset(seed=0)
    envs.send([0, 0])  # even in the middle of a step
    envs.close()
    assert not any(alive(pid) for pid in pids)
    del envs  # the shared memory goes with its last user
    assert {file.name for file in Path("/proc/self/fd").iterdir()} == descriptors


def test_workers_end_when_the_environment_is_forgotten() -> None:
    envs = RetroVectorEnv("dojo", num_envs=1)
    pids = envs._pool.pids
    del envs
    assert left_over(pids) == []


def test_workers_have_random_streams_of_their_own(make_envs: MakeEnvs) -> None:
    envs = make_envs(4)
    envs.reset()  # without a seed
    streams = {str(captured["env"]["random"]) for captured in envs.capture()}
    assert len(streams) == 4


def test_a_killed_nursery_takes_its_workers_with_it(make_envs: MakeEnvs) -> None:
    envs = make_envs(2)
    envs.reset(seed=0)
    pids = envs._pool.pids
    nursery = int(Path(f"/proc/{pids[0]}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(nursery, signal.SIGKILL)
    assert left_over(pids) == []
    with pytest.raises(WorkerError, match="died with the process that it was forked from"):
        play_on(envs)
