"""Other people's servers, each a process of its own on this machine, ended when a test is over."""

import contextlib
import http.client
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.programs import surroundings

PATIENCE = 60.0


def program(name: str) -> str:
    """Return where a program of the group `peers` is; skip the test where it is not installed."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed: `uv run --group peers pytest -m peers`")
    return found


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def daemon(
    command: Sequence[str], port: int, path: str, ready: Callable[[int], bool], **more: str
) -> Iterator[None]:
    """Run a server until the context is left; it is ready once `path` answers so."""
    process = subprocess.Popen(
        command, env=surroundings(more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + PATIENCE
        while not _answers(port, path, ready):
            assert process.poll() is None, f"{command[0]} ended at once"
            assert time.monotonic() < until, f"{command[0]} does not answer"
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(port: int, path: str, ready: Callable[[int], bool]) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        return ready(connection.getresponse().status)
    except OSError:
        return False
    finally:
        connection.close()
