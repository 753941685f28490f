"""Stopping and continuing exactly."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.vector_env import RetroVectorEnv

MakeEnv = Callable[..., FightingEnv]
MakeEnvs = Callable[..., RetroVectorEnv]


def play(env: FightingEnv, n_steps: int, seed: int) -> list[Any]:
    """Play random actions, resetting unseeded after matches, and return all that was seen."""
    tape: list[Any] = []
    for action in np.random.default_rng(seed).integers(0, 26, n_steps):
        frame, *rest = env.step(int(action))
        tape.append((frame.tobytes(), *rest))
        if env.over:
            frame, info = env.reset()
            tape.append((frame.tobytes(), info))
    return tape


def play_all(envs: RetroVectorEnv, n_steps: int, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    tape: list[Any] = []
    for _ in range(n_steps):
        envs.send(rng.integers(0, 26, envs.num_envs))
        tape.append([array.tobytes() for array in envs.recv()])
        tape.append({name: values.tolist() for name, values in envs.variables().items()})
        tape.append(envs.finished())
    return tape


def test_a_restored_match_continues_bit_for_bit(make_env: MakeEnv) -> None:
    env = make_env(max_env_steps=60)  # several matches end on the way, so random streams count, too
    env.reset(seed=3)
    play(env, 25, seed=0)
    captured = env.capture()
    expected = play(env, 130, seed=1)
    play(env, 17, seed=2)
    env.restore(captured)
    assert play(env, 130, seed=1) == expected


def test_another_process_continues_bit_for_bit(make_env: MakeEnv, tmp_path: Path) -> None:
    env = make_env(max_env_steps=60)
    env.reset(seed=3)
    play(env, 25, seed=0)
    file = tmp_path / "captured"
    file.write_bytes(pickle.dumps(env.capture()))
    expected = play(env, 130, seed=1)
    script = (
        "import pickle, sys; from mk_lightning import EnvConfig, FightingEnv\n"
        "from tests.envs.test_capture import play\n"
        "env = FightingEnv('dojo', config=EnvConfig(max_env_steps=60))\n"
        f"env.restore(pickle.loads(open({str(file)!r}, 'rb').read()))\n"
        "sys.stdout.buffer.write(pickle.dumps(play(env, 130, seed=1)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, check=True)
    assert pickle.loads(done.stdout) == expected


def test_weights_of_states_are_captured(make_env: MakeEnv, states: tuple[str, ...]) -> None:
    env = make_env({states[4]: 1})
    captured = env.capture()  # before any reset
    env.set_states({states[1]: 1})
    env.restore(captured)
    assert env.over
    assert env.reset()[1]["state"] == states[4]


def test_what_does_not_fit_is_refused(env: FightingEnv) -> None:
    captured = env.capture()
    with pytest.raises(ValueError, match="captured from Other-v0, this environment plays Dojo-Genesis-v0"):
        env.restore({**captured, "game": "Other-v0"})
    with pytest.raises(ValueError, match="format 99"):
        env.restore({**captured, "format": 99})


def test_vector_environments_continue_bit_for_bit(make_envs: MakeEnvs, tmp_path: Path) -> None:
    """Through a weights-only checkpoint, in other workers, with matches ending around the moment of the capture."""
    envs = make_envs(3, max_env_steps=20)
    envs.reset(seed=1)
    play_all(envs, 20, seed=0)
    truncated = [result.truncated for result in envs.finished()]
    assert truncated == [True] * 3  # the next step of each begins a match
    file = tmp_path / "captured.pt"
    torch.save(envs.capture(), file)
    expected = play_all(envs, 45, seed=1)

    other = make_envs(3, max_env_steps=20)
    other.restore(torch.load(file, weights_only=True))
    assert [result.truncated for result in other.finished()] == truncated
    assert play_all(other, 45, seed=1) == expected
    envs.restore(torch.load(file, weights_only=True))
    assert play_all(envs, 45, seed=1) == expected
    with pytest.raises(ValueError, match="captured from 2 environments, but num_envs is 3"):
        envs.restore(envs.capture()[:2])


def test_a_capture_is_small(make_envs: MakeEnvs) -> None:
    envs = make_envs(1)
    envs.reset(seed=0)
    # of 1 MB. Not exactly the same each time: behind the state itself the emulator hands out its memory as it finds it
    assert len(pickle.dumps(envs.capture())) < 100_000
