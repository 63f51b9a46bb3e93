"""What is known of the hosts that prices come from: their robots.txt, and answers of theirs.

What is spent of their rates, quotas and places is kept with everybody else's (db/budgets.py), and
how they do (db/breakers.py). No row holds a secret: an address is known by its hash alone.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.asked import clean, texts
from penstock.db.metadata import Instant, metadata
from penstock.domain.pricing import Kept, RobotsSeen
from penstock.domain.quote import Quote

price_robots = sa.Table(
    "price_robots",
    metadata,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("until", Instant, nullable=False),
    sa.Column("text", sa.Text),
)
"""What a host's robots.txt said. Null: nothing may be asked."""

price_answers = sa.Table(
    "price_answers",
    metadata,
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("quotes", sa.Text, nullable=False),
    sa.Column("fetched_at", Instant, nullable=False),
    sa.Column("fresh_until", Instant, nullable=False),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
    sa.Index("ix_price_answers_fetched", "fetched_at"),
)
"""`address` is a hash; `quotes` what was read of the answer (JSON), never the answer itself."""

_r, _a = price_robots.c, price_answers.c
_LONGEST_MARK: Final = 500
_FORMAT: Final = tuple[tuple[str, ...], dict[str, Quote]]
"""Quotes are written as rows, behind the names of their fields: another release may have others."""


def robots(connection: sa.Connection, host: str) -> RobotsSeen | None:
    """Return what is known of a host's robots.txt."""
    row = connection.execute(price_robots.select().where(_r.host == clean(host))).one_or_none()
    return None if row is None else RobotsSeen(row.until, row.text)


def keep_robots(connection: sa.Connection, host: str, seen: RobotsSeen) -> None:
    """Remember a host's robots.txt. What was read later stands."""
    text = None if seen.text is None else clean(seen.text)
    new = _insert(connection, price_robots).values(host=clean(host), until=seen.until, text=text)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[_r.host],
            set_={"until": new.excluded.until, "text": new.excluded.text},
            where=_r.until <= new.excluded.until,
        )
    )


def recall(connection: sa.Connection, addresses: Collection[str]) -> dict[str, Kept]:
    """Return what is kept of these addresses. A row that cannot be read is as none."""
    named = {_hash(address): address for address in addresses}
    asked = texts(connection, named)
    query = price_answers.select().where(_a.address.in_(sa.select(asked.c.text)))
    found = {}
    for row in connection.execute(query):
        address = named[row.address]
        kept = _kept(row, address)
        if kept is not None:
            found[address] = kept
    return found


def keep(connection: sa.Connection, answers: Iterable[Kept]) -> None:
    """Keep answers in place of those before. In one order: nobody waits for each other for ever."""
    rows = {_hash(one.address): _row(one) for one in answers}
    if not rows:
        return
    new = _insert(connection, price_answers)
    values = {column.name: new.excluded[column.name] for column in _a if not column.primary_key}
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[_a.address], set_=values, where=_a.fetched_at <= new.excluded.fetched_at
        ),
        [rows[address] for address in sorted(rows)],
    )


def sweep(connection: sa.Connection, *, before: datetime, most: int) -> int:
    """Forget answers that came before an instant, and the oldest of more than `most`."""
    gone = connection.execute(price_answers.delete().where(_a.fetched_at < before)).rowcount
    newest = sa.select(_a.fetched_at).order_by(_a.fetched_at.desc()).offset(most).limit(1)
    over = _a.fetched_at <= newest.scalar_subquery()
    return gone + connection.execute(price_answers.delete().where(over)).rowcount


def _insert(connection: sa.Connection, table: sa.Table) -> Any:  # noqa: ANN401 - either dialect's
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _hash(address: str) -> str:
    return hashlib.blake2b(address.encode("utf-8", "replace"), digest_size=20).hexdigest()


def _row(kept: Kept) -> Mapping[str, Any]:
    return {
        "address": _hash(kept.address),
        "source": clean(kept.source),
        "quotes": clean(msgspec.json.encode((Quote._fields, kept.quotes)).decode()),
        "fetched_at": kept.fetched_at,
        "fresh_until": kept.fresh_until,
        "etag": _mark(kept.etag),
        "last_modified": _mark(kept.last_modified),
    }


def _mark(text: str | None) -> str | None:
    """Return a mark of an answer; one that no source needs so long is none."""
    return None if text is None or len(text) > _LONGEST_MARK else clean(text)


def _kept(row: sa.Row[Any], address: str) -> Kept | None:
    try:
        fields, quotes = msgspec.json.decode(row.quotes, type=_FORMAT)
    except msgspec.MsgspecError:  # of another release, or by another hand
        return None
    if fields != Quote._fields:
        return None
    return Kept(
        row.source, address, quotes, row.fetched_at, row.fresh_until, row.etag, row.last_modified
    )
