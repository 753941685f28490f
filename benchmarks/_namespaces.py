"""Two machines on one: network namespaces of Linux, joined by a virtual cable, with a disk in common."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

CABLE = "veth"
"""Network interface of each machine."""
PORT = 29500
"""On which rank 0 listens; nobody else is in its namespace."""


@dataclass(frozen=True)
class Machine:
    """A network namespace.

    Attributes:
        name: of the namespace.
        address: on the cable.
    """

    name: str
    address: str

    def command(self, *words: str) -> list[str]:
        """The command line that runs another one there, in which gloo takes the cable."""
        return ["ip", "netns", "exec", self.name, "env", f"GLOO_SOCKET_IFNAME={CABLE}", *words]

    def go(self) -> None:
        """Be there no longer, as one without power: nothing passes the cable, and no connection is closed."""
        _ip("-n", self.name, "link", "set", CABLE, "down")

    def received(self) -> int:
        """Bytes that have come over the cable."""
        counter = self.command("cat", f"/sys/class/net/{CABLE}/statistics/rx_bytes")
        return int(subprocess.check_output(counter))


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Make two, and remove them with every process that still runs there.

    Raises:
        RuntimeError: this user or this kernel cannot make any; the message says why.
    """
    if os.geteuid() != 0:
        raise RuntimeError("network namespaces are root's to make")
    if shutil.which("ip") is None:
        raise RuntimeError("network namespaces are made by ip, of the package iproute2, which is not installed")
    machines = tuple(Machine(f"mk-lightning-{os.getpid()}-{n}", f"10.77.0.{n}") for n in (1, 2))
    first, second = machines
    try:
        for machine in machines:
            _ip("netns", "add", machine.name)
        _ip("link", "add", CABLE, "netns", first.name, "type", "veth", "peer", "name", CABLE, "netns", second.name)
        for machine in machines:
            _ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", CABLE)
            for interface in ("lo", CABLE):
                _ip("-n", machine.name, "link", "set", interface, "up")
        yield first, second
    finally:
        for machine in machines:
            with suppress(RuntimeError):  # it was never made
                for pid in _ip("netns", "pids", machine.name).split():
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                _ip("netns", "del", machine.name)


def torchrun(machines: Sequence[Machine], *program: str) -> list[list[str]]:
    """The command of each machine by which torchrun starts a rank of a program there."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "1", "--nnodes", str(len(machines))]
    launcher += ["--master-addr", machines[0].address, "--master-port", str(PORT), "--node-rank"]
    return [machine.command(*launcher, str(rank), *program) for rank, machine in enumerate(machines)]


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)  # noqa: S607 - where PATH has it
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
