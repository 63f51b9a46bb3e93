"""Which master keys this database knows, each by a value that only the right one gives.

A database refuses to be opened with any other. There is one, and two while they are being changed:
the `next` one becomes the `present` one when it is first used as such, and the other is `leaving`
then: it wraps no new data key.
"""

from typing import Final

import sqlalchemy as sa

from penstock.db.metadata import metadata

PRESENT: Final = "present"
NEXT: Final = "next"
LEAVING: Final = "leaving"

vault_check = sa.Table(
    "vault_check",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default=PRESENT),
)

_c = vault_check.c


def values(connection: sa.Connection) -> dict[str, str]:
    """Return the check value of every master key that this database is used with."""
    query = sa.select(_c.key_id, _c.value)  # a backup may be of a schema that has no states yet
    return {str(key_id): str(value) for key_id, value in connection.execute(query)}


def states(connection: sa.Connection) -> dict[str, str]:
    """Return the state of every master key that this database is used with."""
    return {row.key_id: row.state for row in connection.execute(vault_check.select())}


def lock(connection: sa.Connection) -> None:
    """Let nobody else save a check value until this transaction ends; reading goes on.

    A SQLite transaction that writes is alone from its beginning.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE vault_check IN SHARE ROW EXCLUSIVE MODE")


def wraps(connection: sa.Connection, key_id: str) -> bool:
    """Say whether a master key may wrap a new data key, and keep it so until we commit."""
    query = sa.select(_c.state).where(_c.key_id == key_id).with_for_update(read=True)
    return connection.execute(query).scalar_one_or_none() in {PRESENT, NEXT}


def save(connection: sa.Connection, key_id: str, value: str, *, state: str = PRESENT) -> None:
    """Remember a master key's check value."""
    connection.execute(vault_check.insert().values(key_id=key_id, value=value, state=state))


def set_state(connection: sa.Connection, key_id: str, state: str) -> None:
    """Say what a master key is from now on. Waits for those who wrap with it at this moment."""
    connection.execute(vault_check.update().where(_c.key_id == key_id).values(state=state))


def forget(connection: sa.Connection, key_id: str) -> None:
    """Forget a master key: the database is not opened with it any more."""
    connection.execute(vault_check.delete().where(_c.key_id == key_id))
