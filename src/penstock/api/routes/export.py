"""Everything that is a person's, taken out as it is read: memory stays flat, whatever the size.

Rows come in the order in which we met them, by their numbers, which never change: an export that a
sync overtakes still has every row once. It is read in batches, and no transaction is open while
the network takes its time.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sa
from fastapi import Query
from starlette.responses import StreamingResponse

from penstock.api import csv_lines
from penstock.api.archive import zipped
from penstock.api.auth import require
from penstock.api.routes import accounts, balances, holdings, securities, transactions
from penstock.api.routes.changes import (
    AccountChange,
    BalanceChange,
    HoldingChange,
    TransactionChange,
)
from penstock.api.routing import nouns
from penstock.api.rows import Row, row_of
from penstock.api.running import Installation, Running
from penstock.db import accounts as stored_accounts
from penstock.db import balances as stored_balances
from penstock.db import holdings as stored_holdings
from penstock.db import securities as stored_securities
from penstock.db import transactions as stored_transactions
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.identity.caller import Caller

router = nouns("export")

BATCH: Final = 1000
"""How many rows are read, and held in memory, at a time."""

_AMOUNTS: Final = frozenset(
    {"amount", "original_amount", "quantity", "price", "value", "cost_basis"}
)
_encoder: Final = msgspec.json.Encoder()

Read = Callable[[sa.Connection, int, date, int], Sequence[Any]]
"""Reads a batch: of this owner, as of today, past this row number."""

Write = Callable[["Table", Iterable[tuple[Any, ...]]], bytes]
"""Writes a batch down."""


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"


class Kind(StrEnum):
    """Which rows."""

    TRANSACTIONS = "transactions"
    ACCOUNTS = "accounts"
    BALANCES = "balances"
    HOLDINGS = "holdings"
    SECURITIES = "securities"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of row: its columns, and how a batch of it is read and put in order."""

    kind: Kind
    columns: tuple[str, ...]
    row: Row
    read: Read
    in_order: Callable[[Iterable[Any]], Iterable[tuple[Any, ...]]]

    @property
    def amounts(self) -> frozenset[int]:
        """The places of the columns that are numbers."""
        return frozenset(place for place, name in enumerate(self.columns) if name in _AMOUNTS)


def _read_accounts(
    connection: sa.Connection, owner_id: int, _today: date, after: int
) -> Sequence[sa.Row[Any]]:
    wanted = stored_accounts.Wanted()
    return stored_accounts.page(connection, wanted, owner_id=owner_id, after=after, limit=BATCH)


def _read_balances(
    connection: sa.Connection, owner_id: int, _today: date, after: int
) -> Sequence[sa.Row[Any]]:
    return stored_balances.page_by_number(connection, owner_id=owner_id, after=after, limit=BATCH)


def _read_holdings(
    connection: sa.Connection, owner_id: int, _today: date, after: int
) -> Sequence[sa.Row[Any]]:
    wanted = stored_holdings.Wanted(ended=True, hidden=True)
    return stored_holdings.page(connection, wanted, owner_id=owner_id, after=after, limit=BATCH)


def _read_securities(
    connection: sa.Connection, owner_id: int, _today: date, after: int
) -> Sequence[Any]:
    wanted = stored_securities.Wanted()
    return stored_securities.page(connection, wanted, owner_id=owner_id, after=after, limit=BATCH)


def _read_transactions(
    connection: sa.Connection, owner_id: int, today: date, after: int
) -> Sequence[sa.Row[Any]]:
    return stored_transactions.page_by_number(
        connection, owner_id=owner_id, today=today, after=after, limit=BATCH
    )


TABLES: Final = (
    Table(
        Kind.ACCOUNTS,
        tuple(accounts.Account.model_fields),
        row_of(AccountChange, kind="account"),
        _read_accounts,
        lambda rows: map(accounts.values, rows),
    ),
    Table(
        Kind.BALANCES,
        tuple(balances.Balance.model_fields),
        row_of(BalanceChange, kind="balance"),
        _read_balances,
        lambda rows: map(balances.values, rows),
    ),
    Table(
        Kind.HOLDINGS,
        tuple(holdings.Holding.model_fields),
        row_of(HoldingChange, kind="holding"),
        _read_holdings,
        lambda rows: map(holdings.values, rows),
    ),
    Table(
        Kind.SECURITIES,
        tuple(securities.Security.model_fields),
        row_of(securities.Security, kind="security"),
        _read_securities,
        lambda rows: map(securities.values, rows),
    ),
    Table(
        Kind.TRANSACTIONS,
        tuple(transactions.Transaction.model_fields),
        row_of(TransactionChange, kind="transaction"),
        _read_transactions,
        transactions.in_order,
    ),
)
"""In the order in which everything is exported."""

_EXAMPLE: Final = (
    "id,account_id,status,amount\r\ntxn_0000000000011,acc_0000000000011,posted,-12.50\r\n"
)
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The rows. CSV of everything is a zip of one file a kind.",
        "content": {
            "application/jsonl": {
                "schema": {"type": "string"},
                "example": '{"kind":"transaction","id":"txn_0000000000011","amount":"-12.50"}\n',
            },
            "text/csv": {"schema": {"type": "string"}, "example": _EXAMPLE},
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.get("/export", response_class=StreamingResponse, responses=_ANSWERS)
async def export(
    caller: Annotated[Caller, require("read", export=True)],
    running: Running,
    format_: Annotated[
        Format, Query(alias="format", description="How the rows are written.")
    ] = Format.JSONL,
    kind: Annotated[Kind, Query(description="Which rows.")] = Kind.EVERYTHING,
) -> StreamingResponse:
    """Take out everything that is yours, hidden, removed and deleted rows too.

    The columns are those of the API. JSON lines: one object a row, with its `kind`. CSV: RFC 4180
    in UTF-8; an empty cell is null; a text that a spreadsheet would take for a formula, or that
    begins with an apostrophe, has an apostrophe before it; amounts are plain numbers.
    """
    event = AuditEvent(AuditKind.EXPORTED, caller.user_id, facts={"kind": kind.value})
    await running.database.write(running.audit.record, event, now=running.clock())
    tables = [table for table in TABLES if kind in (Kind.EVERYTHING, table.kind)]
    name = f"penstock-{kind}-{running.clock():%Y-%m-%d}"
    if format_ is Format.JSONL:
        chunks = _jsonl(running, caller.user_id, tables)
        return _download(chunks, f"{name}.jsonl", "application/jsonl")
    if kind is Kind.EVERYTHING:
        return _download(_zip(running, caller.user_id, tables), f"{name}.zip", "application/zip")
    (table,) = tables
    chunks = _csv(running, caller.user_id, table)
    return _download(chunks, f"{name}.csv", "text/csv; charset=utf-8; header=present")


def _download(chunks: AsyncIterator[bytes], name: str, media_type: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chunks, headers=headers, media_type=media_type)


async def _jsonl(
    running: Installation, owner_id: int, tables: Iterable[Table]
) -> AsyncIterator[bytes]:
    for table in tables:
        async for chunk in _batches(running, owner_id, table, _as_jsonl):
            yield chunk


async def _csv(running: Installation, owner_id: int, table: Table) -> AsyncIterator[bytes]:
    yield csv_lines.head(table.columns)
    async for chunk in _batches(running, owner_id, table, _as_csv):
        yield chunk


async def _zip(
    running: Installation, owner_id: int, tables: Iterable[Table]
) -> AsyncIterator[bytes]:
    files = {f"{table.kind}.csv": _csv(running, owner_id, table) for table in tables}
    async for chunk in zipped(files, made_at=running.clock()):
        yield chunk


async def _batches(
    running: Installation, owner_id: int, table: Table, write: Write
) -> AsyncIterator[bytes]:
    today = running.clock().date()
    after: int | None = 0
    while after is not None:
        chunk, after = await running.database.read(
            _read_batch, table, write, owner_id=owner_id, today=today, after=after
        )
        if chunk:
            yield chunk


def _read_batch(
    connection: sa.Connection,
    table: Table,
    write: Write,
    *,
    owner_id: int,
    today: date,
    after: int,
) -> tuple[bytes, int | None]:
    """Read a batch and write it down, on the lane's thread; return where the next one begins."""
    rows = table.read(connection, owner_id, today, after)
    return write(table, table.in_order(rows)), rows[-1].id if len(rows) == BATCH else None


def _as_jsonl(table: Table, values: Iterable[tuple[Any, ...]]) -> bytes:
    return _encoder.encode_lines([table.row(*row) for row in values])


def _as_csv(table: Table, values: Iterable[tuple[Any, ...]]) -> bytes:
    return csv_lines.lines(values, table.amounts)
