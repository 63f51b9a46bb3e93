"""Programs of Node's that ours must agree with: a certified provider, an independent client.

They are installed by `.ci/run` outside the repository. By hand: `npm install --prefix build/peers
oidc-provider@9.13.3 openid-client@6.8.9`, or say in PENSTOCK_TEST_PEERS in which folder they are.
The fixture `peers` skips where they are absent.
"""

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.programs import surroundings

HERE = Path(__file__).resolve().parent.parent / "build" / "peers"
PATIENCE = 60


@dataclass(frozen=True)
class NodePeers:
    """Node, and the folder in which the packages are."""

    node: str
    folder: Path

    async def run(self, script: Path, told: object) -> Any:
        """Run a script that is told one JSON argument; return the JSON that it prints."""
        process = await self._start(script, told)
        async with asyncio.timeout(PATIENCE):
            said, complained = await process.communicate()
        assert process.returncode == 0, complained.decode(errors="replace")[-3_000:]
        return json.loads(said)

    @asynccontextmanager
    async def serving(self, script: Path, told: object) -> AsyncIterator[Any]:
        """Run a script that serves; yield the JSON of its first line, and end it at last."""
        process = await self._start(script, told)
        assert process.stdout is not None
        assert process.stderr is not None
        complaints = asyncio.ensure_future(process.stderr.read())
        try:
            async with asyncio.timeout(PATIENCE):
                line = await process.stdout.readline()
            if not line:
                pytest.fail((await complaints).decode(errors="replace")[-3_000:])
            yield json.loads(line)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await complaints

    async def _start(self, script: Path, told: object) -> Process:
        """Scripts import by whole addresses: Node looks for packages beside the script only."""
        where = {"PEERS": str(self.folder / "node_modules"), "NODE_NO_WARNINGS": "1"}
        return await asyncio.create_subprocess_exec(
            self.node, script, json.dumps(told), stdout=PIPE, stderr=PIPE, env=surroundings(where)
        )


def find(folder: str) -> NodePeers:
    """Return the programs. Skips where they are absent."""
    place = Path(folder) if folder else HERE
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    if not (place / "node_modules" / "oidc-provider").exists():
        pytest.skip(f"the peers are not installed: there is no oidc-provider under {place}")
    return NodePeers(node, place)
