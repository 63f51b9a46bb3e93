"""Many processes at one database and one bank, let loose at the same moment.

`await crowd(8, "tests.engine.acts.refresh", …)` in a test; this file is then also the program that
is started (`python -m tests.engine.crowd`). It imports the act once, and forks the processes from
there where the system can do that. An act calls the gate when it is ready: none begins before all
are. What it returns is told as JSON.
"""

import asyncio
import importlib
import json
import multiprocessing
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests import loopback

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PATIENCE: Final = 100
KEY: Final = "7f1c9d02b86ae345c1d8f70b9e2a46530fd4be8719c6a27d5e80f3b14692dc7a"
"""The key with which every process of a test opens what another has sealed."""

Gate = Callable[[], object]


async def crowd(processes: int, act: str, **given: Any) -> list[Any]:
    """Let so many processes do an act; return what each says of it.

    One that fails fails the test, with its trace.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.engine.crowd", str(processes), act, json.dumps(given)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, complaints = await asyncio.wait_for(process.communicate(), PATIENCE)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, complaints.decode()
    told: list[Any] = json.loads(said)
    assert len(told) == processes
    return told


def my_number() -> int:
    """Return which of the crowd this process is, from 0."""
    return int(multiprocessing.current_process().name)


def main(processes: int, act: str, given: dict[str, Any]) -> int:
    """Run a crowd; print what each process returned, or the traces of those that failed."""
    loopback.install()
    importlib.import_module(act.rpartition(".")[0])
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context: Any = multiprocessing.get_context(method)
    gate, told = context.Barrier(processes, timeout=60), context.SimpleQueue()
    started = [
        context.Process(target=_be_one, args=(act, given, gate, told), name=str(number))
        for number in range(processes)
    ]
    for process in started:
        process.start()
    results = sorted(told.get() for _ in started)
    for process in started:
        process.join()
    failures = [trace for _, good, trace in results if not good]
    sys.stderr.write("\n".join(failures))
    sys.stdout.write(json.dumps([json.loads(result) for _, good, result in results if good]))
    return 1 if failures else 0


def _be_one(act: str, given: dict[str, Any], gate: Any, told: Any) -> None:
    module, _, name = act.rpartition(".")
    try:
        result = asyncio.run(getattr(importlib.import_module(module), name)(gate.wait, **given))
        told.put((my_number(), True, json.dumps(result)))
    except BaseException:  # noqa: BLE001 - whatever it was, the test must hear of it
        gate.abort()
        told.put((my_number(), False, traceback.format_exc()))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])))
