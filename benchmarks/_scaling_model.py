"""How many env_steps a second several ranks make, from what the parts of one cost by themselves.

A rank plays and learns at the same time, on cores of its own. Per learner_step it has this to do:

    work = env_steps * (env_step + action) + learner_step + exchange        milliseconds of a core
    path = learner_step with all of its cores for it alone + exchange       one after another

and takes the longer of `work / cores` and `path`: an exchange that waits for the network leaves the cores to the
emulators. On several machines every rank then waits for the slowest, whose expected lateness is that of the highest of
as many normal numbers (Blom 1958).

What is exchanged are the gradients, a few numbers and, as Python objects, the matches that ended. gloo's all-reduce
goes round a ring: among N ranks 2 (N - 1) messages, one after another, each of an N-th of the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

RINGS = 4
"""All-reduces of a learner_step: the gradients, whether numbers are finite, what is to be stopped or saved; and the two
halves of one that the objects take, their lengths and themselves."""


@dataclass(frozen=True)
class Parts:
    """Milliseconds that the parts of a rank cost by themselves.

    Attributes:
        env_step: emulator, pipes and replay, on one core.
        action: the actor's forward pass, for one environment, on one core.
        learner_step: on one core.
        learner_path: a learner_step with all cores of a machine.
        spread: standard deviation of a rank's learner_steps, playing included.
        gradients: bytes that are averaged per learner_step.
    """

    env_step: float
    action: float
    learner_step: float
    learner_path: float
    spread: float
    gradients: int


@dataclass(frozen=True)
class Network:
    """What connects ranks.

    Attributes:
        latency: milliseconds of a message of a few bytes.
        byte: milliseconds of each further byte of one.
        handling: milliseconds of a core for each byte.
        packing: milliseconds of a core for the objects of a learner_step.
    """

    latency: float
    byte: float
    handling: float = 0.0
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
        return cls(small / 2, byte, byte, max(0.0, objects - small))

    def of(self, gigabits: float, latency: float) -> Network:
        """Return the network of this kind with so many gigabits a second and so many milliseconds from end to end."""
        return replace(self, latency=self.latency + latency, byte=max(self.byte, 8e-6 / gigabits))

    def exchange(self, ranks: int, gradients: int) -> tuple[float, float]:
        """Return the milliseconds that the exchanges of a learner_step last, and those that they keep a core."""
        if ranks == 1:
            return 0.0, 0.0
        messages = 2 * (ranks - 1)
        carried = messages / ranks * gradients
        lasts = RINGS * messages * self.latency + carried * self.byte + self.packing
        return lasts, carried * self.handling + self.packing


@dataclass(frozen=True)
class Prediction:
    """What a number of ranks will do.

    Attributes:
        env_steps_per_s: of all ranks.
        bottleneck: what takes most of a learner_step's time.
    """

    env_steps_per_s: float
    bottleneck: str


def predict(
    parts: Parts, *, ranks: int, cores: float, env_steps: int, network: Network, machines: int = 1
) -> Prediction:
    """Predict the pace of a fit.

    Args:
        parts: of each rank.
        ranks: how many.
        cores: of each.
        env_steps: that each plays per learner_step.
        network: that connects them.
        machines: on which they are; those of one machine share its cores, so that none waits for another's.
    """
    lasts, handled = network.exchange(ranks, parts.gradients)
    played, acted = env_steps * parts.env_step, env_steps * parts.action
    busy = (played + acted + parts.learner_step + handled) / cores
    path = parts.learner_path + lasts
    waits = parts.spread * lateness(machines)
    reasons = {"emulators": played / cores, "actor": acted / cores, "learner": parts.learner_step / cores}
    if path > busy:
        reasons = {"learner": parts.learner_path, "network": lasts}
    reasons["the slowest rank"] = waits
    milliseconds = max(busy, path) + waits
    return Prediction(1e3 * ranks * env_steps / milliseconds, max(reasons, key=lambda reason: reasons[reason]))


def lateness(count: int) -> float:
    """Return the expected highest of so many standard normal numbers."""
    return NormalDist().inv_cdf((count - 0.375) / (count + 0.25))
