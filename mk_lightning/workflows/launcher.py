"""What launchers say about a process in its environment: that it is a whole run, or a rank of one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mk_lightning.utils.errors import UserError

HIDDEN = (
    "RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID",  # torchrun and others
    "SLURM_NTASKS", "SLURM_PROCID",
    "JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", "JSM_NAMESPACE_LOCAL_RANK",
)  # fmt: skip
"""By what Lightning, torchmetrics and loggers take a process for one rank of several, if it is in the environment."""


class Launcher(NamedTuple):
    """Starts several processes and numbers them.

    Attributes:
        name: of the program.
        size: environment variable with the number of processes.
        rank: environment variable with the number of this one.
    """

    name: str
    size: str
    rank: str


MANY_RUNS = (
    Launcher("srun", "SLURM_NTASKS", "SLURM_PROCID"),
    Launcher("jsrun", "JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"),
)
"""Those that start any program several times."""
RANKS = Launcher("torchrun, Kubeflow and others", "WORLD_SIZE", "RANK")
"""Whatever sets these wants the ranks of one run."""
MPI = (
    Launcher("mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),  # Open MPI
    Launcher("mpiexec", "PMI_SIZE", "PMI_RANK"),  # MPICH, Intel MPI
)
"""Those that do, too; but srun and jsrun also set these, to their own numbers."""


@contextlib.contextmanager
def whole_run() -> Iterator[dict[str, str]]:
    """Hide from Lightning that this process is one of several; SLURM's other variables stay.

    Yields:
        What is hidden.
    """
    hidden = {name: os.environ.pop(name) for name in HIDDEN if name in os.environ}
    try:
        yield hidden
    finally:
        os.environ.update(hidden)


def take_rank(hidden: Mapping[str, str], devices: int, num_nodes: int) -> int:
    """Return which rank of several this process is to be, and show Lightning what it knows that by.

    Args:
        hidden: by `whole_run`.
        devices: ranks on each machine.
        num_nodes: machines.

    Raises:
        UserError: a launcher has started another number of processes, or is one that Lightning does not know.
    """
    count = devices * num_nodes
    started = [launcher for launcher in (RANKS, *MANY_RUNS) if _place(launcher, hidden)]
    if not started and (foreign := next((launcher for launcher in MPI if _place(launcher, os.environ)), None)):
        raise UserError(f"{foreign.name} cannot start the ranks of a run; start them with torchrun or srun")
    if started:
        rank, size = _place(started[0], hidden) or (0, 1)
        if size != count:
            raise UserError(
                f"{started[0].name} has started {size} processes, but trainer.devices {devices} times "
                f"trainer.num_nodes {num_nodes} is {count}; make the two equal"
            )
        shown = set(hidden)
    else:  # Lightning itself starts those of each machine
        shown = {"LOCAL_RANK", "NODE_RANK", "WORLD_SIZE"} & hidden.keys()
        numbers = [hidden.get(name, "0") for name in ("NODE_RANK", "LOCAL_RANK")]
        node, local = (int(number) if number.isdecimal() else 0 for number in numbers)
        rank = node * devices + local
    os.environ.update({name: hidden[name] for name in shown})
    return rank


def check_launcher(environ: Mapping[str, str]) -> str | None:
    """Check that this process is not meant to be a rank, and return a line where others like it have been started.

    Args:
        environ: environment variables.

    Raises:
        UserError: it is.
    """
    tasks = {place: launcher for launcher in MANY_RUNS if (place := _place(launcher, environ))}
    for launcher in (RANKS, *MPI):
        place = _place(launcher, environ)
        if place and (launcher is RANKS or place not in tasks):
            rank, size = place
            raise UserError(
                f"{launcher.rank}={rank} and {launcher.size}={size} (set by {launcher.name}) make this one of {size} "
                "ranks of one run, but trainer.devices is 1: set trainer.devices and trainer.strategy ddp for one; or "
                "start runs side by side instead, each with its own --seed_everything, by srun or in a loop; or "
                f"unset {launcher.size}"
            )
    for (rank, size), launcher in tasks.items():
        return (
            f"task {rank} of {size} of {launcher.name}: a run of its own, in a directory of its own; "
            "each needs its own --seed_everything"
        )
    return None


def _place(launcher: Launcher, environ: Mapping[str, str]) -> tuple[int, int] | None:
    """Number of this process and how many there are, if it is one of several."""
    try:
        rank, size = int(environ[launcher.rank]), int(environ[launcher.size])
    except (KeyError, ValueError):  # ValueError: something else of that name
        return None
    return (rank, size) if size > 1 else None
