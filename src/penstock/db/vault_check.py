"""A value that only the right key gives: a database refuses to be opened with another one."""

import sqlalchemy as sa

from penstock.db.metadata import metadata

vault_check = sa.Table(
    "vault_check",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)


def values(connection: sa.Connection) -> dict[str, str]:
    """Return the check value of every key that this database was ever used with."""
    return {row.key_id: row.value for row in connection.execute(vault_check.select())}


def lock(connection: sa.Connection) -> None:
    """Let nobody else save a check value until this transaction ends; reading goes on.

    A SQLite transaction that writes is alone from its beginning.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE vault_check IN SHARE ROW EXCLUSIVE MODE")


def save(connection: sa.Connection, key_id: str, value: str) -> None:
    """Remember a key's check value."""
    connection.execute(vault_check.insert().values(key_id=key_id, value=value))
