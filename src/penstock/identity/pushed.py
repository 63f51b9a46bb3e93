"""Authorization requests that wait here under a name: pushed ones (RFC 9126), and put-off ones.

A client pushes its request beforehand, and the browser brings only the name of it, so that nobody
can alter it on the way. The name is good once, for a minute; the browser that came with it gets
another one, good for ten minutes, while the person signs in and reads. A request that wants the
person to prove once more who they are waits in the same way: when it came is remembered here, not
in an address that could be altered.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import sqlalchemy as sa

from penstock.db import pushed
from penstock.db.lane import Database
from penstock.db.pushed import PushedRow
from penstock.domain.clock import Clock
from penstock.domain.errors import InvalidInput, TooManyAttempts
from penstock.domain.secret import Secret
from penstock.vault.hashing import hash_token

LIFETIME: Final = timedelta(seconds=60)
PREFIX: Final = "urn:ietf:params:oauth:request_uri:"

_OPEN_FOR: Final = timedelta(minutes=10)
_NAME_BYTES: Final = 32
_MOST_WAITING: Final = 1000


class RequestUnknown(InvalidInput):
    """There is no such request, or it is over: begin again in the program you came from."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A request with which a browser came, and when it did."""

    parameters: Mapping[str, str]
    opened_at: datetime


class PushedRequests:
    """Keeps requests for a while."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def push(self, client_id: str, parameters: Mapping[str, str]) -> str:
        """Keep a request of a client; return its name. Raises TooManyAttempts."""
        return await self._keep(client_id, parameters, opened_at=None)

    async def put_off(self, client_id: str, parameters: Mapping[str, str]) -> str:
        """Keep a request with which a browser came just now; return its name."""
        return await self._keep(client_id, parameters, opened_at=self._clock())

    async def open(self, client_id: str, name: str) -> str | Opened:
        """Return the request, or, at the browser's first visit, the name to go on with.

        Raises RequestUnknown.
        """
        further = _new_name()
        found = await self._database.write(_open, client_id, name, further, self._clock())
        if found is None:
            raise RequestUnknown
        return found

    async def close(self, name: str) -> None:
        """Forget a request that was answered. Raises RequestUnknown where it was before."""
        if not await self._database.write(pushed.take, hash_token(Secret(name))):
            raise RequestUnknown

    async def _keep(
        self, client_id: str, parameters: Mapping[str, str], *, opened_at: datetime | None
    ) -> str:
        name = _new_name()
        now = self._clock()
        row = PushedRow(
            name_hash=hash_token(Secret(name)),
            client_id=client_id,
            parameters=msgspec.json.encode(dict(parameters)).decode(),
            opened_at=opened_at,
            expires_at=now + (LIFETIME if opened_at is None else _OPEN_FOR),
        )
        await self._database.write(_keep, row, now)
        return name


def _new_name() -> str:
    return PREFIX + secrets.token_urlsafe(_NAME_BYTES)


def _keep(connection: sa.Connection, row: PushedRow, now: datetime) -> None:
    pushed.delete_expired(connection, before=now)
    if pushed.count(connection, client_id=row.client_id) >= _MOST_WAITING:
        raise TooManyAttempts("Too many requests of this program wait here.", retry_after=60)
    pushed.create(connection, row)


def _open(
    connection: sa.Connection, client_id: str, name: str, further: str, now: datetime
) -> str | Opened | None:
    name_hash = hash_token(Secret(name))
    row = pushed.find(connection, name_hash, now=now)
    if row is None or row.client_id != client_id:
        return None
    if row.opened_at is not None:
        parameters = msgspec.json.decode(row.parameters, type=dict[str, str])
        return Opened(parameters, row.opened_at)
    if not pushed.take(connection, name_hash):
        return None
    following = PushedRow(
        hash_token(Secret(further)), client_id, row.parameters, now, now + _OPEN_FOR
    )
    pushed.create(connection, following)
    return further
