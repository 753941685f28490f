"""Callbacks: one notes on every rank what must be equal on all and what must not be; others hold one rank up."""

from __future__ import annotations

import json
import math
import time
import zlib
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, Trainer

from mk_lightning.data.fit_folder import run_folder
from mk_lightning.experience.base_dataset import fingerprint
from mk_lightning.experience.transition import Batch


class Watch(Callback):
    """Writes `rank-N.jsonl` into the run's directory, a line per batch."""

    path = Path()

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Find the directory."""
        self.path = run_folder(trainer) / f"rank-{trainer.global_rank}.jsonl"

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Note the batch."""
        noted = {
            "step": trainer.global_step,
            "env_steps": batch.env_steps,
            "online": fingerprint(pl_module.online),
            "target": fingerprint(pl_module.target),
            "finished": [list(result) for result in batch.finished],
            "stats": batch.stats,
            "drawn": zlib.crc32(batch.transition.s_tm1.numpy().tobytes()),
        }
        with self.path.open("a") as file:
            file.write(json.dumps(noted) + "\n")


class Poison(Callback):
    """Spoils the batch of learner_step 3 on rank 1."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Batch, batch_idx: int) -> None:
        """Give its transitions weights that are not numbers."""
        if trainer.global_rank == 1 and trainer.global_step == 3:
            batch.weights.fill_(math.nan)


class Late(Callback):
    """Lets rank 0 be first when a checkpoint is loaded."""

    def on_load_checkpoint(self, trainer: Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Wait, on every other rank."""
        time.sleep(float(trainer.global_rank))


def watched(run: Path, ranks: int) -> list[list[dict[str, Any]]]:
    """What each rank of a run has noted, batch by batch."""
    files = [run / f"rank-{rank}.jsonl" for rank in range(ranks)]
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]
