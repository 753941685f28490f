"""Every callback that Lightning ships does what Lightning documents, or one line refuses it before anything is played.

A new version of Lightning with another callback fails the first test.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import pytorch_lightning.callbacks as shipped
from pytorch_lightning import Callback
from pytorch_lightning.tuner.tuning import Tuner

from mk_lightning.cli.option_names import as_options
from mk_lightning.utils.errors import UserError
from tests.cli.mistakes import fit as command
from tests.cli.mistakes import refuse
from tests.lightning.outcomes import documented
from tests.lightning.probe import Played, new_module, new_trainer

WORKS, REFUSED = "works", "refused"
OUTCOMES = {
    "BackboneFinetuning": (REFUSED, REFUSED),
    "BaseFinetuning": (REFUSED, REFUSED),
    "BasePredictionWriter": (WORKS, WORKS),
    "BatchSizeFinder": (REFUSED, REFUSED),
    "Callback": (WORKS, WORKS),
    "Checkpoint": (WORKS, WORKS),
    "DeviceStatsMonitor": (WORKS, WORKS),
    "EarlyStopping": (WORKS, WORKS),
    "GradientAccumulationScheduler": (WORKS, WORKS),
    "LambdaCallback": (WORKS, WORKS),
    "LearningRateFinder": (REFUSED, REFUSED),
    "LearningRateMonitor": (WORKS, WORKS),
    "ModelCheckpoint": (WORKS, WORKS),
    "ModelPruning": (REFUSED, REFUSED),
    "ModelSummary": (WORKS, WORKS),
    "OnExceptionCheckpoint": (REFUSED, WORKS),
    "ProgressBar": (WORKS, WORKS),
    "RichModelSummary": (WORKS, WORKS),
    "RichProgressBar": (WORKS, WORKS),
    "StochasticWeightAveraging": (REFUSED, REFUSED),
    "SpikeDetection": (REFUSED, REFUSED),
    "ThroughputMonitor": (WORKS, WORKS),
    "Timer": (WORKS, WORKS),
    "TQDMProgressBar": (WORKS, WORKS),
    "EMAWeightAveraging": (WORKS, WORKS),
    "WeightAveraging": (WORKS, WORKS),
}
"""At the command line, under a plain Trainer."""


def test_every_callback_is_in_the_table() -> None:
    assert list(OUTCOMES) == shipped.__all__


def test_the_documentation_says_the_same() -> None:
    assert documented("Callbacks") == OUTCOMES


class Unfreezing(shipped.BaseFinetuning):
    """One of a user's own, as Lightning's documentation has it."""

    def freeze_before_training(self, pl_module):
        self.freeze(pl_module.online.convolutions)

    def finetune_function(self, pl_module, epoch, optimizer):
        self.make_trainable(pl_module.online.convolutions)


# -- refused -----------------------------------------------------------------------------------------------------------

NEVER: dict[str, tuple[Callable[[], Callback], list[str], str]] = {
    "BackboneFinetuning": (shipped.BackboneFinetuning, [], "FreezeLayers with unfreeze_at freezes and unfreezes"),
    "BaseFinetuning": (Unfreezing, [], "Unfreezing cannot be used: it would freeze again what it had unfrozen"),
    "BatchSizeFinder": (shipped.BatchSizeFinder, [], "data.replay.batch_size says how many transitions a batch has"),
    "LearningRateFinder": (shipped.LearningRateFinder, [], "model.learning_rate is a schedule over env_steps"),
    "ModelPruning": (
        lambda: shipped.ModelPruning("l1_unstructured"),
        ["pruning_fn=l1_unstructured"],
        "it changes which parameters the Q-network has",
    ),
    "StochasticWeightAveraging": (
        lambda: shipped.StochasticWeightAveraging(1e-5),
        ["swa_lrs=1e-5"],
        "it sets a learning rate, which model.learning_rate overwrites",
    ),
    "SpikeDetection": (shipped.SpikeDetection, [], "model.q_limit stops a run that diverges"),
}
"""A callback, its arguments at the command line, and what the line says."""

NO_COMMAND_LINE = {
    "OnExceptionCheckpoint": (["dirpath=here"], "a run that an exception ends is resumed from last.ckpt"),
}
ALSO_REFUSED = {
    "Timer": (["duration=00:00:00:09"], "Timer must have interval epoch, got step"),
    "RichProgressBar": ([], "RichProgressBar needs trainer.enable_progress_bar: true"),
    "EarlyStopping": (
        ["monitor=val/win_rate/al"],
        "EarlyStopping: monitor 'val/win_rate/al' is not a metric",
    ),
    "ModelCheckpoint": (["monitor=val/win_rte/all"], "did you mean 'val/win_rate/all'?"),
}
"""Arguments of callbacks that work."""


def words(name: str, arguments: list[str]) -> list[str]:
    path = f"tests.lightning.test_callbacks.{Unfreezing.__name__}" if name == "BaseFinetuning" else name
    path = path if "." in path else f"pytorch_lightning.callbacks.{path}"
    return [f"--trainer.callbacks+={path}", *(f"--trainer.callbacks.{argument}" for argument in arguments)]


def test_every_callback_that_is_refused_is_tried() -> None:
    assert NEVER.keys() == {name for name, (_, plain) in OUTCOMES.items() if plain == REFUSED}
    assert NEVER.keys() | NO_COMMAND_LINE.keys() == {name for name, (line, _) in OUTCOMES.items() if line == REFUSED}


@pytest.mark.parametrize("name", NEVER)
def test_a_plain_trainer_refuses(name, tmp_path) -> None:
    make, _, message = NEVER[name]
    with pytest.raises(UserError) as refused:
        new_trainer(tmp_path, make()).fit(new_module(), Played())
    assert re.search(f"trainer.callbacks: .*{message}", as_options(str(refused.value)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "arguments", "hint"),
    [(name, arguments, hint) for name, (_, arguments, hint) in NEVER.items()]
    + [(name, *rest) for name, rest in (NO_COMMAND_LINE | ALSO_REFUSED).items()],
)
@pytest.mark.filterwarnings("ignore:.*Unable to serialize")
def test_the_command_line_refuses(name, arguments, hint, tmp_path, capfd, monkeypatch) -> None:
    assert hint in refuse(command(hint, *words(name, arguments)), tmp_path, capfd, monkeypatch)


@pytest.mark.parametrize(
    ("callbacks", "options", "message"),
    [
        ([shipped.WeightAveraging(), shipped.EMAWeightAveraging()], {}, "WeightAveraging and EMAWeightAveraging would"),
        (
            [shipped.GradientAccumulationScheduler({0: 2})],
            {"accumulate_grad_batches": 4},
            "must be 1 beside",
        ),
    ],
)
def test_two_that_cancel_each_other_are_refused(callbacks, options, message, tmp_path) -> None:
    with pytest.raises(UserError, match=message):
        new_trainer(tmp_path, *callbacks, **options).fit(new_module(), Played())


@pytest.mark.parametrize(
    ("method", "message"), [("lr_find", "LearningRateFinder"), ("scale_batch_size", "BatchSizeFinder")]
)
def test_lightning_s_tuner_is_refused_like_its_callbacks(method, message, tmp_path) -> None:
    with pytest.raises(UserError, match=f"{message} cannot be used"):
        getattr(Tuner(new_trainer(tmp_path)), method)(new_module(), datamodule=Played())


ACCEPTED: dict[str, list[str]] = {
    "DeviceStatsMonitor": [],
    "EarlyStopping": ["monitor=val/win_rate/all"],
    "GradientAccumulationScheduler": ["scheduling={0: 2}"],
    "LambdaCallback": [],
    "LearningRateMonitor": [],
    "ModelCheckpoint": ["monitor=val/return/all"],
    "ModelSummary": [],
    "RichModelSummary": [],
    "ThroughputMonitor": ["batch_size_fn=builtins.len"],
    "Timer": [],
    "EMAWeightAveraging": [],
    "WeightAveraging": [],
}


@pytest.mark.parametrize("left_out", ["WeightAveraging", "EMAWeightAveraging"])
def test_the_command_line_takes_the_callbacks(left_out, tmp_path, capfd, monkeypatch) -> None:
    """It comes to the mistake that is looked for next."""
    hint = "monitor 'none' is not a metric"
    given = [word for name, arguments in ACCEPTED.items() if name != left_out for word in words(name, arguments)]
    assert hint in refuse(command(hint, *given, "--monitor=none"), tmp_path, capfd, monkeypatch)
