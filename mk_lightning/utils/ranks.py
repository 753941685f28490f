"""The ranks of a run: the processes of a Trainer's strategy, and how one learns what the others know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from pytorch_lightning import Trainer

from mk_lightning.utils.errors import RankLost, UserError, on_every_rank

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """One rank of several that run the same program; of a run in one process, its only one.

    What they exchange is plain Python and tensors, over the process group that the Trainer's strategy has set up. Every
    rank must make the same calls in the same order.

    Attributes:
        rank: number of this one, from 0.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def of(cls, trainer: Trainer) -> Ranks:
        """Those of a Trainer whose strategy has set up its processes."""
        return cls(trainer.global_rank, trainer.world_size)

    def gather(self, value: T) -> list[T]:
        """Return what each rank calls this with, by rank.

        Raises:
            RankLost: another rank is gone.
        """
        if self.count == 1:
            return [value]
        values: list[T] = [value] * self.count
        with self.noticing_loss():
            dist.all_gather_object(values, value)
        return values

    def first(self, make: Callable[[], T]) -> T:
        """Return what `make` returns on rank 0, the only one that calls it.

        Raises:
            UserError: rank 0 raised it; then every rank does.
            OSError: the same.
            RankLost: another rank is gone.
        """
        if self.count == 1:
            return make()
        outcome: list[tuple[T | None, Exception | None]] = [(None, None)]
        if self.rank == 0:
            try:
                outcome = [(make(), None)]
            except (UserError, OSError) as error:
                outcome = [(None, error)]
        with self.noticing_loss():
            dist.broadcast_object_list(outcome)
        value, failure = outcome[0]
        if failure is not None:
            raise on_every_rank(failure) if isinstance(failure, UserError) else failure
        return value  # type: ignore[return-value]  # of T, as rank 0 made it

    def first_is_told(self, line: str | None) -> str | None:
        """Return the line of the lowest rank that has one, for all to stop with; None where none has.

        Raises:
            RankLost: another rank is gone.
        """
        return next((told for told in self.gather(line) if told is not None), None)

    @contextmanager
    def noticing_loss(self) -> Iterator[None]:
        """While ranks exchange something: a connection that breaks is another rank's end, which is said in one line.

        Raises:
            RankLost: one has ended; never where this is the only rank.
        """
        try:
            yield
        except RuntimeError as error:
            if self.count == 1 or not is_loss(error):
                raise
            raise RankLost from error


def average(trainer: Trainer, tensors: Sequence[torch.Tensor]) -> None:
    """Put into tensors the mean of what the ranks of a Trainer call this with; all of them do.

    Raises:
        RankLost: another rank is gone.
    """
    ranks, strategy = Ranks.of(trainer), trainer.strategy
    if ranks.count == 1 or not tensors:
        return
    with ranks.noticing_loss():
        means = strategy.reduce(torch.cat([tensor.flatten() for tensor in tensors]), reduce_op="mean")
    for tensor, mean in zip(tensors, means.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def highest(trainer: Trainer, number: int) -> int:
    """Return the highest number that any rank of a Trainer calls this with; all of them do.

    A number on the device is reduced, where `Ranks.gather` exchanges pickled objects.

    Raises:
        RankLost: another rank is gone.
    """
    ranks, strategy = Ranks.of(trainer), trainer.strategy
    if ranks.count == 1:
        return number
    with ranks.noticing_loss():
        return int(strategy.reduce(torch.tensor(number, device=strategy.root_device), reduce_op="max"))


def is_loss(error: BaseException) -> bool:
    """Whether an error is what gloo or NCCL have to say of a rank that is gone.

    They raise a `DistError`, or a RuntimeError of no class of its own; those of other classes have other causes, and
    may have a user's words in their message.
    """
    words = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Timed out", "NCCL", "gloo")
    plain = type(error) is RuntimeError and any(word in str(error) for word in words)
    return plain or isinstance(error, dist.DistError)
