"""Which transactions a person sees, and in which order: newest first, page by page.

A page goes on from the day and the number of the last row before it, along an index: the last one
costs what the first one does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from penstock.db import accounts
from penstock.db.matching import at_least, at_most, contains, pattern
from penstock.db.metadata import Exact, Id
from penstock.db.prepared import Prepared
from penstock.db.transactions import overdue, reading, transactions

Q = TypeVar("Q", sa.Select[Any], sa.CompoundSelect[Any])

_DATED_ON: Final = list(reading().selected_columns.keys()).index("dated_on")
_OF_ANY_NUMBER: Final = frozenset({"accounts", "hidden_accounts"})
"""The conditions whose values are lists: with each length the statement is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which transactions to list. With nothing given: all that a person normally wants to see.

    Rows dated before their account's `start_on` are never listed. Rows of a hidden account count
    as hidden, except where that very account is asked for.
    """

    account_id: int | None = None
    connection_id: int | None = None
    since: date | None = None
    until: date | None = None
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    text: str | None = None
    status: str | None = None
    category: str | None = None
    removed: bool = False
    hidden: bool = False
    deleted: bool = False


def page(
    connection: sa.Connection,
    listing: Listing,
    *,
    owner_id: int,
    today: date,
    after: tuple[date, int] | None,
    limit: int,
) -> Sequence[Sequence[Any]]:
    """Return the owner's transactions, newest first, from past `after` (a row's day and number).

    They come as `transactions.reading` gives them, in tuples; what is true may be a number.
    Raises NotFound where the listing names an account or a connection that is not the owner's.
    """
    dialect = connection.dialect.name
    among = accounts.listed_under(
        connection,
        owner_id=owner_id,
        account_id=listing.account_id,
        connection_id=listing.connection_id,
    )
    given = dict(_given(dialect, listing)) | dict(_of_accounts(listing, among))
    fixed = {"owner": owner_id, "limit": limit, **overdue(today)}
    if after is not None:
        day, number = after
        if listing.since is not None and day < listing.since:
            return []
        if listing.until is None or day <= listing.until:  # of two bounds the index takes one
            given |= {"after": day}
            given.pop("until", None)
            fixed["after_number"] = number
    names = frozenset(given)
    if names & _OF_ANY_NUMBER:
        return connection.execute(_statement(dialect, names), given | fixed).all()
    return _prepared(dialect, names).rows(connection, given | fixed)


def position(row: Sequence[Any]) -> tuple[date, int]:
    """Return after which day and number the page begins that follows a row of `page`."""
    return row[_DATED_ON], row[0]


def _given(dialect: str, listing: Listing) -> Iterator[tuple[str, object]]:
    """Yield the conditions that a listing makes, by name, each with the value to bind."""
    for name in ("since", "until", "at_least", "at_most", "status", "category"):
        value = getattr(listing, name)
        if value is not None:
            yield name, value
    if listing.text is not None:
        yield "text", pattern(dialect, listing.text)
    for name in ("removed", "hidden", "deleted"):
        if not getattr(listing, name):
            yield f"not_{name}", True


def _of_accounts(
    listing: Listing, among: Sequence[accounts.Listed]
) -> Iterator[tuple[str, object]]:
    """Yield the conditions that accounts make: which belong, are hidden, begin later."""
    if listing.account_id is not None:
        # It may be the owner's, and yet not of the connection that is asked for.
        yield "account", listing.account_id if among else 0
    elif listing.connection_id is not None:
        yield "accounts", [account.id for account in among]
    hidden = [account.id for account in among if account.hidden]
    if hidden and listing.account_id is None and not listing.hidden:
        yield "hidden_accounts", hidden
    if any(account.starts for account in among):
        yield "started", True


@lru_cache(512)
def _prepared(dialect: str, names: frozenset[str]) -> Prepared:
    return Prepared(_statement(dialect, names))


@lru_cache(512)
def _statement(dialect: str, names: frozenset[str]) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """Return the query with these conditions. To make one takes as long as to read a page."""
    c, known, sqlite = transactions.c, _conditions(dialect), dialect == "sqlite"
    # Left to itself, SQLite reads all of the owner's rows to find those of one account.
    owner = c.owner_id + 0 if sqlite and "account" in names else c.owner_id
    query = reading().where(
        owner == sa.bindparam("owner"),
        *(known[name] for name in sorted(names - {"since", "after"})),
    )
    since = [known[name] for name in names & {"since"}]
    if "after" not in names:
        return _newest_first(query.where(*since))
    day, number = sa.bindparam("after", type_=sa.Date()), sa.bindparam("after_number", type_=Id)
    if not sqlite:
        past = sa.tuple_(c.dated_on, c.id) < sa.tuple_(day, number)
        return _newest_first(query.where(past, *since))
    # SQLite looks a pair up by its first part alone, and would read past all rows of that day.
    rest_of_day = query.where(c.dated_on == day, c.id < number)
    both = sa.union_all(rest_of_day, query.where(c.dated_on < day, *since))
    return _newest_first(both)


def _newest_first(query: Q) -> Q:
    c = query.selected_columns
    return query.order_by(c.dated_on.desc(), c.id.desc()).limit(sa.bindparam("limit"))


@lru_cache
def _conditions(dialect: str) -> Mapping[str, sa.ColumnElement[bool]]:
    """Return every condition by its name, which is also the name of the value that it takes."""
    c, a = transactions.c, accounts.accounts.c
    too_early = sa.exists().where(a.id == c.account_id, a.start_on > c.dated_on)
    searched = (c.description, c.counterparty, c.note, c.reference)
    return {
        "account": c.account_id == sa.bindparam("account"),
        "accounts": c.account_id.in_(sa.bindparam("accounts", expanding=True)),
        "hidden_accounts": c.account_id.not_in(sa.bindparam("hidden_accounts", expanding=True)),
        "started": ~too_early,
        "since": c.dated_on >= sa.bindparam("since"),
        "until": c.dated_on <= sa.bindparam("until"),
        "at_least": at_least(dialect, c.amount, sa.bindparam("at_least", type_=Exact())),
        "at_most": at_most(dialect, c.amount, sa.bindparam("at_most", type_=Exact())),
        "status": c.status == sa.bindparam("status"),
        "category": sa.func.coalesce(c.person_category, c.category) == sa.bindparam("category"),
        "text": contains(dialect, searched, sa.bindparam("text", type_=sa.Text())),
        "not_removed": c.removed_at.is_(None),
        "not_hidden": c.hidden.is_(False),
        "not_deleted": c.deleted_at.is_(None),
    }
