"""The first person: made once, by whoever holds the link that `penstock serve` printed.

The link is good for an hour, only its hash is stored, and it ends with the first person, as every
other one does. Two that are used at the same moment make one person.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import feeds, setup_links, users
from penstock.domain.errors import Conflict, NotFound
from penstock.domain.secret import Secret
from penstock.vault.hashing import hash_token

LIFETIME: Final = timedelta(hours=1)


class SetupOver(NotFound):
    """This set-up link is not good, or not any more."""


@dataclass(frozen=True, slots=True)
class SetupLink:
    """A link to make the first person with; `token` goes into `/setup?link=`."""

    token: Secret
    expires_at: datetime


def offer(connection: sa.Connection, *, now: datetime) -> SetupLink | None:
    """Return a new link, or None where there is somebody already."""
    if users.any_exist(connection):
        return None
    link = SetupLink(Secret(secrets.token_urlsafe(32)), now + LIFETIME)
    setup_links.create(connection, hash_token(link.token), now=now, expires_at=link.expires_at)
    return link


def check(connection: sa.Connection, token: Secret, *, now: datetime) -> None:
    """Raise SetupOver unless the link is good and there is nobody yet."""
    if users.any_exist(connection) or not setup_links.is_good(
        connection, hash_token(token), now=now
    ):
        raise SetupOver(
            "This set-up link is not good any more. Start `penstock serve` again for a new one, "
            "or add people with `penstock user add`."
        )


def finish(
    connection: sa.Connection, token: Secret, *, username: str, password_hash: str, now: datetime
) -> int:
    """Make the first person; return the row's number. Raises SetupOver."""
    users.lock_all(connection)
    check(connection, token, now=now)
    setup_links.delete_all(connection)
    return add_user(connection, username=username, password_hash=password_hash, now=now)


def add_user(
    connection: sa.Connection,
    *,
    username: str,
    password_hash: str,
    now: datetime,
    role: str | None = None,
) -> int:
    """Make a person, with a feed of changes; return the row's number. Raises Conflict.

    The first person is the admin; the others are members where no other role is named.
    """
    users.lock_all(connection)
    if users.find(connection, username) is not None:
        raise Conflict(f"There is already somebody called {username}.")
    chosen = role or ("member" if users.any_exist(connection) else "admin")
    user_id = users.create(
        connection, username=username, password_hash=password_hash, now=now, role=chosen
    )
    feeds.open_feed(connection, user_id)
    return user_id
