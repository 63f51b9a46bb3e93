"""News that nobody asked for: the bank calls, and the row is there without a sync by hand."""

import re
import time

import httpx2
import pytest

from tests.acceptance.processes import PASSWORD, Machine
from tests.postgres import free_port

pytestmark = pytest.mark.long
SECONDS = 60


@pytest.mark.parametrize("name", ["up", "plaid"])
def test_what_happens_at_the_bank_is_here_at_once(machine: Machine, name: str) -> None:
    """sync.md 28: over real HTTP, signed and verified; the schedule alone would take hours."""
    with machine.running("sandbox", "--port", "0", "--face", name) as bank:
        last = bank.wait_until_it_says("paste" if name == "up" else "Then: ")
        machine.environment.update(re.findall(r"(PENSTOCK_\w+)=(\S+)", bank.said))
        port = free_port()
        machine.environment["PENSTOCK_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
        machine.run("user", "add", "ada", "--password-stdin", typed=PASSWORD)
        with machine.running("serve", "--port", f"{port}") as server:
            machine.environment["PENSTOCK_URL"] = server.url
            machine.run("login", "--username", "ada", "--password-stdin", typed=PASSWORD)
            if name == "up":
                machine.run("connect", name, "--token-stdin", typed=last.split()[-1])
            else:
                machine.run("connect", name, "--auto-consent")
            machine.run("sync")
            (hook,) = machine.json("hooks")
            assert hook["subscribed_at"]
            move = b'{"amount": "-4.20", "description": "Called in"}'
            assert httpx2.post(f"{bank.url}/control/post", content=move).status_code == 200
            ends = time.monotonic() + SECONDS
            while not _arrived(machine):
                assert time.monotonic() < ends, bank.said
            assert machine.json("syncs")[0]["trigger"] == "hook"


def _arrived(machine: Machine) -> bool:
    return any("called in" in row["description"].lower() for row in machine.json("transactions"))
