"""Which rows are decoys: by keyed marks, which tell a dump's reader nothing."""

import sqlalchemy as sa

from penstock.db.metadata import metadata

decoys = sa.Table(
    "decoys",
    metadata,
    sa.Column("mark", sa.Text, primary_key=True),
)


def lock(connection: sa.Connection) -> None:
    """Let nobody else plant any until this transaction ends. SQLite has one writer as it is."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE decoys IN SHARE ROW EXCLUSIVE MODE")


def is_marked(connection: sa.Connection, mark: str) -> bool:
    """Say whether this is the mark of a decoy."""
    return connection.execute(decoys.select().where(decoys.c.mark == mark)).first() is not None


def add(connection: sa.Connection, mark: str) -> None:
    """Remember a decoy's mark."""
    connection.execute(decoys.insert().values(mark=mark))


def any_planted(connection: sa.Connection) -> bool:
    """Say whether there is a decoy at all."""
    return connection.execute(decoys.select().limit(1)).first() is not None
