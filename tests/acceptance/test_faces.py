"""Every connector from a terminal, as its users do it: against its own face of the sandbox bank."""

import re
from typing import Any

import pytest

from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.registry import FACES
from tests.acceptance.processes import PASSWORD, Machine

pytestmark = pytest.mark.long
CHOICES = ("--institution", "sandbox")


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_it_is_linked_and_synced_as_the_bank_says(machine: Machine, face: Face) -> None:
    """`penstock sandbox --face NAME` says what to set; connect and sync, and the rows are there.

    Nothing but settings changes between the sandbox and the real bank.
    """
    name = face.name
    with machine.running("sandbox", "--port", "0", "--face", name) as bank:
        last = bank.wait_until_it_says("paste" if face.pasted else "Then: ")
        machine.environment.update(re.findall(r"(PENSTOCK_\w+)=(\S+)", bank.said))
        machine.run("user", "add", "ada", "--password-stdin", typed=PASSWORD)
        machine.run("login", "--username", "ada", "--password-stdin", typed=PASSWORD)
        if face.pasted and _plans(machine, name)[0]["kind"] == "token":
            machine.run("connect", name, "--token-stdin", typed=last.split()[-1])
        else:
            machine.run("connect", name, "--auto-consent", *_choice(machine, name))
        machine.run("sync")
        assert machine.json("accounts")
        assert machine.json("transactions")


def _choice(machine: Machine, name: str) -> tuple[str, ...]:
    """Return the flags for what a person has to choose."""
    wanted = any("institution" in plan["chooses"] for plan in _plans(machine, name))
    return CHOICES if wanted else ()


def _plans(machine: Machine, name: str) -> list[dict[str, Any]]:
    """Return the ways to link, the first one first."""
    (found,) = [one for one in machine.json("connectors") if one["name"] == name]
    plans: list[dict[str, Any]] = found["plans"]
    return plans
