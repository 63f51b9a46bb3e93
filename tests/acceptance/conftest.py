"""Machines for whole stories, played with processes of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import Machine, Server


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine on which nothing was ever installed."""
    return Machine(tmp_path / "home")


@pytest.fixture
def bank(machine: Machine) -> Iterator[Server]:
    """Run `penstock sandbox` beside it, in a process of its own."""
    with machine.running("sandbox", "--port", "0") as bank:
        machine.environment["PENSTOCK_SANDBOX_URL"] = bank.url
        yield bank
