"""Providers' own clients that cannot live beside what we need, each in an environment of its own.

Those that can are in the dependency group `contract`. The others are installed by `.ci/run` outside
the repository; by hand: `uv venv build/clients/NAME`, then `uv pip install --python
build/clients/NAME PACKAGE==VERSION`, or say in PENSTOCK_TEST_CLIENTS in which folder they are.
"""

import asyncio
import json
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent.parent / "build" / "clients"
PATIENCE = 60


@dataclass(frozen=True)
class Clients:
    """The folder in which they are; empty: ours."""

    folder: str

    async def run(self, name: str, script: Path, *told: str) -> Any:
        """Run a script with a client; return what it prints, JSON. Skips where it is absent."""
        python = (Path(self.folder) if self.folder else HERE) / name / "bin" / "python"
        if not python.exists():
            pytest.skip(f"the client of {name} is not installed: there is no {python}")
        process = await asyncio.create_subprocess_exec(
            python, "-I", script, *told, stdout=PIPE, stderr=PIPE
        )
        async with asyncio.timeout(PATIENCE):
            said, complained = await process.communicate()
        assert process.returncode == 0, complained.decode(errors="replace")[-2_000:]
        return json.loads(said)
