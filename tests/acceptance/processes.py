"""The program as people run it: processes of its own, one for each command."""

import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.programs import surroundings

SECONDS = 120
PASSWORD = "a gate that feeds a mill"


@dataclass
class Machine:
    """A machine with a home folder on it; `environment` is what its commands are given."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(
        self,
        *arguments: str,
        typed: str = "",
        code: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, which must be this exit code."""
        ran = subprocess.run(
            [sys.executable, "-m", "penstock", *arguments],
            input=typed,
            capture_output=True,
            check=False,
            encoding="utf-8",
            env=self.surroundings(environment),
            timeout=SECONDS,
        )
        assert ran.returncode == code, f"{arguments}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return ran

    def json(self, *arguments: str) -> Any:
        """Run a command with --json; its stdout must be one JSON value, and nothing else."""
        return json.loads(self.run(*arguments, "--json").stdout)

    @contextlib.contextmanager
    def running(self, *arguments: str) -> Iterator["Server"]:
        """Run a command that listens, until the block ends; then it must end well when asked."""
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=self.surroundings(),
            **_apart(),
        )
        server = Server(process)
        try:
            server.wait_until_it_listens()
            yield server
            assert server.stop() == 0, server.said
        finally:
            process.kill()
            process.communicate()

    def surroundings(self, environment: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment that its commands are given."""
        own = {"PENSTOCK_HOME": str(self.home)}
        return surroundings(own, self.environment, environment or {})


class Server:
    """A command that listens. `url` says where, `said` is everything that it printed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.url = ""
        self.said = ""

    def wait_until_it_listens(self) -> None:
        """Read what it says, up to the address that it listens on."""
        for line in self.process.stdout or ():
            self.said += line
            found = re.search(r"listens on (http://\S+)", line)
            if found:
                self.url = found[1]
                return
        raise AssertionError(f"it ended before it listened:\n{self.said}")

    def wait_until_it_says(self, text: str) -> str:
        """Read what it says, up to a line with `text`; return that line."""
        for line in self.process.stdout or ():
            self.said += line
            if text in line:
                return line
        raise AssertionError(f"it never said {text!r}:\n{self.said}")

    def stop(self) -> int:
        """Ask it to end, as a system does that shuts down; return its exit code."""
        self.process.send_signal(_request_to_stop())
        rest, _ = self.process.communicate(timeout=SECONDS)
        self.said += rest
        return self.process.returncode


def _request_to_stop() -> int:
    if sys.platform == "win32":
        return signal.CTRL_BREAK_EVENT
    return signal.SIGTERM


def _apart() -> dict[str, Any]:
    """Let it be told to stop without this process being told too."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {}
