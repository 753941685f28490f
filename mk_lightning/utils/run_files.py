"""Names of what lies in the directory of a run, for those who write it and those who only look."""

LOCK = ".lock"
"""The process id of the run that has the directory, locked while it does."""

CONFIG = "config.yaml"
"""What a run was made by."""

CHECKPOINTS = "checkpoints"
"""Folder of the checkpoints."""

BEST = "best.ckpt"
"""Of these, the weights of the best validation."""

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"
"""Of these, the one from which a fit is resumed, and the one before it."""

REPLAY, RECORDING = "replay", "recording"
"""Folders of what a fit has collected, and of what its base has played."""
