"""Programs that a benchmark starts beside itself, and speaks to by lines of JSON."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Program:
    """A running program: what it is told goes to its standard input, a line at a time."""

    def __init__(self, name: str, running: "subprocess.Popen[str]") -> None:
        self._name = name
        self._running = running

    @property
    def pid(self) -> int:
        """Its process's number."""
        return self._running.pid

    def tell(self, line: str) -> None:
        """Send a line."""
        if self._running.stdin is None:
            raise SystemExit("the program cannot be spoken to")
        self._running.stdin.write(f"{line}\n")
        self._running.stdin.flush()

    def hear(self) -> Any:  # noqa: ANN401 - whatever the program says
        """Return the next line that it says."""
        line = self._running.stdout.readline() if self._running.stdout else ""
        if not line:
            raise SystemExit(f"{self._name} ended without an answer")
        return json.loads(line)


@contextmanager
def started(script: str, *arguments: object) -> Iterator[Program]:
    """Run a script of this folder; it ends when its standard input does."""
    running = subprocess.Popen(
        [sys.executable, Path(__file__).with_name(script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Program(script, running)
        if running.stdin is not None:
            running.stdin.close()
        running.wait(60)
    finally:
        running.kill()
        running.wait()


@contextmanager
def bank(rows: int, page_size: int = 500) -> Iterator[str]:
    """Run the sandbox bank with so many transactions, and yield its URL."""
    with started("bank.py", rows, page_size) as program:
        yield program.hear()["url"]
