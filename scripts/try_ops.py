"""Run the steps of ops/ in a clean folder, where there is no Docker: what it would do, one by one.

uv run scripts/try_ops.py [--keep]

The Dockerfile's RUN, COPY, ENV, HEALTHCHECK, ENTRYPOINT and CMD are executed in a temporary folder
that stands for the image's root, by a new Python environment that stands for its base. Then the
services of compose.yaml run as processes of what was built, on a PostgreSQL of the tests' own: the
schema, the API, the workers, a person, a bank that is linked and synced, a backup, and its restore
into SQLite. What needs an image of its own (users, the network, read-only roots) is named and
left out. It takes a minute or two, and needs the package index.
"""

import argparse
import contextlib
import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import yaml  # type: ignore[import-untyped]  # noqa: E402 - after the path is set

from scripts.image import Image, build  # noqa: E402 - as above
from tests.postgres import OWNER, Cluster, administrator  # noqa: E402 - as above

PASSWORD = "a gate that feeds a mill"  # noqa: S105 - it opens a trial
PATIENCE = 60


def main() -> int:
    """Do it all, and return the exit code."""
    parser = argparse.ArgumentParser(description="Run the steps of ops/ in a clean folder.")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")
    keep = parser.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix="penstock-ops-"))
    folder.chmod(0o755)
    try:
        image = build(folder)
        with cluster() as port:
            run_services(image, port)
    finally:
        if not keep:
            shutil.rmtree(folder)
    print("everything in ops/ that can be tried here works")
    return 0


@contextlib.contextmanager
def cluster() -> Iterator[int]:
    """Run what stands for the service `db`; return its port."""
    print("db: a PostgreSQL of the tests' own")
    started = Cluster()
    try:
        with administrator(started.port) as connection:
            connection.execute(f"CREATE DATABASE penstock OWNER {OWNER}")
        yield started.port
    finally:
        started.stop()


@dataclass
class Trial:
    """The services of compose.yaml as processes on this machine."""

    image: Image
    services: dict[str, Any]
    database_port: int
    here: dict[str, str]

    def around(self, service: str) -> dict[str, str]:
        """Return a service's environment, with the addresses that things have here."""
        told = {name: str(one) for name, one in self.services[service]["environment"].items()}
        there = f"@127.0.0.1:{self.database_port}/"
        told["PENSTOCK_DATABASE_URL"] = told["PENSTOCK_DATABASE_URL"].replace("@db/", there)
        return self.image.surroundings(**told, **self.here)

    def do(self, *words: str, typed: str | None = None, **more: str) -> str:
        """Run a command in a container of its own; return what it printed."""
        return subprocess.run(
            [self.image.program, *words],
            env={**self.around("api"), **more},
            cwd=self.image.root,
            input=typed,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def start(self, stack: contextlib.ExitStack, service: str, *words: str) -> None:
        """Start a service, to be stopped at the end."""
        print(f"{service}: penstock {shlex.join(words)}")
        command = [self.image.program, *words]
        stack.enter_context(running(command, self.around(service), self.image.root))


def run_services(image: Image, database_port: int) -> None:
    """Run the services of compose.yaml, use them, and stop them."""
    api_port, bank_port = free_port(), free_port()
    given = {
        "POSTGRES_PASSWORD": "trusted-anyway",
        "PENSTOCK_KEY": "7f1c9d02b86ae345c1d8f70b9e2a46530fd4be8719c6a27d5e80f3b14692dc7a",
        "PENSTOCK_PROFILE": "staging",  # production asks no sandbox
        "PENSTOCK_METRICS_TOKEN": "scrape-me",
    }
    here = {
        "PENSTOCK_HOST": "127.0.0.1",
        "PENSTOCK_PORT": str(api_port),
        "PENSTOCK_SANDBOX_URL": f"http://127.0.0.1:{bank_port}",
    }
    services = compose(given)["services"]
    trial = Trial(image, services, database_port, here)
    trial.do(*services["migrate"]["command"])
    with contextlib.ExitStack() as stack:
        trial.start(stack, "api", "sandbox", "--port", str(bank_port))
        trial.start(stack, "api", *services["api"]["command"])
        ports = [free_port() for _ in range(services["worker"]["deploy"]["replicas"])]
        for port in ports:
            # In a container each has its own 9464, on every address of it.
            at = ["--metrics-host", "127.0.0.1", "--metrics-port", str(port)]
            trial.start(stack, "worker", *services["worker"]["command"], *at)
        wait_for("the health check", lambda: image.is_healthy(trial.around("api")))
        use(trial, f"http://127.0.0.1:{api_port}")
        ended = sum(syncs_told(port, given["PENSTOCK_METRICS_TOKEN"]) for port in ports)
        if ended != 1:
            sys.exit(f"the workers tell Prometheus of {ended} syncs, and there was 1")
        print("the workers tell Prometheus of the sync")


def syncs_told(port: int, token: str) -> int:
    """Ask a worker, as Prometheus does, how many syncs it has done."""
    address = f"http://127.0.0.1:{port}/metrics"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - it is http
        told = answer.read().decode()
    ended = re.findall(r'^penstock_sync_runs_total\{.*"done"\} (\S+)', told, re.MULTILINE)
    return sum(int(float(one)) for one in ended)


def use(trial: Trial, url: str) -> None:
    """Link a bank, let a worker sync it, take a backup, and restore it into SQLite."""
    server = {"PENSTOCK_URL": url}
    sign_in = ("login", "--username", "ann", "--password-stdin")
    trial.do("user", "add", "ann", "--password-stdin", typed=PASSWORD)
    trial.do(*sign_in, typed=PASSWORD, **server)
    trial.do("connect", "sandbox", "--auto-consent", **server)
    wait_for(
        "a worker's first sync", lambda: '"fresh"' in trial.do("connections", "--json", **server)
    )
    rows = json.loads(trial.do("transactions", "--json", **server))
    backup = str(trial.image.root / "backup.penstock")
    trial.do("backup", backup)
    home = str(trial.image.root / "restored")
    restored = {"PENSTOCK_HOME": home, "PENSTOCK_DATABASE_URL": "", "PENSTOCK_URL": ""}
    trial.do("restore", backup, **restored)
    trial.do(*sign_in, typed=PASSWORD, **restored)
    if not rows or json.loads(trial.do("transactions", "--json", **restored)) != rows:
        sys.exit("what was restored is not what was backed up")
    print(f"{len(rows)} transactions were synced, backed up, and restored into SQLite")


def compose(given: dict[str, str]) -> dict[str, Any]:
    """Read compose.yaml with these variables, as Compose does: `${A:?}` and `${A:-default}`."""
    text = (ROOT / "ops" / "compose.yaml").read_text(encoding="utf-8")
    filled: dict[str, Any] = _filled(yaml.safe_load(text), given)
    return filled


def _filled(value: Any, given: dict[str, str]) -> Any:  # noqa: ANN401 - any value of YAML
    def variable(found: re.Match[str]) -> str:
        name, how, other = found[1], found[2], found[3]
        if not given.get(name) and how == ":?":
            sys.exit(f"compose.yaml wants {name}")
        return given.get(name) or other

    match value:
        case dict():
            return {name: _filled(one, given) for name, one in value.items()}
        case list():
            return [_filled(one, given) for one in value]
        case str():
            return re.sub(r"\$\{(\w+)(:[?-])?([^}]*)\}", variable, value)
        case _:
            return value


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    """Run a service; stop it as `docker stop` does, and see that it ends by itself."""
    process = subprocess.Popen(command, env=environment, cwd=folder)
    try:
        yield
    finally:
        if process.poll() is not None:
            sys.exit(f"{command[1]} ended by itself, with {process.returncode}")
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)
        if code:
            print(f"{command[1]} ended with {code}")


def wait_for(what: str, is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if is_so():
            print(f"{what}: ok")
            return
        time.sleep(0.5)
    sys.exit(f"{what}: not within {PATIENCE} s")


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
