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

from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.envs.workers import forkers
from mk_lightning.envs.workers.forkers import FOR_THE_PARENT
from mk_lightning.utils.errors import WorkerError
from tests.envs.processes import alive, left_over, parent_of

MakeEnvs = Callable[..., RetroVectorEnv]

Parent = tuple["subprocess.Popen[str]", list[int]]

ROOT = Path(__file__).parents[2]

PARENT = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
for ignored in (signal.SIGHUP, signal.SIGQUIT):  # nohup and a job in the background hand on that they are, too
    signal.signal(ignored, signal.SIG_DFL)
if "torch" in sys.argv:
    import torch
from mk_lightning import RetroVectorEnv
envs = RetroVectorEnv("dojo", num_envs=2)
envs.reset(seed=0)
if "fork" in sys.argv and os.fork() == 0:  # a child that holds the parent's ends of the pipes open
    time.sleep(600)
print(*envs._pool.pids, flush=True)
while True:
    envs.step([1, 2])
"""


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
    code = (
        "import sys, mk_lightning.envs.workers.worker; assert not {'torch', 'pytorch_lightning'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("parent", [(), ("fork",)], indirect=True, ids=["alone", "with a fork"])
def test_a_killed_parent_leaves_no_orphans(parent: Parent) -> None:
    process, pids = parent
    fork_server = parent_of(pids[0])
    process.kill()
    process.wait()
    assert left_over([*pids, fork_server]) == []


def test_a_killed_parent_leaves_no_stopped_worker(parent: Parent) -> None:
    process, pids = parent
    fork_server = parent_of(pids[0])
    os.kill(pids[1], signal.SIGSTOP)
    process.kill()
    process.wait()
    assert left_over([*pids, fork_server]) == []


def test_ctrl_c_reaches_the_parent_alone(parent: Parent) -> None:
    process, pids = parent
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    _, errors = process.communicate(timeout=20)
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert left_over(pids) == []


@pytest.mark.parametrize("signum", FOR_THE_PARENT)
def test_a_signal_to_the_whole_group_ends_the_workers_with_their_parent(parent: Parent, signum: int) -> None:
    """And not before: one that lives through it still has them."""
    process, pids = parent
    for pid in (parent_of(pids[0]), *pids):
        os.kill(pid, signum)
    time.sleep(0.3)
    assert [pid for pid in pids if not alive(pid)] == []
    os.killpg(process.pid, signum)
    process.communicate(timeout=60)  # SIGQUIT leaves a core
    assert process.returncode == -signum
    assert left_over(pids) == []


def test_an_exception_in_a_worker_surfaces_with_its_text(make_envs: MakeEnvs) -> None:
    envs = make_envs(2)
    envs.reset(seed=0)
    with pytest.raises(WorkerError, match=r"worker 0 of 2 \(state .*\) failed: TypeError: .*set_states") as caught:
        envs._call("set_states")
    assert "Traceback" in str(caught.value.__cause__)


def test_a_worker_that_cannot_start_says_why(make_envs: MakeEnvs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forkers._Zygote, "_running", None)  # one that runs needs no interpreter any more
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
