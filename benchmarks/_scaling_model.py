"""How many env_steps a second several ranks make, from what the parts of one take by themselves.

A rank learns and plays at the same time, and before each learner_step its own part waits for the other. Both are slower
beside each other, where they share cores, than alone. So a learner_step, after which `env_steps` have been played,
lasts as long as what takes longer does beside the other, until the other is over, and then alone:

    play       = env_steps * env_step_beside
    play      <= learner_step_beside:  play + (1 - play / learner_step_beside) * learner_step + exchange
    otherwise:                         learner_step_beside + max(left, exchange)
    left        = (1 - learner_step_beside / play) * env_steps * env_step

On several machines every rank then waits for the slowest, whose expected lateness is that of the highest of as many
normal numbers (Blom 1958).

What is exchanged are the gradients, a few numbers and, as Python objects, the matches that ended. gloo's all-reduce
goes round a ring: among N ranks 2 (N - 1) messages, one after another, each of an N-th of the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

RINGS = 4
"""All-reduces of a learner_step: the gradients, whether numbers are finite, what is to be stopped or saved; and the two
halves of one that the objects take, their lengths and themselves. With three ranks or more one of what was used."""


@dataclass(frozen=True)
class Parts:
    """Milliseconds that the parts of a rank take by the clock.

    Attributes:
        env_step: of one environment, the actor's part included, while nothing is learnt.
        env_step_beside: the same while the rank learns without pause.
        action_beside: the actor's part of that.
        learner_step: while nothing is played.
        learner_step_beside: while the rank plays without pause.
        spread: standard deviation of a rank's learner_steps, playing included.
        gradients: bytes that are averaged per learner_step.
    """

    env_step: float
    env_step_beside: float
    action_beside: float
    learner_step: float
    learner_step_beside: float
    spread: float
    gradients: int


@dataclass(frozen=True)
class Network:
    """What connects ranks.

    Attributes:
        latency: milliseconds of a message of a few bytes.
        byte: milliseconds of each further byte of one.
        packing: milliseconds of each rank's objects of a learner_step, beyond those of its messages.
    """

    latency: float
    byte: float
    packing: float = 0.0

    @classmethod
    def measured(cls, small: float, objects: float, large: float, size: int) -> Network:
        """Return that of two ranks on one machine, where handling bytes is all there is.

        Args:
            small: milliseconds of an all-reduce of a few bytes.
            objects: the same of Python objects.
            large: the same of many bytes.
            size: how many.
        """
        byte = max(0.0, large - small) / size
        return cls(small / 2, byte, max(0.0, objects - small) / 2)

    def of(self, gigabits: float, latency: float) -> Network:
        """Return the network of this kind with so many gigabits a second and so many milliseconds from end to end."""
        return replace(self, latency=self.latency + latency, byte=max(self.byte, 8e-6 / gigabits))

    def exchange(self, ranks: int, gradients: int) -> float:
        """Return the milliseconds that the exchanges of a learner_step last."""
        if ranks == 1:
            return 0.0
        messages, rings = 2 * (ranks - 1), RINGS + (ranks > 2)
        return rings * messages * self.latency + messages / ranks * gradients * self.byte + ranks * self.packing


@dataclass(frozen=True)
class Prediction:
    """What a number of ranks will do.

    Attributes:
        env_steps_per_s: of all ranks.
        bottleneck: what takes most of a learner_step's time, the learner after the play.
    """

    env_steps_per_s: float
    bottleneck: str


def predict(parts: Parts, *, ranks: int, env_steps: int, network: Network, machines: int = 1) -> Prediction:
    """Predict the pace of a fit.

    Args:
        parts: of each rank.
        ranks: how many.
        env_steps: that each plays per learner_step.
        network: that connects them.
        machines: on which they are; those of one machine share its cores, so that none waits for another's.
    """
    alone = _milliseconds(parts, env_steps, 0.0)
    exchanging = _milliseconds(parts, env_steps, network.exchange(ranks, parts.gradients))
    waits = parts.spread * lateness(machines)
    play = min(env_steps * parts.env_step_beside, alone)
    acted = play * parts.action_beside / parts.env_step_beside
    reasons = {
        "emulators": play - acted,
        "actor": acted,
        "learner": alone - play,
        "network": exchanging - alone,
        "the slowest rank": waits,
    }
    milliseconds = exchanging + waits
    return Prediction(1e3 * ranks * env_steps / milliseconds, max(reasons, key=lambda reason: reasons[reason]))


def _milliseconds(parts: Parts, env_steps: int, exchange: float) -> float:
    """Of a learner_step and the play beside it."""
    play = env_steps * parts.env_step_beside
    if play <= parts.learner_step_beside:
        return play + (1 - play / parts.learner_step_beside) * parts.learner_step + exchange
    left = (1 - parts.learner_step_beside / play) * env_steps * parts.env_step
    return parts.learner_step_beside + max(left, exchange)


def lateness(count: int) -> float:
    """Return the expected highest of so many standard normal numbers."""
    return NormalDist().inv_cdf((count - 0.375) / (count + 0.25))
