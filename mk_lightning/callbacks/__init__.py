"""Callbacks: one fine-tuning method a file, and the run's own display and logger."""

from mk_lightning.callbacks.freeze import FreezeLayers
from mk_lightning.callbacks.matches import MatchesCSV
from mk_lightning.callbacks.progress import ProgressLine

__all__ = ["FreezeLayers", "MatchesCSV", "ProgressLine"]
