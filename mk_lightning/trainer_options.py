"""Options of Lightning's Trainer that it does not check itself."""

from __future__ import annotations

import math
import re
from typing import Any

from mk_lightning.errors import UserError, check_at_least, check_between

MOST_DEVICES = 1024
"""Lightning starts as many processes on a CPU as it is told to."""


def check_trainer(options: Any) -> None:
    """See that the Trainer's numbers are in their ranges.

    Args:
        options: of the Trainer, by name, as the parser returns them.

    Raises:
        UserError: one is not.
    """
    clip = options.gradient_clip_val
    if clip is not None and not 0 <= clip < math.inf:
        raise UserError(f"trainer.gradient_clip_val must be 0 or more and finite, or null, got {clip}")
    if options.log_every_n_steps is not None:
        check_at_least("trainer.log_every_n_steps", options.log_every_n_steps, 0, "learner_steps")
    if options.check_val_every_n_epoch is not None:
        check_at_least("trainer.check_val_every_n_epoch", options.check_val_every_n_epoch, 1, "epoch")
    if re.fullmatch(r"[0-9]+", str(options.devices)):
        check_between("trainer.devices", int(options.devices), 1, MOST_DEVICES)
    check_at_least("trainer.accumulate_grad_batches", options.accumulate_grad_batches, 1, "batch")
