"""Tie-outs: whether an account adds up against the bank's own balance, and where to look if not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from pydantic import Field

from penstock.api.auth import require
from penstock.api.brief import Brief, briefs
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import AccountId, AmountText, Currency, Moment, On, Outgoing
from penstock.db import accounts, tie_outs
from penstock.domain.ids import public_id, row_number
from penstock.domain.tieout import Day, TieOutStatus
from penstock.engine.tieout import days_of
from penstock.identity.caller import Caller

router = nouns("accounts")


class CheckedDay(Outgoing):
    """A balance of the bank that was held against the rows."""

    day: Annotated[On, Field(description="In the bank's own zone.")]
    stated: Annotated[AmountText, Field(description="What the bank said stands there.")]
    difference: Annotated[
        AmountText, Field(description="What it has more than the rows explain.", examples=["0.00"])
    ]


class CurrencyTieOut(Outgoing):
    """Whether an account adds up in one currency.

    `ok`: between the bank's balances the rows add up. `unproven`: there is one balance only.
    `settling`: they do not, for less than two days: banks count some rows before they list them.
    `difference`: they do not.
    """

    currency: Currency
    status: Annotated[TieOutStatus, Field(examples=["difference"])]
    amount: Annotated[
        AmountText, Field(description="What the bank's balance has more than the rows explain.")
    ]
    first_on: Annotated[On | None, Field(description="The first day that may hold it.")]
    candidates: Annotated[
        list[Brief], Field(description="Rows that would explain it: look at these first.")
    ]
    days: Annotated[list[CheckedDay], Field(description="Each day that was checked, oldest first.")]
    checked_at: Moment


class AccountTieOut(Outgoing):
    """How an account ties out, as last checked; no currency before the first sync has ended."""

    account_id: AccountId
    currencies: list[CurrencyTieOut]


@router.get("/accounts/{account_id}/tie-out")
async def get_tie_out(
    account_id: AccountId, caller: Annotated[Caller, require("read")], running: Running
) -> AccountTieOut:
    """Say whether an account adds up, and if not, by how much, since when, and where to look."""
    number = row_number("acc", account_id)
    today = running.clock().date()
    read = await running.database.read(_read, number, owner_id=caller.user_id, today=today)
    return AccountTieOut(
        account_id=public_id("acc", number), currencies=[_shape(row, read) for row in read.rows]
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """What was last found of an account, each day of it, and the rows to look at."""

    rows: Sequence[sa.Row[Any]]
    days: Mapping[str, list[Day]]
    known: Mapping[int, Brief]


def _shape(row: sa.Row[Any], read: _Read) -> CurrencyTieOut:
    return CurrencyTieOut(
        currency=row.currency,
        status=TieOutStatus(row.status),
        amount=format(row.amount, "f"),
        first_on=row.first_on,
        candidates=[read.known[one] for one in _candidates(row) if one in read.known],
        days=[
            CheckedDay(
                day=one.day, stated=format(one.stated, "f"), difference=format(one.difference, "f")
            )
            for one in read.days.get(row.currency, ())
        ],
        checked_at=row.checked_at,
    )


def _candidates(row: sa.Row[Any]) -> list[int]:
    return [row_number("txn", one) for one in msgspec.json.decode(row.candidates, type=list[str])]


def _read(connection: sa.Connection, number: int, *, owner_id: int, today: date) -> _Read:
    accounts.get(connection, number, owner_id=owner_id)
    rows = tie_outs.page(connection, owner_id=owner_id, account_ids=[number])
    named = [one for row in rows for one in _candidates(row)]
    return _Read(
        rows,
        days_of(connection, number),
        briefs(connection, named, owner_id=owner_id, today=today),
    )
