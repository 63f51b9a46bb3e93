"""What a run has to know of its connection before it asks the bank, read in one go."""

from dataclasses import dataclass

import sqlalchemy as sa

from penstock.db import accounts, credentials, cursors
from penstock.db.accounts import AccountRow
from penstock.db.credentials import SealedCredentials


@dataclass(frozen=True, slots=True)
class Known:
    """A connection's credentials, its accounts, and its cursors by stream, as they are stored."""

    credentials: SealedCredentials | None
    accounts: list[AccountRow]
    cursors: dict[str, str]


def read_known(connection: sa.Connection, connection_id: int) -> Known:
    """Read them. Under its lease nobody else moves a cursor; each commit proves it."""
    return Known(
        credentials.find(connection, connection_id),
        accounts.of_connection(connection, connection_id),
        cursors.of_connection(connection, connection_id),
    )
