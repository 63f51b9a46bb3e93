"""Accounts: what stands on them, whether they add up, and what the person calls them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

import msgspec
import sqlalchemy as sa
from fastapi import Query
from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routes.balances import Balance
from penstock.api.routes.balances import values as balance_values
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import (
    AccountId,
    AmountText,
    ConnectionId,
    Currency,
    Day,
    Incoming,
    Line,
    Moment,
    NextCursor,
    On,
    Outgoing,
    TransactionId,
    Yes,
)
from penstock.api.standing import Freshness, freshness_of
from penstock.db import accounts, balances, connections, tie_outs
from penstock.db.connections import ConnectionRow
from penstock.domain.account import AccountType
from penstock.domain.ids import public_id, row_number
from penstock.domain.tieout import TieOutStatus
from penstock.engine import edit
from penstock.identity.caller import Caller

router = nouns("accounts")


class Account(Outgoing):
    """An account at an institution. `label`, `hidden` and `start_on` are the person's own."""

    id: AccountId
    connection_id: ConnectionId
    parent_id: Annotated[AccountId | None, Field(description="The account it is a part of.")]
    name: Annotated[str, Field(description="The provider's name.", examples=["Current account"])]
    label: Annotated[str | None, Field(description="What the person calls it.", examples=["Joint"])]
    type: Annotated[AccountType, Field(examples=["checking"])]
    currency: Currency
    mask: Annotated[str | None, Field(description="The last digits.", examples=["4242"])]
    active: Annotated[bool, Field(description="Whether the institution still lists it.")]
    hidden: bool
    start_on: Annotated[On | None, Field(description="Rows dated before it are not listed.")]
    created_at: Moment


_REST: Final = len(Account.model_fields) - 3


class TieOut(Outgoing):
    """Whether an account adds up: the bank's balances against the rows between them."""

    status: Annotated[TieOutStatus, Field(examples=["ok"])]
    currency: Currency
    amount: Annotated[
        AmountText, Field(description="What the bank's balance has more than the rows explain.")
    ]
    first_on: Annotated[On | None, Field(description="The first day that may hold it.")]
    candidates: Annotated[
        list[TransactionId], Field(description="Rows that would explain it.", examples=[[]])
    ]
    checked_at: Moment


class AccountNow(Account):
    """An account with the newest balance of each kind, its tie-out, and how old all that is."""

    balances: list[Balance]
    tie_outs: Annotated[list[TieOut], Field(description="As last checked, one a currency.")]
    freshness: Freshness


class Accounts(Outgoing):
    """A page of accounts."""

    rows: list[AccountNow]
    next_cursor: NextCursor


class AccountEdit(Incoming):
    """What to change of an account; what is left out stays, null takes it away."""

    label: Annotated[Line | None, Field(examples=["Joint account"])] = None
    hidden: Annotated[bool, Field(examples=[False])] = False
    start_on: Annotated[Day | None, Field(examples=["2026-01-01"])] = None


@dataclass(frozen=True, slots=True)
class _Found:
    """Accounts and all that is shown with them."""

    rows: Sequence[sa.Row[Any]]
    balances: Mapping[int, list[sa.Row[Any]]]
    tie_outs: Mapping[int, list[sa.Row[Any]]]
    connections: Mapping[int, ConnectionRow]


@router.get("/accounts")
async def list_accounts(
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
    connection: Annotated[
        ConnectionId | None, Query(description="Of this connection only.")
    ] = None,
    include_hidden: Annotated[Yes, Query(description="Hidden ones too.")] = False,
) -> Accounts:
    """List accounts in the order we met them, with what stands on them now."""
    connection_id = row_number("con", connection) if connection is not None else None
    listing = f"accounts {connection_id} {include_hidden}"
    found = await running.database.read(
        _read_page,
        owner_id=caller.user_id,
        wanted=accounts.Wanted(connection_id, include_hidden),
        after=page.position(listing, int) or 0,
        limit=page.limit + 1,
    )
    shown = found.rows[: page.limit]
    return Accounts(
        rows=[_shape(row, found, running) for row in shown],
        next_cursor=cursor_after(listing, shown[-1].id) if len(found.rows) > len(shown) else None,
    )


@router.get("/accounts/{account_id}")
async def get_account(
    account_id: AccountId, caller: Annotated[Caller, require("read")], running: Running
) -> AccountNow:
    """Show one account."""
    return await _one(running, row_number("acc", account_id), caller.user_id)


@router.patch("/accounts/{account_id}")
async def edit_account(
    account_id: AccountId,
    body: AccountEdit,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> AccountNow:
    """Rename an account, hide it, or say from which day on its rows are listed."""
    number = row_number("acc", account_id)
    given = cast("edit.AccountEdit", body.model_dump(include=body.model_fields_set))
    await running.database.write(edit.edit_account, number, given, owner_id=caller.user_id)
    return await _one(running, number, caller.user_id)


def values(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return an account's values in the order of `Account`."""
    number, connection_id, parent_id, *rest = row
    parent = public_id("acc", parent_id) if parent_id is not None else None
    return (public_id("acc", number), public_id("con", connection_id), parent, *rest[:_REST])


async def _one(running: Installation, number: int, owner_id: int) -> AccountNow:
    found = await running.database.read(_read_one, number, owner_id=owner_id)
    return _shape(found.rows[0], found, running)


def _shape(row: sa.Row[Any], found: _Found, running: Installation) -> AccountNow:
    fields = dict(zip(Account.model_fields, values(row), strict=True))
    return AccountNow(
        **fields,
        balances=[_balance(one) for one in found.balances[row.id]],
        tie_outs=[_tie_out(one) for one in found.tie_outs[row.id]],
        freshness=freshness_of(found.connections[row.connection_id], running),
    )


def _balance(row: sa.Row[Any]) -> Balance:
    return Balance(**dict(zip(Balance.model_fields, balance_values(row), strict=True)))


def _tie_out(row: sa.Row[Any]) -> TieOut:
    return TieOut(
        status=TieOutStatus(row.status),
        currency=row.currency,
        amount=format(row.amount, "f"),
        first_on=row.first_on,
        candidates=msgspec.json.decode(row.candidates, type=list[str]),
        checked_at=row.checked_at,
    )


def _read_page(
    connection: sa.Connection, *, owner_id: int, wanted: accounts.Wanted, after: int, limit: int
) -> _Found:
    rows = accounts.page(connection, wanted, owner_id=owner_id, after=after, limit=limit)
    return _with_all(connection, rows, owner_id)


def _read_one(connection: sa.Connection, number: int, *, owner_id: int) -> _Found:
    return _with_all(connection, [accounts.shown(connection, number, owner_id=owner_id)], owner_id)


def _with_all(connection: sa.Connection, rows: Sequence[sa.Row[Any]], owner_id: int) -> _Found:
    numbers = [row.id for row in rows]
    newest = balances.newest(connection, numbers, owner_id=owner_id)
    checked = tie_outs.page(connection, owner_id=owner_id, account_ids=numbers)
    behind = sorted({row.connection_id for row in rows})
    return _Found(
        rows,
        _by_account(newest),
        _by_account(checked),
        connections.some(connection, behind, owner_id=owner_id),
    )


def _by_account(rows: Sequence[sa.Row[Any]]) -> Mapping[int, list[sa.Row[Any]]]:
    groups: defaultdict[int, list[sa.Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[row.account_id].append(row)
    return groups
