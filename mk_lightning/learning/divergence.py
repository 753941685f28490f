"""Noticing that learning has diverged."""

from __future__ import annotations

import math

from mk_lightning.utils.errors import Diverged


def check_values(largest: float, loss: float, q_limit: float, learner_step: int) -> None:
    """Check that what a learner_step has come to still means something.

    Args:
        largest: Q-value of a batch, learning units.
        loss: of the batch.
        q_limit: `DuelingDoubleDQN.q_limit`.
        learner_step: for the message.

    Raises:
        Diverged: a value is not finite, or the Q-value is beyond the limit.
    """
    if not (largest <= q_limit and math.isfinite(loss)):  # a comparison with nan is false
        raise diverged(
            f"a Q-value of {largest:g} (DuelingDoubleDQN.q_limit is {q_limit:g}) and a loss of {loss:g}", learner_step
        )


def diverged(what: str, learner_step: int) -> Diverged:
    """Return what to say of learning that has diverged.

    Args:
        what: was seen.
        learner_step: when.
    """
    return Diverged(
        f"learning diverged at learner_step {learner_step:,}: {what}; lower DuelingDoubleDQN.learning_rate, "
        "or let the target network follow more slowly (a higher DuelingDoubleDQN.target_every)"
    )
