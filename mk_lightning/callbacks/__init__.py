"""Callbacks: one fine-tuning method a file, and the run's own display and logger."""

from mk_lightning.callbacks.curriculum import Curriculum, Phase
from mk_lightning.callbacks.distillation import Cloning, Kickstarting
from mk_lightning.callbacks.ewc import ElasticWeightConsolidation
from mk_lightning.callbacks.freeze import FreezeLayers
from mk_lightning.callbacks.guard import ForgettingGuard
from mk_lightning.callbacks.matches import MatchRecorder
from mk_lightning.callbacks.progress import ProgressLine
from mk_lightning.callbacks.weakness import WeaknessTargeting
from mk_lightning.callbacks.weight_decay import WeightDecay

__all__ = [
    "Cloning",
    "Curriculum",
    "ElasticWeightConsolidation",
    "ForgettingGuard",
    "FreezeLayers",
    "Kickstarting",
    "MatchRecorder",
    "Phase",
    "ProgressLine",
    "WeaknessTargeting",
    "WeightDecay",
]
