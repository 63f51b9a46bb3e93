"""A program that forks processes, so that a thousand can be started and killed within minutes.

It imports once what they need, and forks each from there. `opened()` starts it and speaks with it;
this file is then also the program (`python -m tests.torture.nursery`): one order a line, one
answer a line. It alone waits for its children, so no signal ever reaches a stranger's process;
and all of them end with it, however that comes about.
"""

import asyncio
import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from tests import loopback
from tests.programs import surroundings
from tests.torture.pause import pause

ROOT: Final = Path(__file__).resolve().parent.parent.parent
ACTS: Final = ("tests.torture.acts",)
_LINE: Final = 1 << 20


@dataclass(slots=True)
class Nursery:
    """The processes of a torture. `stderr` is what they all wrote."""

    process: asyncio.subprocess.Process
    stderr: IO[bytes]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self, act: str, **given: Any) -> int:
        """Fork a process that does an act of tests/torture/acts.py; return its id."""
        return int(await self._ask("start", act=act, given=given))

    async def signal(self, child: int, number: int) -> None:
        """Send a signal to a process that was started here; one that has ended is left alone."""
        await self._ask("signal", child=child, number=number)

    async def kill(self, child: int) -> None:
        """End a process as a power cut would, and wait until it is gone."""
        await self.signal(child, signal.SIGKILL)
        await self.ended(child)

    async def ended(self, child: int) -> int:
        """Wait for the end of a process; return its exit code, negative for a signal."""
        while await self.alive(child):  # the nursery itself never waits: others have orders for it
            await pause(0.01)
        return int(await self._ask("code", child=child))

    async def alive(self, child: int) -> bool:
        """Say whether a process is there still."""
        return bool(await self._ask("alive", child=child))

    def said(self, most: int = 4_000) -> str:
        """Return the end of what all processes wrote."""
        self.stderr.seek(0, os.SEEK_END)
        self.stderr.seek(max(0, self.stderr.tell() - most))
        return self.stderr.read().decode(errors="replace")

    async def _ask(self, order: str, **what: Any) -> Any:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the nursery was started without pipes")
        async with self._turn:
            stdin.write(json.dumps({"order": order, **what}).encode() + b"\n")
            await stdin.drain()
            line = await stdout.readline()
        if not line:
            raise RuntimeError(f"the nursery has ended: {self.said()}")
        return json.loads(line)


@contextlib.asynccontextmanager
async def opened(log: Path) -> AsyncIterator[Nursery]:
    """Start a nursery; end it, with all its processes, when the context is left."""
    with log.open("w+b") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.torture.nursery"),
            cwd=ROOT,
            env=surroundings({"MALLOC_ARENA_MAX": "2"}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            limit=_LINE,
        )
        try:
            yield Nursery(process, stderr)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()


def main() -> None:
    """Take orders until nobody gives any more; then end every process."""
    loopback.install()
    for name in ACTS:
        importlib.import_module(name)
    ended: dict[int, int] = {}
    living: set[int] = set()
    for line in sys.stdin.buffer:
        order = json.loads(line)
        answer = _obey(order, living, ended)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for child in living:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _obey(order: dict[str, Any], living: set[int], ended: dict[int, int]) -> object:
    child = order.get("child", 0)
    match order["order"]:
        case "start":
            child = _fork(order["act"], order["given"])
            living.add(child)
            return child
        case "signal" if child in living:
            os.kill(child, order["number"])
        case "alive" if child in living:
            _reap(child, living, ended)
            return child in living
        case "code":
            return ended[child]
        case _:
            pass  # a signal for one that has ended
    return None


def _reap(child: int, living: set[int], ended: dict[int, int]) -> None:
    gone, status = os.waitpid(child, os.WNOHANG)
    if gone:
        living.discard(child)
        ended[child] = os.waitstatus_to_exitcode(status)


def _fork(act: str, given: dict[str, Any]) -> int:
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        _end_with(parent)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        doing = getattr(importlib.import_module(ACTS[0]), act)
        code = asyncio.run(doing(**given)) or 0
    except BaseException:  # noqa: BLE001 - whatever it was, it must be readable afterwards
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _end_with(parent: int) -> None:
    """Let this process die with the one that forked it (prctl PR_SET_PDEATHSIG, Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    main()
