"""Importing files of banks: OFX, camt, MT940, QIF and CSV."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request
from pydantic import Field

from penstock.api.auth import require
from penstock.api.errors import MalformedRequest
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import (
    AccountId,
    AmountText,
    ConnectionId,
    Currency,
    Line,
    On,
    Outgoing,
    SyncId,
    Yes,
)
from penstock.domain.ids import public_id, row_number
from penstock.domain.imported import FileRow, Statement
from penstock.engine.import_plan import Wanted
from penstock.engine.importing import Import, Imported, IntoAccount, Wish
from penstock.files.proposal import propose
from penstock.files.reading import FORMATS, sniff
from penstock.identity.caller import Caller

router = nouns("imports")

_SHOWN: Final = 20
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "description": "The file, as it is.",
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
Count = Annotated[int, Field(examples=[0])]

Format = Annotated[
    str,
    Query(
        pattern=f"^({'|'.join(FORMATS)})?$",
        description=f"One of {', '.join(FORMATS)}; empty: by what stands in the file.",
    ),
]
Mapping = Annotated[Line | None, Query(description="The saved mapping of a CSV file.")]
FileCurrency = Annotated[
    str, Query(pattern="^([A-Z]{3})?$", description="Of a file that does not say it.")
]
DateOrder = Annotated[
    str,
    Query(pattern="^(dmy|mdy|ymd)?$", description="The order of a day's numbers in a QIF file."),
]
DecimalMark = Annotated[
    str,
    Query(pattern="^(point|comma)?$", description="The decimal mark of a QIF file."),
]
_MARKS: Final = {"": "", "point": ".", "comma": ","}


class ImportedAccount(Outgoing):
    """An account that the file speaks of."""

    id: Annotated[AccountId | None, Field(description="Null where a dry run would make it.")]
    name: str
    mask: Annotated[str | None, Field(examples=["4100"])]
    created: Annotated[bool, Field(description="Whether there was none yet.")]
    rows: Annotated[int, Field(description="Rows that the file has of it.", examples=[31])]
    first_on: On | None
    last_on: On | None
    balances: Annotated[int, Field(description="Balances that it states.", examples=[2])]


class ImportedInto(Outgoing):
    """What came into one connection, in one run."""

    sync_id: Annotated[
        SyncId | None, Field(description="Under this id it can be undone; null for a dry run.")
    ]
    connection_id: ConnectionId | None
    accounts: list[ImportedAccount]
    inserted: Annotated[int, Field(description="Rows that were not there at all.", examples=[9])]
    unchanged: Annotated[int, Field(description="Known, and not written.", examples=[22])]
    linked: Annotated[
        int, Field(description="Rows that another source had told already.", examples=[0])
    ]
    changed: Count
    removed: Count
    suggested: Annotated[int, Field(description="Pairs that wait for you.", examples=[0])]


class FileImport(Outgoing):
    """What an import did, or, of a dry run, what it would."""

    format: Annotated[str, Field(examples=["ofx"])]
    dry_run: bool
    imports: list[ImportedInto]
    left_out: Annotated[list[str], Field(description="What was not taken over, in words.")]


class PreviewRow(Outgoing):
    """A row as it is read."""

    line: int
    id: Annotated[str, Field(description="The bank's; empty: it gives none.")]
    booked_on: On
    amount: AmountText
    currency: Currency
    description: str
    counterparty: str | None


class PreviewAccount(Outgoing):
    """A statement of the file: whose it is, and its first rows."""

    name: str
    number: Annotated[str | None, Field(description="Its last digits.")]
    type: str
    currency: str
    row_count: int
    rows: list[PreviewRow]


class Proposal(Outgoing):
    """How a CSV file seems to be cut. How days and amounts are written is for you to say."""

    encoding: str
    delimiter: str
    skip: Annotated[int, Field(description="Lines above the header.")]
    columns: list[str]
    lines: list[list[str]]


class Preview(Outgoing):
    """How a file is read; for a CSV file without a mapping, what it looks like."""

    format: str
    accounts: list[PreviewAccount]
    proposal: Proposal | None


@dataclass(frozen=True, slots=True)
class Written:
    """What the caller says of how the file is written."""

    format: str
    mapping: str
    currency: str
    order: str
    decimal: str

    def wish(self, content: bytes, wanted: Wanted) -> Wish:
        """Return the file with what is wanted of it."""
        return Wish(content, wanted, self.format, self.order, self.decimal, self.mapping)


async def _written(
    format: Format = "",  # noqa: A002 - the parameter's name in the query
    mapping: Mapping = None,
    currency: FileCurrency = "",
    date_order: DateOrder = "",
    decimal: DecimalMark = "",
) -> Written:
    return Written(format, mapping or "", currency, date_order, _MARKS[decimal])


@dataclass(frozen=True, slots=True)
class Where:
    """Into what it goes, and whether it is only to be said."""

    account: str | None
    new: str
    dry_run: bool


async def _where(
    account: Annotated[
        AccountId | None, Query(description="The account it goes into; else as the file says.")
    ] = None,
    new: Annotated[
        Line | None, Query(description="The name of an account of its own, if it says none.")
    ] = None,
    dry_run: Annotated[Yes, Query(description="Only say what it would do.")] = False,
) -> Where:
    return Where(account, new or "", dry_run)


@router.post("/imports", openapi_extra=_BODY)
async def import_file(
    request: Request,
    caller: Annotated[Caller, require("connect", "sync")],
    running: Running,
    where: Annotated[Where, Depends(_where)],
    written: Annotated[Written, Depends(_written)],
) -> FileImport:
    """Import a file, or see what that would do. Twice, or overlapping: nothing is doubled.

    All of it is imported or none. Rows that a bank's own connection has told already are linked to
    them, one for one.
    """
    number = row_number("acc", where.account) if where.account is not None else None
    wanted = Wanted(caller.user_id, number, where.new, written.currency)
    wish = written.wish(await _file(request), wanted)
    done = await running.importer.import_file(wish, dry=where.dry_run)
    return _shape(done, dry=where.dry_run)


@router.post("/imports/preview", openapi_extra=_BODY)
async def preview_import(
    request: Request,
    caller: Annotated[Caller, require("read")],
    running: Running,
    written: Annotated[Written, Depends(_written)],
) -> Preview:
    """Show how a file is read, without storing anything."""
    content = await _file(request)
    if not written.mapping and (written.format or sniff(content) or "csv") == "csv":
        cut = propose(content)
        return Preview(format="csv", accounts=[], proposal=Proposal(**asdict(cut)))
    wish = written.wish(content, Wanted(caller.user_id, currency=written.currency))
    found = await running.importer.read(wish)
    return Preview(
        format=found.format, accounts=[_preview(one) for one in found.statements], proposal=None
    )


async def _file(request: Request) -> bytes:
    content = await request.body()
    if not content:
        raise MalformedRequest("Send the file as the body.")
    return content


def _preview(one: Statement) -> PreviewAccount:
    return PreviewAccount(
        name=one.holder.name,
        number=one.holder.mask,
        type=str(one.holder.type),
        currency=one.holder.currency,
        row_count=len(one.rows),
        rows=[_row(row) for row in one.rows[:_SHOWN]],
    )


def _row(row: FileRow) -> PreviewRow:
    return PreviewRow(
        line=row.line,
        id=row.id,
        booked_on=row.booked_on,
        amount=format(row.amount, "f"),
        currency=row.currency,
        description=row.description,
        counterparty=row.counterparty,
    )


def _shape(done: Imported, *, dry: bool) -> FileImport:
    return FileImport(
        format=done.format,
        dry_run=dry,
        imports=[_into(one) for one in done.imports],
        left_out=done.left_out,
    )


def _into(one: Import) -> ImportedInto:
    tally = one.tally
    return ImportedInto(
        sync_id=None if one.run_id is None else public_id("run", one.run_id),
        connection_id=None if one.connection_id is None else public_id("con", one.connection_id),
        accounts=[_account(each) for each in one.accounts],
        inserted=tally.inserted,
        unchanged=tally.unchanged,
        linked=tally.linked,
        changed=tally.changed,
        removed=tally.removed,
        suggested=one.suggested,
    )


def _account(one: IntoAccount) -> ImportedAccount:
    first, last = one.period or (None, None)
    return ImportedAccount(
        id=None if one.account_id is None else public_id("acc", one.account_id),
        name=one.name,
        mask=one.mask,
        created=one.created,
        rows=one.rows,
        first_on=first,
        last_on=last,
        balances=one.balances,
    )
