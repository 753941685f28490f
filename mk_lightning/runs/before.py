"""The matches before a fit, which a resumed run does not play again."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path

from mk_lightning.errors import UserError
from mk_lightning.evaluation.evaluation import Evaluation, write_matches
from mk_lightning.files import write_text
from mk_lightning.learning.checkpoint import read_checkpoint
from mk_lightning.runs.run_checkpoint import BEFORE

log = logging.getLogger(__name__)

MOST_BYTES = 2**30
"""Of the file, unpacked."""


def restore_before(path: Path, checkpoint: Path) -> None:
    """Give a resumed run its `before.json` and `before.csv` back, from the checkpoint where they are lost.

    Args:
        path: of the file.
        checkpoint: that the run goes on from.

    Raises:
        UserError: neither can be read, told now and not when training is over.
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
    if not (matches := path.with_suffix(".csv")).is_file():
        write_matches(matches, evaluation.matches)
