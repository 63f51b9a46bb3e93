"""People who sign in. A user name is stored the one way that it is compared: in lower case."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.errors import Conflict, NotFound

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("username", sa.Text, nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("disabled_at", Instant),
    sa.Column("role", sa.Text, nullable=False, server_default="member"),
)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A person as stored."""

    id: int
    username: str
    password_hash: str
    created_at: datetime
    disabled_at: datetime | None
    role: str

    def __repr__(self) -> str:
        return f"UserRow({self.id}, {self.username!r})"


def lock_all(connection: sa.Connection) -> None:
    """Let nobody else add a person until this transaction ends.

    SQLite has one writer at a time as it is.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")


def any_exist(connection: sa.Connection) -> bool:
    """Say whether there is anybody yet."""
    return connection.execute(sa.select(users.c.id).limit(1)).first() is not None


def create(
    connection: sa.Connection,
    *,
    username: str,
    password_hash: str,
    now: datetime,
    role: str = "member",
) -> int:
    """Store a new person; return the row's number. Raises Conflict where the name is taken."""
    try:
        with connection.begin_nested():
            statement = users.insert().values(
                username=username, password_hash=password_hash, created_at=now, role=role
            )
            return int(connection.execute(statement.returning(users.c.id)).scalar_one())
    except sa.exc.IntegrityError:
        raise Conflict(f"There is already somebody called {username}.") from None


def find(connection: sa.Connection, username: str) -> UserRow | None:
    """Return the person of this name, if there is one."""
    row = connection.execute(users.select().where(users.c.username == username)).one_or_none()
    return UserRow(*row) if row else None


def get(connection: sa.Connection, user_id: int) -> UserRow:
    """Return a person. Raises NotFound."""
    row = connection.execute(users.select().where(users.c.id == user_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such person.")
    return UserRow(*row)


def page(connection: sa.Connection, *, after: int = 0, limit: int = 100) -> list[UserRow]:
    """Return people in the order in which they were added, those with a number past `after`."""
    query = users.select().where(users.c.id > after).order_by(users.c.id).limit(limit)
    return [UserRow(*row) for row in connection.execute(query)]


def set_password(connection: sa.Connection, user_id: int, password_hash: str) -> None:
    """Store a new password's hash."""
    connection.execute(
        users.update().where(users.c.id == user_id).values(password_hash=password_hash)
    )


def disable(connection: sa.Connection, user_id: int, *, now: datetime) -> None:
    """Let a person in no more. Who is disabled already stays so, since when they were."""
    connection.execute(
        users.update()
        .where(users.c.id == user_id, users.c.disabled_at.is_(None))
        .values(disabled_at=now)
    )


def enable(connection: sa.Connection, user_id: int) -> None:
    """Let a person in again."""
    connection.execute(users.update().where(users.c.id == user_id).values(disabled_at=None))


def set_role(connection: sa.Connection, user_id: int, role: str) -> None:
    """Store a person's role."""
    connection.execute(users.update().where(users.c.id == user_id).values(role=role))


def admins(connection: sa.Connection) -> list[int]:
    """Return the numbers of the admins who can sign in."""
    query = sa.select(users.c.id).where(users.c.role == "admin", users.c.disabled_at.is_(None))
    return list(connection.execute(query.order_by(users.c.id)).scalars())


def hold(connection: sa.Connection, user_id: int) -> None:
    """Let nobody else do what one may do for this person only at a time, before this ends."""
    query = sa.select(users.c.id).where(users.c.id == user_id)
    connection.execute(query.with_for_update(key_share=True))
