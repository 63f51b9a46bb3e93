"""The change feed: for whoever keeps a copy, every changed row in its latest state, in order."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routes import accounts, balances, holdings, transactions
from penstock.api.routing import nouns
from penstock.api.rows import answer, row_of
from penstock.api.running import Running
from penstock.api.schemas import Outgoing
from penstock.db import changes
from penstock.db.changes import START, Change, Position
from penstock.domain.ids import public_id
from penstock.identity.caller import Caller

router = nouns("changes")

_LISTING: Final = "changes"
_PREFIXES: Final = {"account": "acc", "balance": "bal", "transaction": "txn", "holding": "hol"}


class AccountChange(accounts.Account):
    """An account as it is now."""

    kind: Literal["account"]


class BalanceChange(balances.Balance):
    """A balance as it is now."""

    kind: Literal["balance"]


class HoldingChange(holdings.Holding):
    """A position as it is now: one that is held no more says so."""

    kind: Literal["holding"]


class TransactionChange(transactions.Transaction):
    """A transaction as it is now: hidden, deleted and removed ones too, and says so."""

    kind: Literal["transaction"]


class Erasure(Outgoing):
    """A row that is gone for good: forget it."""

    kind: Literal["erasure"]
    id: Annotated[str, Field(description="The erased row's.", examples=["txn_0000000000011"])]
    erased: Annotated[
        Literal["account", "balance", "transaction", "holding"], Field(examples=["transaction"])
    ]


AnyChange = Annotated[
    AccountChange | BalanceChange | HoldingChange | TransactionChange | Erasure,
    Field(discriminator="kind"),
]


class Changes(Outgoing):
    """A page of changes. `next_cursor` is always there: ask with it again, now or tomorrow."""

    rows: list[AnyChange]
    next_cursor: Annotated[str, Field(examples=["v0e_x-xWWzMsMSwxXQ"])]
    has_more: Annotated[bool, Field(description="Whether more is waiting already.")]


_account: Final = row_of(AccountChange, kind="account")
_balance: Final = row_of(BalanceChange, kind="balance")
_holding: Final = row_of(HoldingChange, kind="holding")
_transaction: Final = row_of(TransactionChange, kind="transaction")
_erasure: Final = row_of(Erasure, kind="erasure")


@router.get("/changes", response_model=Changes)
async def list_changes(
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
) -> Response:
    """List what changed since the cursor, oldest change first; without one, everything.

    Each changed row comes at least once, in its latest state, and nothing is skipped, whoever
    writes meanwhile. A row may name an account that comes later.
    """
    after = Position(*(page.position(_LISTING, tuple[int, int, int]) or START))
    found = await running.database.read(
        changes.page,
        owner_id=caller.user_id,
        today=running.clock().date(),
        after=after,
        limit=page.limit,
    )
    last = found.changes[-1].position if found.changes else after
    rows = [_as_row(one) for one in found.changes]
    return answer(rows, cursor_after(_LISTING, last), has_more=found.more)


def _as_row(change: Change) -> Any:  # noqa: ANN401 - a struct that is only written
    match change.kind:
        case "account":
            return _account(*accounts.values(change.row))
        case "balance":
            return _balance(*balances.values(change.row))
        case "holding":
            return _holding(*holdings.values(change.row))
        case "transaction":
            (values,) = transactions.in_order([change.row])
            return _transaction(*values)
        case _:
            erased = change.row.kind
            return _erasure(public_id(_PREFIXES[erased], change.row.row_id), erased)
