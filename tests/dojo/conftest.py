from __future__ import annotations

from collections.abc import Iterator

import machine as dojo
import pytest


@pytest.fixture(scope="module")
def machine() -> Iterator[dojo.Machine]:
    """The module's one emulator."""
    machine = dojo.Machine()
    yield machine
    machine.close()


@pytest.fixture
def duel(machine: dojo.Machine) -> dojo.Machine:
    """Two players: the second does what the test's ``second`` pad says."""
    machine.load(dojo.duel_name(1))
    return machine
