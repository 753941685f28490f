"""When learning has diverged, and what is said then."""

from __future__ import annotations

import math

from pytorch_lightning import Trainer

from mk_lightning.utils.errors import Diverged
from mk_lightning.utils.ranks import Ranks, highest


def check_values(trainer: Trainer, largest: float, loss: float, q_limit: float) -> None:
    """Check that the numbers of a batch are such as learning can go on with, on every rank.

    Args:
        trainer: all of whose ranks call this, each with its own batch's numbers.
        largest: Q-value of the batch, absolute, learning units.
        loss: of the batch.
        q_limit: the module's.

    Raises:
        Diverged: they are not, on this or another rank.
    """
    bad = not (largest <= q_limit and math.isfinite(loss))  # a comparison with nan is false
    if highest(trainer, int(bad)):
        line = f"a Q-value of {largest:g} (DuelingDoubleDQN.q_limit is {q_limit:g}) and a loss of {loss:g}"
        told = Ranks.of(trainer).first_is_told(line if bad else None)
        raise diverged(trainer.global_step, str(told))


def diverged(learner_step: int, what: str) -> Diverged:
    """Return the error that says so, and what to do."""
    return Diverged(
        f"learning diverged at learner_step {learner_step:,}: {what}; lower DuelingDoubleDQN.learning_rate, "
        "or let the target network follow more slowly (a higher DuelingDoubleDQN.target_every)"
    )
