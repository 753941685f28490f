"""Two moments at which a checkpoint can be taken that Lightning (2.6) does not resume from as it should."""

from __future__ import annotations

from typing import Any


def patch_loop_progress(checkpoint: dict[str, Any]) -> None:
    """Let a fit go on from where its checkpoint was taken; any other checkpoint stays as it is.

    - Before the first batch. Lightning would skip a validation and count a learner_step too many; without its loops'
      state, which says nothing yet, a fit simply begins.
    - On the last batch of an epoch, in `on_train_batch_end`. Lightning would take the epoch for one whose validation
      is over. With the batch counted as done and a validation as begun, it plays that.

    Args:
        checkpoint: as it was saved; is changed in place.
    """
    loop = checkpoint.get("loops", {}).get("fit_loop")
    if loop is None:
        return
    batches, matches = loop["epoch_loop.batch_progress"], loop["epoch_loop.val_loop.batch_progress"]
    total = batches["total"]
    if total["ready"] == 0:
        del checkpoint["loops"]
    elif batches["is_last_batch"] and total["completed"] == total["processed"] - 1:
        for counts in (total, batches["current"]):
            counts["completed"] += 1
        matches["is_last_batch"] = False
        matches["current"] = dict.fromkeys(matches["current"], 0)
        matches["total"] = dict.fromkeys(matches["total"], 0) | {"ready": 1, "started": 1}
