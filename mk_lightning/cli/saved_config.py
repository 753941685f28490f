"""The config that a run leaves."""

from __future__ import annotations

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.cli import SaveConfigCallback


class RunConfig(SaveConfigCallback):
    """Saves what a run is, without the checkpoint that it went on from or played.

    With that, whoever took the config for another run would resume this one and train on in its directory.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Save it, with what the command line has put into the config until now."""
        self.config = self.config.clone()
        self.config.ckpt_path = None
        super().setup(trainer, pl_module, stage)
