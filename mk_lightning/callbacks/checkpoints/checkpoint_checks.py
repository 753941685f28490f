"""Whether the checkpoint of `--ckpt_path` fits the run, asked before anything is started or written."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytorch_lightning import Callback

from mk_lightning.callbacks.methods.base import FineTuningMethod, lacking_methods
from mk_lightning.data.fit_folder import source_of
from mk_lightning.data.resume_checks import check_resumable
from mk_lightning.experience.base_dataset import Recording, fingerprint
from mk_lightning.learning.averaging import check_resumed_averaging
from mk_lightning.learning.early_stopping import check_resumed_stopping
from mk_lightning.learning.optimizer import check_resumed_optimizer, only_optimizer
from mk_lightning.networks.checkpoint import compare_weights, load_matching, read_checkpoint
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.run_files import RECORDING

if TYPE_CHECKING:
    from mk_lightning.data.datamodule import ExperienceDataModule
    from mk_lightning.learning.module import DuelingDoubleDQN

log = logging.getLogger(__name__)


def check_checkpoint(
    path: Path, model: DuelingDoubleDQN, data: ExperienceDataModule, callbacks: Sequence[Callback], *, resumed: bool
) -> None:
    """Check that a checkpoint fits the network and, if a fit is to be resumed, the data and the methods.

    Args:
        path: of the checkpoint.
        model: of this run.
        data: of this run.
        callbacks: of this run.
        resumed: a fit goes on from it; otherwise only its weights are used.

    Raises:
        UserError: it does not; the message says where.
    """
    checkpoint = read_checkpoint(path)
    if resumed:
        if lacking := lacking_methods(callbacks, checkpoint):
            log.warning(f"{path} has {', '.join(lacking)}, this config has not: the run goes on without")
        check_resumable(data, checkpoint.get(type(data).__qualname__))
        check_resumed_averaging(callbacks, checkpoint)
        check_resumed_stopping(callbacks, checkpoint)
        for callback in callbacks:
            if isinstance(callback, FineTuningMethod):
                callback.check_resumed(checkpoint)
    model.on_load_checkpoint(checkpoint)
    report = compare_weights(model.state_dict(), checkpoint["state_dict"])
    if not report.complete:
        raise UserError(f"{path} does not fit the network ({report})")
    if resumed:
        check_resumed_optimizer(only_optimizer(model.configure_optimizers(), type(model).__name__), checkpoint)


def find_base(
    path: Path, model: DuelingDoubleDQN, data: ExperienceDataModule, state: Mapping[str, Any], init_from: str | None
) -> None:
    """Give a fit that goes on its base policy, if the recording of its play is lost and it is still there.

    Args:
        path: of the checkpoint.
        model: of this run.
        data: of this run; gets the network.
        state: the DataModule's, in the checkpoint.
        init_from: the checkpoint that the run began with.
    """
    recorded = state.get("recorded")
    if not isinstance(recorded, Mapping):
        return
    source = source_of(state, path)
    own = source.path(RECORDING) if source is not None else path.parent / RECORDING
    folder = Path(data.recording.folder) if data.recording.folder else own
    try:
        kept = Recording.load(folder, dict(recorded), n_step=data.replay.n_step, gamma=data.replay.gamma)
    except UserError:
        kept = None
    if kept is not None or init_from is None:
        return
    network = copy.deepcopy(model.online)
    try:
        complete = load_matching(network, read_checkpoint(init_from, data.reward_scale)["state_dict"]).complete
    except UserError:
        return
    if complete and fingerprint(network) == recorded.get("fighter"):
        log.warning(f"the recording of the base policy's play in {folder} is lost; {init_from} is recorded again")
        data.base_network = network
