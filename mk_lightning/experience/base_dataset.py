"""What the base policy did and thought on the states it knows: recorded once, before training, and kept on disk.

Rehearsal draws transitions from it, cloning its Q-values, elastic weight consolidation its observations.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mk_lightning.envs.config import with_default_reward
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.collector import Collector
from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.experience.replay import NO_ACTION, Replay, least_capacity
from mk_lightning.experience.segments import Segments, check_segments
from mk_lightning.experience.transition import Transition
from mk_lightning.schedules import Constant
from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.tensor_files import read_tensors, write_tensors

FILE = "recording.pt"
BATCH = 256
"""Observations per forward pass when Q-values are computed."""


@dataclass(frozen=True)
class RecordedBatch:
    """B drawn env_steps of a recording."""

    transition: Transition
    q_values: torch.Tensor
    """The base policy's Q-values of `transition.s_tm1`, (B, actions) float32, learning units."""


class Recording:
    """A replay that nothing is added to any more, and the base policy's Q-values beside it.

    Args:
        replay: the rows.
        q_values: (rows, num_envs, actions) float32.
        about: what was recorded, plain Python: two recordings with the same are the same.
    """

    def __init__(self, replay: Replay, q_values: NDArray[np.float32], about: dict[str, Any]) -> None:
        self.replay = replay
        self.q_values = q_values
        self.about = about
        self.indices = _sampleable(replay)
        """(K,) int64, every transition that can be drawn, oldest first; numbered as in `Replay`."""

    def batch(self, indices: NDArray[np.int64]) -> RecordedBatch:
        """The transitions that start at `indices`, with their Q-values."""
        rows, envs = np.divmod(indices, self.replay.num_envs)
        return RecordedBatch(self.replay.gather(indices), torch.from_numpy(self.q_values[rows, envs]))

    def save(self, folder: Path) -> None:
        """Write it to `folder`; the file that names the others comes last, so half a recording is none."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "about": self.about,
            "segments": Segments(folder).save(self.replay),
            "replay": self.replay.state_dict(),
            "q_values": torch.from_numpy(self.q_values),
        }
        write_tensors(content, folder / FILE)

    @classmethod
    def read(cls, folder: Path, about: dict[str, Any]) -> dict[str, Any] | None:
        """Read all but the rows, or return None if there is nothing.

        Args:
            folder: where it is.
            about: what is wanted.

        Raises:
            UserError: it is damaged, or another recording.
        """
        if not (folder / FILE).is_file():
            return None
        content = read_tensors(folder / FILE, "recording")
        seen = content.get("about") if isinstance(content, dict) else None
        if not isinstance(seen, dict):
            raise UserError(f"{folder / FILE} is not a readable recording: it does not say what of")
        theirs = with_default_reward(seen)
        for name, value in with_default_reward(about).items():
            if theirs.get(name) != value:
                raise UserError(
                    f"{folder} holds another recording ({name}: {shortened(theirs.get(name))}, this run's "
                    f"{shortened(value)}); remove it or set RecordingSettings.folder to another"
                )
        shape = content["replay"].get("shape") if isinstance(content.get("replay"), dict) else None
        q_values = content.get("q_values")
        if not isinstance(q_values, torch.Tensor) or q_values.ndim != 3 or list(q_values.shape[:2]) != shape:
            raise UserError(f"{folder / FILE} is not a readable recording: its parts do not fit each other")
        check_segments(content.get("segments"))
        return dict(content)

    @classmethod
    def load(cls, folder: Path, about: dict[str, Any], *, n_step: int, gamma: float) -> Recording | None:
        """Read what `save` wrote, or return None if there is nothing.

        Args:
            folder: where it is.
            about: what is wanted.
            n_step: env_steps that a transition spans; it may be another than when it was recorded.
            gamma: discount per env_step.

        Raises:
            UserError: a file is missing or damaged, or it is another recording.
        """
        content = cls.read(folder, about)
        if content is None:
            return None
        rows, num_envs = content["replay"]["shape"]
        replay = Replay(rows * num_envs, num_envs, n_step=n_step, gamma=gamma)
        replay.load_state_dict(content["replay"])
        Segments(folder).load(replay, content["segments"])
        return cls(replay, content["q_values"].numpy(), content["about"])


class Rehearsal:
    """A stream of draws from a recording, uniform and with replacement.

    Args:
        recording: what is drawn from; several streams may share one.
        seed: of this stream.
    """

    def __init__(self, recording: Recording, seed: list[int]) -> None:
        self.recording = recording
        self._rng = np.random.default_rng(seed)

    def sample(self, count: int) -> RecordedBatch:
        """Draw `count` env_steps."""
        return self.recording.batch(self._rng.choice(self.recording.indices, count))

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands."""
        return {"rng": self._rng.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        self._rng.bit_generator.state = state["rng"]


def record(
    env: RetroVectorEnv,
    network: torch.nn.Module,
    *,
    env_steps: int,
    epsilon: float,
    reward_scale: float,
    n_step: int,
    gamma: float,
    seed: list[int],
    about: dict[str, Any],
    told: Callable[[int, int], None] | None = None,
) -> Recording:
    """Let the network play, epsilon-greedily, in the states that `env` draws.

    Args:
        env: whatever it was playing is abandoned.
        network: the base policy's Q-network.
        env_steps: how many to record, all environments together; rounded down to whole vector env_steps.
        epsilon: probability of a random action: what the base sees after a slip is worth remembering, too.
        reward_scale: game units per learning unit.
        n_step: env_steps that a transition spans.
        gamma: discount per env_step.
        seed: of the play.
        about: kept with the recording.
        told: how many env_steps are recorded, and of how many, as it goes on.
    """
    replay = Replay(max(env_steps, least_capacity(env.num_envs, n_step)), env.num_envs, n_step=n_step, gamma=gamma)
    collector = Collector(
        env, replay, GreedyPolicy(network), epsilon=Constant(epsilon), reward_scale=reward_scale, seed=seed
    )
    while missing := replay.rows - replay.added:
        collector.collect(min(BATCH, missing))
        if told is not None:
            told(collector.env_steps, replay.rows * replay.num_envs)
    return Recording(replay, _q_values(replay, network), about)


def fingerprint(network: torch.nn.Module) -> int:
    """A checksum of a network's parameters, to tell whose play was recorded."""
    crc = 0
    for parameter in network.parameters():
        # NumPy has no bfloat16; float32 holds each of its numbers.
        crc = zlib.crc32(parameter.detach().float().cpu().contiguous().numpy().tobytes(), crc)
    return crc


def _sampleable(replay: Replay) -> NDArray[np.int64]:
    window = replay.sampleable()
    rows = np.repeat(np.arange(window.start, window.stop), replay.num_envs)
    envs = np.tile(np.arange(replay.num_envs), len(window))
    acted = replay.outcomes[rows % replay.rows, envs] != NO_ACTION
    indices: NDArray[np.int64] = (rows * replay.num_envs + envs)[acted]
    return indices


@torch.inference_mode()
def _q_values(replay: Replay, network: torch.nn.Module) -> NDArray[np.float32]:
    """(rows, num_envs, actions) float32; zeros where nothing can be drawn."""
    device = next(network.parameters()).device
    indices, found = _sampleable(replay), []
    for start in range(0, len(indices), BATCH):
        observations = replay.gather(indices[start : start + BATCH]).s_tm1.to(device)
        found.append(network(observations).float().cpu().numpy())
    values = np.concatenate(found)
    table = np.zeros((replay.rows, replay.num_envs, values.shape[1]), np.float32)
    rows, envs = np.divmod(indices, replay.num_envs)
    table[rows, envs] = values
    return table
