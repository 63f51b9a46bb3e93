"""What proves who somebody is besides the password: authenticators (TOTP) and passkeys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from penstock.db.ending import KEPT
from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.errors import NotFound

factors = sa.Table(
    "factors",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sealed", sa.Text),
    sa.Column("last_step", Id),
    sa.Column("credential_id", sa.Text, unique=True),
    sa.Column("public_key", sa.Text),
    sa.Column("sign_count", Id, nullable=False, server_default="0"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("confirmed_at", Instant),
    sa.Column("used_at", Instant),
    sa.Index("ix_factors_user", "user_id", "id"),
    info=KEPT,
)

_c = factors.c


@dataclass(frozen=True, slots=True)
class FactorRow:
    """A factor as stored. One without `confirmed_at` was begun, and proves nothing yet.

    `sealed` is the secret of a TOTP, `last_step` the last time step whose code was used.
    `credential_id` and `public_key` (COSE) are those of a passkey, in base64url.
    """

    id: int
    user_id: int
    kind: str
    name: str
    sealed: str | None
    last_step: int | None
    credential_id: str | None
    public_key: str | None
    sign_count: int
    created_at: datetime
    confirmed_at: datetime | None
    used_at: datetime | None

    def __repr__(self) -> str:
        return f"FactorRow({self.id}, {self.kind}, of {self.user_id})"


def create(connection: sa.Connection, values: dict[str, Any]) -> int:
    """Store a factor; return its number."""
    return int(connection.execute(factors.insert().values(values).returning(_c.id)).scalar_one())


def seal(connection: sa.Connection, factor_id: int, sealed: str) -> None:
    """Store the sealed secret of a factor."""
    connection.execute(factors.update().where(_c.id == factor_id).values(sealed=sealed))


def of(connection: sa.Connection, user_id: int, kind: str | None = None) -> list[FactorRow]:
    """Return the confirmed factors of a person, of one kind where it is named."""
    wanted = [_c.user_id == user_id, _c.confirmed_at.is_not(None)]
    if kind is not None:
        wanted.append(_c.kind == kind)
    query = factors.select().where(*wanted).order_by(_c.id)
    return [FactorRow(*row) for row in connection.execute(query)]


def get(connection: sa.Connection, factor_id: int, *, user_id: int) -> FactorRow:
    """Return one of a person's factors, confirmed or not. Raises NotFound."""
    query = factors.select().where(_c.id == factor_id, _c.user_id == user_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such factor.")
    return FactorRow(*row)


def by_credential(connection: sa.Connection, credential_id: str) -> FactorRow | None:
    """Return the passkey with this id."""
    query = factors.select().where(_c.credential_id == credential_id)
    row = connection.execute(query).one_or_none()
    return FactorRow(*row) if row else None


def use_step(connection: sa.Connection, factor_id: int, step: int, *, now: datetime) -> bool:
    """Use up the code of a time step and all before it. Of many at once, one is told True."""
    unused = sa.or_(_c.last_step.is_(None), _c.last_step < step)
    used = connection.execute(
        factors.update().where(_c.id == factor_id, unused).values(last_step=step, used_at=now)
    )
    return used.rowcount == 1


def count_up(
    connection: sa.Connection, factor_id: int, *, before: int, count: int, now: datetime
) -> bool:
    """Store a passkey's signature count, if it is still `before`; say whether it was."""
    used = connection.execute(
        factors.update()
        .where(_c.id == factor_id, _c.sign_count == before)
        .values(sign_count=count, used_at=now)
    )
    return used.rowcount == 1


def confirm(connection: sa.Connection, factor_id: int, *, now: datetime) -> bool:
    """Let a factor count from now on; False where it does already."""
    done = connection.execute(
        factors.update()
        .where(_c.id == factor_id, _c.confirmed_at.is_(None))
        .values(confirmed_at=now)
    )
    return done.rowcount == 1


def delete(connection: sa.Connection, factor_id: int) -> None:
    """Forget a factor."""
    connection.execute(factors.delete().where(_c.id == factor_id))


def delete_unconfirmed(connection: sa.Connection, user_id: int) -> None:
    """Forget what a person began and never confirmed."""
    connection.execute(factors.delete().where(_c.user_id == user_id, _c.confirmed_at.is_(None)))


def delete_all(connection: sa.Connection, user_id: int) -> int:
    """Forget all factors of a person; return how many there were."""
    return connection.execute(factors.delete().where(_c.user_id == user_id)).rowcount
