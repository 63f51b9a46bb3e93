"""What is always true of what is stored, whatever happened: each rule as the query for exceptions.

The database looks for them, so that a table of any size is read in little memory, and changes
nothing. Foreign keys guard some of it on PostgreSQL already; a file that other tools wrote to, or a
restore that ended early, may be wrong in any way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.accounts import accounts
from penstock.db.connections import connections
from penstock.db.feeds import feeds
from penstock.db.tables import metadata
from penstock.db.transactions import transactions
from penstock.domain.errors import InvalidInput
from penstock.domain.holding import canonical_price, canonical_quantity
from penstock.domain.money import canonical

_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Broken:
    """Exceptions to a rule in one table: how many, what is wrong with them, and one row's key."""

    table: str
    rows: int
    fault: str
    example: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule: its name, what it says, and what to do where it does not hold."""

    name: str
    promise: str
    remedy: str


FEEDS: Final = Invariant(
    "feeds",
    "no row has a change number that its person's feed has not given yet",
    "Restore the last backup: programs that follow the feed would miss what comes next.",
)
OWNERS: Final = Invariant(
    "owners",
    "every row has its account, its connection and its person",
    "Restore the last backup, or delete these rows: nobody can see them.",
)
ALIASES: Final = Invariant(
    "aliases",
    "no former id of a row is the id of another one",
    "Run `penstock sync --from-start` for the connection; restore the last backup if it stays.",
)
AMOUNTS: Final = Invariant(
    "amounts",
    "every amount is written the one way that adds up and compares",
    "Restore the last backup, and say who wrote these: sums and comparisons leave them out.",
)
CURSORS: Final = Invariant(
    "cursors",
    "every cursor belongs to a connection",
    "Delete these cursors: the next sync of a connection reads from the beginning without one.",
)
LEASES: Final = Invariant(
    "leases",
    "every connection has its lease",
    "Restore the last backup: without a lease a connection is never synced.",
)
POSTED: Final = Invariant(
    "posted",
    "every posted row has the day of its booking, its run, and is dated by that day",
    "Run `penstock sync --from-start` for the connection; restore the last backup if it stays.",
)
SEALS: Final = Invariant(
    "seals",
    "where something is sealed, it is known with which key",
    "Restore the last backup: no key can be told to be the right one.",
)

Queries = Iterator[tuple[str, str, sa.Select[Any]]]
"""Tables, what is wrong there, and the query for the keys of the rows that are."""


def check(connection: sa.Connection) -> Iterator[tuple[Invariant, list[Broken]]]:
    """Look for exceptions to every rule, rule by rule."""
    for rule, queries in (
        (FEEDS, _feeds()),
        (OWNERS, _owners()),
        (ALIASES, _aliases()),
        (CURSORS, _of_no_connection("cursors")),
        (LEASES, _leases()),
        (POSTED, _posted()),
        (SEALS, _seals()),
    ):
        yield rule, [one for query in queries for one in _exceptions(connection, *query)]
    yield AMOUNTS, list(_amounts(connection))


def _exceptions(
    connection: sa.Connection, table: str, fault: str, keys: sa.Select[Any]
) -> Iterator[Broken]:
    found = keys.subquery()
    (key,) = found.c
    rows, example = connection.execute(sa.select(sa.func.count(), sa.func.min(key))).one()
    if rows:
        yield Broken(table, rows, fault, str(example))


def _key(table: sa.Table) -> sa.ColumnElement[object]:
    """Return the column that names a row: its number, or the first part of its key."""
    return next(iter(table.primary_key.columns)).label("key")


def _feeds() -> Queries:
    for table in metadata.sorted_tables:
        c = table.c
        if "owner_id" in c and "change_number" in c:
            joined = table.outerjoin(feeds, feeds.c.owner_id == c.owner_id)
            ahead = sa.or_(feeds.c.last.is_(None), c.change_number > feeds.c.last)
            yield (
                table.name,
                "a change number beyond the feed's last",
                sa.select(_key(table)).select_from(joined).where(ahead),
            )


def _owners() -> Queries:
    """Whatever names an account or a connection has the owner of it, where it names one."""
    for table in metadata.sorted_tables:
        for column, above in (("account_id", accounts), ("connection_id", connections)):
            if column not in table.c or table.name == "cursors":
                continue
            there = table.c[column]
            stray = sa.and_(there.is_not(None), above.c.id.is_(None))
            if "owner_id" in table.c:
                stray = sa.or_(stray, above.c.owner_id != table.c.owner_id)
            joined = table.outerjoin(above, above.c.id == there)
            query = sa.select(_key(table)).select_from(joined).where(stray)
            yield table.name, f"no such {column}, or somebody else's", query
    known = metadata.tables["securities"]
    for name in ("holdings", "own_prices", "security_ids", "security_events"):
        of = metadata.tables[name]
        joined = of.outerjoin(known, known.c.id == of.c.security_id)
        stray = sa.or_(known.c.id.is_(None), known.c.owner_id != of.c.owner_id)
        lost = sa.select(_key(of)).select_from(joined).where(of.c.security_id.is_not(None), stray)
        yield name, "no such security_id, or somebody else's", lost
    people = metadata.tables["users"]
    for table in (feeds, accounts, connections, transactions):
        joined = table.outerjoin(people, people.c.id == table.c.owner_id)
        query = sa.select(_key(table)).select_from(joined).where(people.c.id.is_(None))
        yield table.name, "nobody's", query


def _aliases() -> Queries:
    aliases = metadata.tables["aliases"]
    c, t = aliases.c, transactions.c
    same = sa.and_(t.account_id == c.account_id, t.external_id == c.external_id)
    query = (
        sa.select(c.transaction_id.label("key"))
        .join_from(aliases, transactions, same)
        .where(t.id != c.transaction_id, t.removed_at.is_(None))
    )
    yield "aliases", "the id of a row that is another one", query
    joined = aliases.outerjoin(transactions, t.id == c.transaction_id)
    lost = sa.select(c.transaction_id.label("key")).select_from(joined)
    yield "aliases", "of no row", lost.where(t.id.is_(None))


def _of_no_connection(name: str) -> Queries:
    table = metadata.tables[name]
    joined = table.outerjoin(connections, connections.c.id == table.c.connection_id)
    query = sa.select(table.c.connection_id.label("key")).select_from(joined)
    yield name, "of no connection", query.where(connections.c.id.is_(None))


def _leases() -> Queries:
    leases = metadata.tables["leases"]
    joined = connections.outerjoin(leases, leases.c.connection_id == connections.c.id)
    query = sa.select(_key(connections)).select_from(joined)
    yield "connections", "without a lease", query.where(leases.c.connection_id.is_(None))


def _posted() -> Queries:
    c = transactions.c
    query, posted = sa.select(_key(transactions)), c.status == "posted"
    half = sa.or_(c.booked_on.is_(None), c.posted_run_id.is_(None))
    yield "transactions", "posted, without its day or its run", query.where(posted, half)
    misdated = query.where(posted, c.dated_on != c.booked_on)
    yield "transactions", "posted, and dated by another day", misdated
    neither = query.where(c.status.not_in(["posted", "pending"]))
    yield "transactions", "neither posted nor pending", neither


def _seals() -> Queries:
    known = sa.exists().where(metadata.tables["vault_check"].c.key_id.is_not(None))
    for name in ("credentials", "signing_keys"):
        table = metadata.tables[name]
        yield name, "sealed, and no key is known", sa.select(_key(table)).where(~known)


def _amounts(connection: sa.Connection) -> Iterator[Broken]:
    """Read every different amount once, a few thousand at a time."""
    for name, column, written in _WRITTEN:
        c = metadata.tables[name].c
        amount = sa.cast(c[column], sa.Text())
        query = sa.select(amount, c.currency, sa.func.count(), sa.func.min(c.id))
        query = query.where(c[column].is_not(None))
        rows, example = 0, 0
        found = connection.execution_options(yield_per=_AT_ONCE).execute(
            query.group_by(amount, c.currency)
        )
        for text, currency, count, first in found:
            if not _is_written(text, currency, written):
                rows, example = rows + count, min(example or first, first)
        if rows:
            fault = f"{_AN[column]} that is not written as we write them"
            yield Broken(name, rows, fault, str(example))


_AN: Final = {
    "amount": "an amount",
    "quantity": "a quantity",
    "price": "a price",
    "value": "a value",
    "cost_basis": "a cost",
}
_WRITTEN: Final[tuple[tuple[str, str, Callable[[Decimal, str], Decimal]], ...]] = (
    ("transactions", "amount", canonical),
    ("balances", "amount", canonical),
    ("holdings", "quantity", lambda quantity, _: canonical_quantity(quantity)),
    ("holding_versions", "quantity", lambda quantity, _: canonical_quantity(quantity)),
    *(
        (table, name, canonical_price)
        for table in ("holdings", "holding_versions")
        for name in ("price", "value", "cost_basis")
    ),
)


def _is_written(text: str, currency: str, written: Callable[[Decimal, str], Decimal]) -> bool:
    try:
        return format(written(Decimal(text), currency), "f") == text
    except (InvalidOperation, InvalidInput):
        return False
