"""What institutions said stands on accounts. Appended, never overwritten (sync.md 17)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import accounts
from penstock.db.matching import plain
from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.db.prepared import Prepared
from penstock.db.runs import runs
from penstock.domain.balance import BalanceKind

ALL: Final = 1_000_000
"""A page that holds whatever there is."""

balances = sa.Table(
    "balances",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("account_id", Id, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    sa.Column("run_id", Id, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount", Exact, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("as_of", Instant, nullable=False),
    sa.Column("as_of_on", sa.Date, nullable=False),
    sa.Column("observed_at", Instant, nullable=False),
    sa.Column("change_number", sa.BigInteger, nullable=False),
    sa.Index("ix_balances_account", "account_id", "kind", "currency", "as_of", "id"),
    sa.Index("ix_balances_change", "owner_id", "change_number", "id"),
    sa.Index("ix_balances_heard", "account_id", "observed_at"),
)


def unheard(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those of these observed balances that are new.

    A statement (kind, currency, instant) heard again is not a new one, unless its amount is not
    what was heard last: then the bank has corrected it. What an undone run heard was not heard.
    """
    said = list(dict.fromkeys(_statement(row) for row in rows))
    last: dict[tuple[Any, ...], Decimal] = {}
    for start in range(0, len(said), _AT_ONCE):
        part = said[start : start + _AT_ONCE]
        # Of few sizes, each twice the one before: to prepare a large one takes long, and room.
        many = max(_FEWEST, 1 << (len(part) - 1).bit_length())
        part += part[-1:] * (many - len(part))
        asked = {
            f"{name}_{number}": value
            for number, one in enumerate(part)
            for name, value in zip(_STATEMENT, one, strict=True)
        }
        last |= {row[:4]: row[4] for row in _last_amounts(many).rows(connection, asked)}
    new = []
    for row in rows:  # one after the other: an update may say the same twice
        statement = _statement(row)
        if last.get(statement) != row["amount"]:
            last[statement] = row["amount"]
            new.append(row)
    return new


def append(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Append those of these observed balances that are new; return how many."""
    new = unheard(connection, rows)
    insert(connection, new)
    return len(new)


def insert(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Append balances that are new."""
    if rows:
        connection.execute(balances.insert(), list(rows))


_AT_ONCE: Final = 1024  # statements in one query: four values each, and databases bind 32,766
_FEWEST: Final = 4
_STATEMENT: Final = ("account_id", "kind", "currency", "as_of")
_statement: Final[Callable[[dict[str, Any]], tuple[Any, ...]]] = itemgetter(*_STATEMENT)


@cache
def _last_amounts(many: int) -> Prepared:
    """Return the query of what was heard of so many statements, the latest last."""
    said = [balances.c[name] for name in _STATEMENT]
    these = [
        sa.tuple_(*(sa.bindparam(f"{one.name}_{number}", type_=one.type) for one in said))
        for number in range(many)
    ]
    query = sa.select(*said, balances.c.amount).where(
        sa.tuple_(*said).in_(these), ~_of_undone_run()
    )
    return Prepared(query.order_by(balances.c.id))


_CURRENCIES: Final = sa.text("""
    WITH RECURSIVE named (kind, currency) AS (
        SELECT kinds.kind, (SELECT min(currency) FROM balances
            WHERE account_id = :account AND kind = kinds.kind)
        FROM (SELECT 'opening' AS kind UNION ALL SELECT 'current') AS kinds
        UNION ALL
        SELECT kind, (SELECT min(currency) FROM balances WHERE account_id = :account
            AND kind = named.kind AND currency > named.currency)
        FROM named WHERE currency IS NOT NULL
    )
    SELECT DISTINCT currency FROM named WHERE currency IS NOT NULL ORDER BY currency
""")


def currencies(connection: sa.Connection, account_id: int) -> list[str]:
    """Return the currencies in which an account's balances of posted rows were stated.

    A long history costs nothing: from one to the next is one look into the index.
    """
    return list(connection.execute(_CURRENCIES, {"account": account_id}).scalars())


def observed(
    connection: sa.Connection,
    account_id: int,
    currency: str,
    *,
    kinds: Sequence[BalanceKind],
    after: date = date.min,
) -> list[sa.Row[Any]]:
    """Return an account's balances of these kinds, oldest statement first, of days past `after`.

    What a run heard that was undone is left out: the rows that it came with are gone too.
    """
    c = balances.c
    query = (
        balances.select()
        .where(c.account_id == account_id, c.kind.in_(kinds), c.currency == currency)
        .where(~_of_undone_run())
        .order_by(c.as_of, c.id)
    )
    if after > date.min:  # the day is of the bank's zone; by the instant there is an index
        instant = datetime.combine(after, time(0), UTC) - timedelta(days=1)
        query = query.where(c.as_of >= instant, c.as_of_on > after)
    return list(connection.execute(query))


def _of_undone_run() -> sa.Exists:
    undone = sa.select(sa.literal(1)).where(
        runs.c.id == balances.c.run_id, runs.c.undone_at.is_not(None)
    )
    return undone.exists()


def reading() -> sa.Select[Any]:
    """Select balances as they are read; amounts, days and instants are plain (matching.plain)."""
    c = balances.c
    columns = (
        plain(c[name]) for name in ("amount", "currency", "as_of", "as_of_on", "observed_at")
    )
    return sa.select(c.id, c.account_id, c.kind, *columns)


@dataclass(frozen=True, slots=True)
class History:
    """Which balances of an account to list: of one kind, of the days from `since` to `until`."""

    account_id: int
    kind: BalanceKind | None = None
    since: date | None = None
    until: date | None = None


def page(
    connection: sa.Connection,
    history: History,
    *,
    owner_id: int,
    after: tuple[datetime, int] | None = None,
    limit: int,
) -> Sequence[sa.Row[Any]]:
    """Return an account's balances, the newest statement first, from past `after`.

    The row has its instant twice: plain as `as_of`, and as a `datetime` in `stated_at`, by which
    the next page goes on. Raises NotFound where the account is not the owner's.
    """
    accounts.get(connection, history.account_id, owner_id=owner_id)
    c = balances.c
    query = (
        reading()
        .add_columns(c.as_of.label("stated_at"))
        .where(c.account_id == history.account_id, c.owner_id == owner_id)
        .order_by(c.as_of.desc(), c.id.desc())
        .limit(limit)
    )
    if history.kind is not None:
        query = query.where(c.kind == history.kind)
    if history.since is not None:
        query = query.where(c.as_of_on >= history.since)
    if history.until is not None:
        query = query.where(c.as_of_on <= history.until)
    if after is not None:
        moment, number = sa.literal(after[0], Instant()), sa.literal(after[1], Id)
        query = query.where(sa.tuple_(c.as_of, c.id) < sa.tuple_(moment, number))
    return connection.execute(query).all()


def newest(
    connection: sa.Connection,
    account_ids: Sequence[int],
    *,
    owner_id: int,
    after: tuple[int, str, str] | None = None,
    limit: int = ALL,
) -> Sequence[sa.Row[Any]]:
    """Return the newest balance of each of the owner's accounts among these, by kind and currency.

    They are ordered by account, kind and currency, and begin past `after`. What an undone run
    heard is left out: the rows that it came with are gone too. A long history costs nothing: from
    one (account, kind, currency) to the next is one look into the index.
    """
    given: dict[str, object] = {"owner": owner_id, "accounts": account_ids, "most": limit}
    if after is not None:
        given |= zip(("account", "kind", "currency"), after, strict=True)
    # Two looks: as one, PostgreSQL reads all balances to join them with a few numbers.
    numbers = connection.execute(_newest(further=after is not None), given).scalars().all()
    c = balances.c
    query = reading().where(c.id.in_(numbers), c.owner_id == owner_id)
    return connection.execute(query.order_by(c.account_id, c.kind, c.currency)).all()


@cache
def _newest(*, further: bool) -> sa.Select[tuple[int]]:
    """Return the query of the newest balances' numbers; to make it takes longer than to run it."""
    c, steps = balances.c, _steps()
    key = (steps.c.account_id, steps.c.kind, steps.c.currency)
    top = (
        sa.select(c.id)
        .where(c.account_id == key[0], c.kind == key[1], c.currency == key[2])
        .where(~_of_undone_run())
        .order_by(c.as_of.desc(), c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = sa.select(*key, top.label("number")).where(steps.c.currency.is_not(None))
    if further:
        reached = sa.tuple_(
            sa.bindparam("account", type_=Id),
            sa.bindparam("kind", type_=sa.Text()),
            sa.bindparam("currency", type_=sa.Text()),
        )
        found = found.where(sa.tuple_(*key) > reached)
    each = found.subquery("found").c  # of one all of whose balances were undone there is none
    numbers = sa.select(each.number).where(each.number.is_not(None))
    order = (each.account_id, each.kind, each.currency)
    return numbers.order_by(*order).limit(sa.bindparam("most"))


def _steps() -> sa.CTE:
    """Every (account, kind, currency) that there is, and null where a kind has no more of them."""
    c, a = balances.c, accounts.accounts.c
    each = (sa.select(sa.literal(str(kind), sa.Text()).label("kind")) for kind in BalanceKind)
    kinds = sa.union_all(*each).subquery("kinds")
    first = sa.select(sa.func.min(c.currency)).where(c.account_id == a.id, c.kind == kinds.c.kind)
    chosen = a.id.in_(sa.bindparam("accounts", expanding=True))
    steps = (
        sa.select(a.id.label("account_id"), kinds.c.kind, first.scalar_subquery().label("currency"))
        .select_from(accounts.accounts.join(kinds, sa.true()))
        .where(a.owner_id == sa.bindparam("owner"), chosen)
        .cte("steps", recursive=True)
    )
    following = sa.select(sa.func.min(c.currency)).where(
        c.account_id == steps.c.account_id,
        c.kind == steps.c.kind,
        c.currency > steps.c.currency,
    )
    further = sa.select(steps.c.account_id, steps.c.kind, following.scalar_subquery())
    return steps.union_all(further.where(steps.c.currency.is_not(None)))


def page_by_number(
    connection: sa.Connection, *, owner_id: int, after: int, limit: int
) -> Sequence[sa.Row[Any]]:
    """Return every balance of the owner in the order of its number, from past `after`."""
    c = balances.c
    # SQLite would rather sort all of the owner's rows for each page than walk the table.
    owner = c.owner_id + 0 if connection.dialect.name == "sqlite" else c.owner_id
    query = reading().where(owner == owner_id, c.id > after).order_by(c.id).limit(limit)
    return connection.execute(query).all()
