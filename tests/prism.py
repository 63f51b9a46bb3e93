"""Prism, which holds an HTTP server, or a client, to a provider's own OpenAPI specification.

Where it cannot make sense of a schema it does not check that schema, and says nothing of it. So
specifications are given to it through `readable`, and whoever uses it here has a test in which
nonsense, at every endpoint, is found out.

It is a program of Node's (`@stoplight/prism-cli`), installed by `.ci/run` outside the repository.
By hand: `npm install --prefix build/prism @stoplight/prism-cli@5.14.2`, or say in
PENSTOCK_TEST_PRISM in which folder it was installed. The fixture `prism` skips where it is absent.
"""

import asyncio
import json
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent.parent / "build" / "prism"
PROGRAM = "node_modules/.bin/prism"
PATIENCE = 120
"""Seconds until it listens: a large specification takes five on an idle machine."""

_LISTENING = re.compile(rb"Prism is listening on (http://\S+)")


@dataclass(frozen=True)
class Prism:
    """The program, and the Node that runs it: by itself, so that it can be ended by its number."""

    node: str
    program: Path

    @asynccontextmanager
    async def proxying(self, specification: Path, upstream: str) -> AsyncIterator[str]:
        """Stand before a server, and yield the address.

        What breaks the specification is answered with an error that names the violations: 4xx
        where a request does, 500 where the server's answer does.
        """
        async with self._running("proxy", str(specification), upstream, "--errors") as url:
            yield url

    @asynccontextmanager
    async def inventing(self, specification: Path, seed: int) -> AsyncIterator[str]:
        """Answer with whatever the schemas allow, made from a seed. Yields the address."""
        asked = ("mock", str(specification), "--dynamic", "--seed", str(seed))
        async with self._running(*asked) as url:
            yield url

    @asynccontextmanager
    async def _running(self, *arguments: str) -> AsyncIterator[str]:
        process = await asyncio.create_subprocess_exec(
            self.node, str(self.program), *arguments, "--port", "0",
            stdin=DEVNULL, stdout=PIPE, stderr=STDOUT,
        )  # fmt: skip
        said = bytearray()
        try:
            async with asyncio.timeout(PATIENCE):
                url = await _address(process, said)
            drain = asyncio.create_task(_read_on(process))
            try:
                yield url
            finally:
                drain.cancel()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def find(folder: str) -> Prism:
    """Return Prism as installed in a folder, or in ours if none is told; skips where it is not."""
    program = (Path(folder) if folder else HERE) / PROGRAM
    node = shutil.which("node")
    if node is None or not program.exists():
        pytest.skip(f"Prism is not installed: there is no {PROGRAM} (see tests/prism.py)")
    return Prism(node, program)


def readable(specification: Path, folder: Path) -> Path:
    """Return a copy of a specification (OpenAPI 3.0, YAML or JSON) that means the same to Prism.

    A nullable enum that also lists null is doubled when it is read, and a schema with such an
    enum is no schema.
    """
    yaml: Any = pytest.importorskip("yaml")
    with specification.open("rb") as text:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    _mend(document)
    copy = folder / f"{specification.stem}.json"
    copy.write_text(json.dumps(document, default=str), encoding="utf-8")
    return copy


def _mend(part: Any) -> None:
    """Take null out of every enum that is nullable anyway."""
    if isinstance(part, dict):
        if part.get("nullable") is True and isinstance(part.get("enum"), list):
            part["enum"] = [one for one in part["enum"] if one is not None]
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        _mend(each)


async def _address(process: Process, said: bytearray) -> str:
    """Return the address that it listens on, once it says so."""
    assert process.stdout is not None
    async for line in process.stdout:
        said += line
        if found := _LISTENING.search(line):
            return found[1].decode()
    raise AssertionError(f"Prism ended: {said.decode(errors='replace')[-2000:]}")


async def _read_on(process: Process) -> None:
    """Hear what it says, so that it never has to wait for us."""
    assert process.stdout is not None
    while await process.stdout.read(65_536):
        pass
