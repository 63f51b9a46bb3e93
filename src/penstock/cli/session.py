"""Who is signed in here: tokens in a file of the home folder, each kept for one address only."""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from penstock.cli.failure import Failed
from penstock.cli.files import make_private_folder, written_whole
from penstock.cli.session_keys import SessionKeys

IN_PROCESS: Final = "this installation"
"""The address of the app run in this process."""


@dataclass(frozen=True, slots=True)
class Session:
    """A person's tokens. Without `refresh` it ends with `expires_at`; None: not known when.

    `bound` says that they are good only with a proof of the key that is kept beside them.
    """

    username: str
    access: str
    refresh: str | None = None
    expires_at: datetime | None = None
    bound: bool = False

    def __repr__(self) -> str:
        return f"Session({self.username!r}, ***)"


class Sessions:
    """The stored sessions of one home folder, by the address that issued them."""

    def __init__(self, home: Path) -> None:
        self.path = home / "session.json"
        self.lock = home / "session.lock"
        self.keys = SessionKeys(home)

    def find(self, address: str) -> Session | None:
        """Return the session at `address`, if one is stored. Raises Failed."""
        stored = self._read().get(address)
        if stored is None:
            return None
        try:
            expires_at = stored["expires_at"]
            return Session(
                username=str(stored["username"]),
                access=str(stored["access"]),
                refresh=stored["refresh"],
                expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
                bound=bool(stored.get("bound")),
            )
        except (KeyError, TypeError, ValueError):
            raise self._unreadable() from None

    def save(self, address: str, session: Session) -> None:
        """Store the session in place of the last one at `address`."""
        expires_at = session.expires_at.astimezone(UTC).isoformat() if session.expires_at else None
        self._write({**self._read(), address: {**asdict(session), "expires_at": expires_at}})

    def delete(self, address: str) -> None:
        """Forget the session at `address`; with the last one the file goes."""
        self.keys.delete(address)
        left = {one: session for one, session in self._read().items() if one != address}
        if left:
            self._write(left)
        else:
            self.path.unlink(missing_ok=True)

    def prepare(self) -> None:
        """Make the home folder, where the lock is, if it is not there."""
        make_private_folder(self.path.parent)

    def _read(self) -> dict[str, Any]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        try:
            stored = json.loads(content)
        except ValueError:
            raise self._unreadable() from None
        if not isinstance(stored, dict):
            raise self._unreadable()
        return stored

    def _write(self, stored: dict[str, Any]) -> None:
        self.prepare()
        with written_whole(self.path) as file:
            file.write(json.dumps(stored, indent=2).encode())

    def _unreadable(self) -> Failed:
        return Failed(
            f"the stored session in {os.fspath(self.path)} cannot be read",
            remedy="Delete that file, then run `penstock login`.",
        )
