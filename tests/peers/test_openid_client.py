"""Done-line 2: openid-client, which is none of ours, signs people in with our running server."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Database
from tests.node_peers import PATIENCE, NodePeers
from tests.peers.ours import Ours, Visitor, serving
from tests.programs import surroundings

SCRIPT = Path(__file__).with_name("openid_client.mjs")
EVIL = "OAUTH_INVALID_RESPONSE"

pytestmark = pytest.mark.peers


@pytest.fixture
def ours(sqlite_database: Database, tmp_path: Path) -> Iterator[Ours]:
    """Serve a fresh database on a port of this machine."""
    with serving(sqlite_database.url, tmp_path) as running:
        yield running


async def converse(peers: NodePeers, told: dict[str, Any], visitor: Visitor) -> list[Any]:
    """Run the program; go where it sends the person, and return what it says of each step."""
    where = {"PEERS": str(peers.folder / "node_modules"), "NODE_NO_WARNINGS": "1"}
    process = await asyncio.create_subprocess_exec(
        *(peers.node, SCRIPT, json.dumps(told)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=surroundings(where),
    )
    try:
        async with asyncio.timeout(PATIENCE):
            return await _steps(process, visitor)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _steps(process: Process, visitor: Visitor) -> list[Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    steps = []
    while line := await process.stdout.readline():
        step = json.loads(line)
        if "user_code" in step:
            decision = "refuse" if "device" in visitor.pages else "approve"
            page = await asyncio.to_thread(
                visitor.type_code, step["open"], step["user_code"], decision
            )
            assert "<strong>Peer</strong>" in page
            process.stdin.write(b"\n")
            await process.stdin.drain()
        elif "open" in step:
            back = await asyncio.to_thread(visitor.open, step["open"])
            process.stdin.write(f"{back}\n".encode())
            await process.stdin.drain()
        else:
            steps.append(step)
    complaints = (await process.stderr.read()).decode(errors="replace")
    assert await process.wait() == 0, complaints[-3_000:]
    return steps


@pytest.mark.parametrize("dpop", [False, True], ids=["bearer", "dpop"])
@pytest.mark.parametrize("pushed", [False, True], ids=["plain", "pushed"])
@pytest.mark.parametrize("confidential", [False, True], ids=["public", "secret"])
def test_openid_client_agrees(
    peers: NodePeers, ours: Ours, confidential: bool, pushed: bool, dpop: bool
) -> None:
    """C4: discovery, code + PKCE, PAR, DPoP, refresh, introspection, revocation; no evil `iss`."""
    back = "http://127.0.0.1:9/back"
    program = ours.register(name="Peer", redirect_uris=[back], confidential=confidential)
    told = {
        "issuer": ours.address,
        "client_id": program["client_id"],
        "client_secret": program["client_secret"],
        "redirect_uri": back,
        "scope": "read sync",
        "pushed": pushed,
        "dpop": dpop,
    }
    visitor = Visitor(ours.address)
    steps = asyncio.run(converse(peers, told, visitor))
    by_name = {step["step"]: step for step in steps}

    assert by_name["discovery"]["metadata"]["issuer"] == ours.address
    evil = [step for step in steps if step["step"] == "iss"]
    assert [step["refused"]["code"] for step in evil] == [EVIL, EVIL]
    assert by_name["code"]["type"] == ("dpop" if dpop else "bearer")
    assert by_name["code"]["scope"] == "read sync"
    assert (by_name["use"]["status"], by_name["use"]["body"]["username"]) == (200, "ada")
    assert (by_name["refresh"]["status"], by_name["refresh"]["other"]) == (200, True)
    assert by_name["introspection"]["told"]["client_id"] == program["client_id"]
    assert ("cnf" in by_name["introspection"]["told"]) is dpop
    assert by_name["revocation"]["told"] == {"active": False}
    assert by_name["over"]["refresh"]["error"] == "invalid_grant"
    assert by_name["over"]["use"] is not None
    assert by_name["replay"]["refused"]["error"] == "invalid_grant"
    assert visitor.pages[0] == "sign-in"
    assert visitor.pages.count("sign-in") == 1


@pytest.mark.parametrize("dpop", [False, True], ids=["bearer", "dpop"])
@pytest.mark.parametrize("confidential", [False, True], ids=["public", "secret"])
def test_a_device_is_signed_in(
    peers: NodePeers, ours: Ours, confidential: bool, dpop: bool
) -> None:
    """C5: the device flow: asked for until the person typed the code; once; and a person's no."""
    program = ours.register(
        name="Peer", redirect_uris=["http://127.0.0.1:9/back"], confidential=confidential
    )
    told = {
        "issuer": ours.address,
        "client_id": program["client_id"],
        "client_secret": program["client_secret"],
        "scope": "read sync",
        "device": True,
        "dpop": dpop,
    }
    visitor = Visitor(ours.address)
    steps = asyncio.run(converse(peers, told, visitor))
    by_name = {step["step"]: step for step in steps}

    assert by_name["device"] == {"step": "device", "complete": None, "interval": 5}
    assert by_name["code"]["type"] == ("dpop" if dpop else "bearer")
    assert by_name["code"]["scope"] == "read sync"
    assert (by_name["use"]["status"], by_name["use"]["body"]["username"]) == (200, "ada")
    assert (by_name["refresh"]["status"], by_name["refresh"]["other"]) == (200, True)
    assert by_name["replay"]["refused"]["error"] == "invalid_grant"
    assert by_name["refusal"]["refused"]["error"] == "access_denied"
    assert visitor.pages == ["sign-in", "device", "device"]
