"""What is asked of Lightning (2.6) that it says nowhere in public, in one place; `pyproject.toml` bounds its version.

Three methods that it does not document are overridden where they must be:
`DuelingDoubleDQN._apply_batch_transfer_handler`, `MKLightningCLI._run_subcommand` and `_parse_ckpt_path`.
"""

from __future__ import annotations

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import Timer, WeightAveraging
from pytorch_lightning.strategies import DDPStrategy, Strategy
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher


def ends_within_epochs(callback: Callback) -> bool:
    """Whether a callback is a Timer that ends a fit in the middle of an epoch."""
    return isinstance(callback, Timer) and callback._duration is not None and callback._interval == "step"


def averages_by_function(callback: Callback) -> bool:
    """Whether a callback averages weights by a function of its own, which may round."""
    return isinstance(callback, WeightAveraging) and callback._kwargs.get("avg_fn") is not None


def forget_average(callback: WeightAveraging) -> None:
    """Forget the average of a fit that is over, which would take the place of whatever is played or loaded next."""
    callback._average_model = None


def model_registry(trainer: Trainer) -> str | None:
    """The registry that a Trainer was to upload its checkpoints to."""
    name: str | None = trainer._model_registry
    return name


def starts_programs(strategy: Strategy) -> bool:
    """Whether each rank of a strategy is a program of its own, started by Lightning or by another launcher."""
    return strategy.launcher is None or isinstance(strategy.launcher, _SubprocessScriptLauncher)


def keep_gradients_in_order(trainer: Trainer) -> None:
    """Let DDP sum the gradients of three ranks or more in one order from the first learner_step to the last.

    It lays them out anew after the first backward pass of every process, and a sum of three in another order rounds
    otherwise: a resumed fit would not continue bit for bit. It does not where it looks for unused parameters.
    """
    if trainer.world_size > 2 and isinstance(trainer.strategy, DDPStrategy):
        trainer.strategy._ddp_kwargs["find_unused_parameters"] = True
