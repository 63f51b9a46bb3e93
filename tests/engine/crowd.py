"""Many processes at one database and one bank, let loose at the same moment."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PATIENCE: Final = 100
KEY: Final = "7f1c9d02b86ae345c1d8f70b9e2a46530fd4be8719c6a27d5e80f3b14692dc7a"
"""The key with which every process of a test opens what another has sealed."""


async def crowd(processes: int, act: str, **given: Any) -> list[Any]:
    """Let so many processes do an act of tests/engine/crowd_acts.py; return what each says of it.

    All of them are ready before the first begins. One that fails fails the test, with its trace.
    """
    command = [sys.executable, "-m", "tests.engine.crowd_acts", str(processes), act]
    process = await asyncio.create_subprocess_exec(
        *command,
        json.dumps(given),
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
