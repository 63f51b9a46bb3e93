"""Which transactions a person sees, and in which order: newest first, page by page.

A page goes on from the day and the number of the last row before it, along an index: the last one
costs what the first one does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from penstock.db import accounts
from penstock.db.matching import at_least, at_most, contains
from penstock.db.metadata import Id
from penstock.db.transactions import reading, transactions


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
) -> Sequence[sa.Row[Any]]:
    """Return the owner's transactions, newest first, from past `after` (a row's day and number).

    Raises NotFound where the listing names an account or a connection that is not the owner's.
    """
    c, kind = transactions.c, connection.dialect.name
    among = accounts.listed_under(
        connection,
        owner_id=owner_id,
        account_id=listing.account_id,
        connection_id=listing.connection_id,
    )
    query = (
        reading(today)
        .where(c.owner_id == owner_id, *_of_accounts(listing, among))
        .where(*_in_range(kind, listing), *_wanted(kind, listing))
        .order_by(c.dated_on.desc(), c.id.desc())
        .limit(limit)
    )
    if after is not None:
        day, number = sa.literal(after[0], sa.Date()), sa.literal(after[1], Id)
        query = query.where(sa.tuple_(c.dated_on, c.id) < sa.tuple_(day, number))
    return connection.execute(query).all()


def _of_accounts(
    listing: Listing, among: Sequence[accounts.Listed]
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield what the accounts say of their rows: which belong, are hidden, come too early."""
    c = transactions.c
    if listing.account_id is not None:
        yield c.account_id == listing.account_id
    elif listing.connection_id is not None:
        yield c.account_id.in_([account.id for account in among])
    if listing.account_id is None and not listing.hidden:
        hidden = [account.id for account in among if account.hidden]
        if hidden:
            yield c.account_id.not_in(hidden)
    for account in among:
        if account.start_on is not None:
            yield sa.or_(c.account_id != account.id, c.dated_on >= account.start_on)


def _in_range(dialect: str, listing: Listing) -> Iterator[sa.ColumnElement[bool]]:
    c = transactions.c
    if listing.since is not None:
        yield c.dated_on >= listing.since
    if listing.until is not None:
        yield c.dated_on <= listing.until
    if listing.at_least is not None:
        yield at_least(dialect, c.amount, listing.at_least)
    if listing.at_most is not None:
        yield at_most(dialect, c.amount, listing.at_most)


def _wanted(dialect: str, listing: Listing) -> Iterator[sa.ColumnElement[bool]]:
    c = transactions.c
    if not listing.removed:
        yield c.removed_at.is_(None)
    if not listing.deleted:
        yield c.deleted_at.is_(None)
    if not listing.hidden:
        yield c.hidden.is_(False)
    if listing.status is not None:
        yield c.status == listing.status
    if listing.category is not None:
        yield sa.func.coalesce(c.person_category, c.category) == listing.category
    if listing.text is not None:
        searched = (c.description, c.counterparty, c.note, c.reference)
        yield contains(dialect, searched, listing.text)
