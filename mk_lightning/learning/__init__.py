"""The learner: network, losses and the LightningModule."""
