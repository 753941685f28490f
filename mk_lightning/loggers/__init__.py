"""Where a run's figures go."""

from mk_lightning.loggers.metrics_csv import MetricsCSV
from mk_lightning.loggers.wandb_run import WandbRun

__all__ = ["MetricsCSV", "WandbRun"]
