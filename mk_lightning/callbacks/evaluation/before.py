"""The matches before a fit, which a resumed run does not play again."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path

from mk_lightning.callbacks.checkpoints.resumable import BEFORE
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.evaluation.evaluation import Evaluation, write_matches
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import write_text

AS_IT_WAS = "a run is resumed with the evaluation it had; test its checkpoint for another"

log = logging.getLogger(__name__)

MOST_BYTES = 2**30
"""Of the file, unpacked."""


def restore_before(path: Path, checkpoint: Path, data: ExperienceDataModule) -> None:
    """Give a resumed run its `before.json` and `before.csv` back, from the checkpoint where they are lost.

    Args:
        path: of the file.
        checkpoint: that the run goes on from.
        data: of the run.

    Raises:
        UserError: neither can be read, or the matches after the fit would be others; told now and not when training
            is over.
    """
    try:
        evaluation = Evaluation.read(path)
    except UserError as error:
        packed = read_checkpoint(checkpoint).get(BEFORE)
        if not isinstance(packed, bytes):
            raise
        try:
            text = zlib.decompressobj().decompress(packed, MOST_BYTES).decode()
        except (zlib.error, UnicodeDecodeError):
            raise error from None
        log.warning(f"{error}; it is restored from {checkpoint}")
        write_text(path, text)
        evaluation = Evaluation.read(path)
    _check_same_matches(evaluation, path, data)
    if not (matches := path.with_suffix(".csv")).is_file():
        write_matches(matches, evaluation.matches)


def _check_same_matches(before: Evaluation, path: Path, data: ExperienceDataModule) -> None:
    """Check that the matches after the fit will be those before it, or nothing could be compared."""
    pairs: list[tuple[str, object, object]] = [
        (f"data.env.{name}", before.env.get(name), value) for name, value in data.env.episode_kwargs.items()
    ]
    pairs.append(("data.evaluation.epsilon", before.epsilon, data.evaluation.epsilon))
    for name, had, has in pairs:
        if had != has:
            raise UserError(f"{name} was {had} in the matches before the fit ({path}), now it is {has}: {AS_IT_WAS}")
    if sorted((m.state, m.seed) for m in before.matches) != sorted((s.state, s.seed) for s in data.test_specs()):
        raise UserError(
            f"the matches before the fit ({path}) are not those of this config's data.evaluation (test_matches, "
            f"test_seed, mixed): {AS_IT_WAS}"
        )
