"""The recording that a run needs of its base policy: what makes it that one, and how it is made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from mk_lightning.data.settings import ExperienceSettings
from mk_lightning.data.settings_checks import require_originals
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.base_dataset import Recording, fingerprint, record
from mk_lightning.experience.random_streams import RandomStream
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import check_directory
from mk_lightning.utils.ranks import Ranks

log = logging.getLogger(__name__)


def about_recording(data: ExperienceSettings, network: torch.nn.Module) -> dict[str, Any]:
    """What makes two recordings the same.

    Args:
        data: of the run.
        network: the base policy's Q-network.
    """
    return {
        "game": data.game.id,
        "states": list(data.state_groups.get("original", [])),
        "fighter": fingerprint(network),
        "env_steps": data.recording.env_steps,
        "epsilon": data.recording.epsilon,
        "reward_scale": data.reward_scale,
        "num_envs": data.env.num_envs,
        **data.env.episode_options,
        "seed": [data.seed if data.recording.folder is None else 0, 0],  # rank 0 records, for all
    }


def check_recording(data: ExperienceSettings, network: torch.nn.Module) -> None:
    """Check that a recording in a folder of its own can be made or used, before anything is started.

    Args:
        data: of the run.
        network: the base policy's Q-network, which the run starts from.

    Raises:
        UserError: there is another recording, or something else.
    """
    if data.recording.folder is not None:
        check_directory("RecordingSettings.folder", data.recording.folder)
        Recording.read(Path(data.recording.folder), about_recording(data, network))


def base_recording(
    data: ExperienceSettings,
    network: torch.nn.Module | None,
    folder: Path,
    ranks: Ranks,
    *,
    recorded: dict[str, Any] | None = None,
    told: Callable[[int, int], None] | None = None,
) -> Recording:
    """Read the recording of the base policy's play on the original states; if there is none, let it play.

    Rank 0 does so, and the others read what it has written: a recording is the same for any number of ranks.

    Args:
        data: of the run.
        network: the base policy's Q-network; None for a run that continues and no longer has it.
        folder: where the recording is kept.
        ranks: all of which call this.
        recorded: what a run that continues had recorded.
        told: how many env_steps are recorded, and of how many, as it goes on.

    Raises:
        UserError: there are no original states; the recording in the folder is another one or damaged; or it is gone,
            and with it the base policy.
        OSError: it cannot be written.
    """
    require_originals(data, "rehearsal")
    if (about := recorded) is None:
        assert network is not None
        about = about_recording(data, network)
    made: list[Recording] = []

    def make() -> None:
        made.append(_recording(data, network, folder, about, told, again=recorded is not None))

    ranks.first(make)
    if made:
        return made[0]
    read = Recording.load(folder, about, n_step=data.replay.n_step, gamma=data.replay.gamma)
    if read is None:
        raise UserError(f"rank {ranks.rank} cannot see {folder}, which rank 0 has written: ranks need a shared disk")
    return read


def _recording(
    data: ExperienceSettings,
    network: torch.nn.Module | None,
    folder: Path,
    about: dict[str, Any],
    told: Callable[[int, int], None] | None,
    *,
    again: bool,
) -> Recording:
    """Read a recording or make it; `again`, the run that continues has made it before."""
    try:
        recording = Recording.load(folder, about, n_step=data.replay.n_step, gamma=data.replay.gamma)
    except UserError:
        if not again or network is None:
            raise
        recording = None  # damaged, and the base policy is there to make the same one again
    if recording is not None:
        return recording
    if network is None:
        raise UserError(
            f"the run's recording of the base policy's play is not in {folder} any more; put it back, or start another "
            "fit from the checkpoint's weights with DuelingDoubleDQN.init_from"
        )
    settings = data.recording
    log.info(f"recording {settings.env_steps:,} env_steps of the base policy on {len(about['states'])} original states")
    # Not in the evaluation's environments, whose number may change nothing but its speed.
    with closing(RetroVectorEnv(data.game, about["states"], data.env)) as env:
        recording = record(
            env,
            network,
            env_steps=settings.env_steps,
            epsilon=settings.epsilon,
            reward_scale=data.reward_scale,
            n_step=data.replay.n_step,
            gamma=data.replay.gamma,
            seed=[*about["seed"], RandomStream.RECORDING],
            about=about,
            told=told,
        )
    recording.save(folder)
    log.info(f"recorded in {folder}")
    return recording
