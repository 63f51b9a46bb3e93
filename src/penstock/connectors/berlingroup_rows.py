"""NextGenPSD2's account reports (version 1.3.12): booked and pending rows, and what they mean.

Only the amount is required of a row, with the sign that it has: + is towards the holder. Both of
its ids are optional: `entryReference` is that of the bank's books, `transactionId` is good for
asking for details. What stands under `information` are standing orders, and no movements.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from penstock.connectors.berlin_reading import day, first_usable, reference, words
from penstock.connectors.wire import (
    CANNOT_READ,
    amount_of,
    broken,
    clean,
    decode,
    each_mapped,
    usable_id,
)
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Unmapped

WHAT: Final = "transactions"

_POSTED: Final = Status.POSTED
_PENDING: Final = Status.PENDING


class Amount(msgspec.Struct, gc=False):
    """Money as it is written: a decimal text with its sign."""

    amount: str
    currency: str


class Structured(msgspec.Struct, gc=False):
    """A creditor's reference."""

    reference: str | None = None


class Row(msgspec.Struct, rename="camel", gc=False):
    """One booked or pending row."""

    transaction_amount: Amount
    transaction_id: str | None = None
    entry_reference: str | None = None
    end_to_end_id: str | None = None
    booking_date: str | None = None
    value_date: str | None = None
    creditor_name: str | None = None
    ultimate_creditor: str | None = None
    debtor_name: str | None = None
    ultimate_debtor: str | None = None
    remittance_information_unstructured: str | None = None
    remittance_information_unstructured_array: list[str] | None = None
    remittance_information_structured: str | Structured | None = None
    remittance_information_structured_array: list[Structured] | None = None
    additional_information: str | None = None


class Link(msgspec.Struct):
    """Where something is to be had."""

    href: str | None = None


Links = dict[str, Link | None]


class _Report(msgspec.Struct):
    booked: list[Row] | None = None
    pending: list[Row] | None = None
    links: Links | None = msgspec.field(name="_links", default=None)


class _Answer(msgspec.Struct):
    transactions: _Report
    links: Links | None = msgspec.field(name="_links", default=None)


class _LooseReport(msgspec.Struct):
    booked: list[msgspec.Raw] | None = None
    pending: list[msgspec.Raw] | None = None
    links: Links | None = msgspec.field(name="_links", default=None)


class _LooseAnswer(msgspec.Struct):
    transactions: _LooseReport | None = None
    links: Links | None = msgspec.field(name="_links", default=None)


class _Aside(msgspec.Struct):
    """A row that was set aside: by itself it says neither whose it is, nor whether it is booked."""

    places: dict[str, str]
    booked: bool
    row: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Report:
    """One page of an account's report; `next` is the address of the one after it."""

    rows: list[TransactionSeen]
    unmapped: list[Unmapped]
    next: str | None


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_LOOSE: Final = msgspec.json.Decoder(_LooseAnswer)
_ROW: Final = msgspec.json.Decoder(Row)
_ASIDE: Final = msgspec.json.Decoder(_Aside)


def parse_report(body: bytes, places: Mapping[str, str]) -> Report:
    """Return a page; `places` are our names of the account by currency. Raises ContractBroken.

    A row that cannot be mapped goes along whole. A file to download is refused by name.
    """
    try:
        answer = _ANSWER.decode(clean(body))
        report = answer.transactions
        rows = [_mapped(row, places, booked=False) for row in report.pending or ()]
        rows += [_mapped(row, places, booked=True) for row in report.booked or ()]
        return _whole(rows, [], _together(answer.links, report.links))
    except (*CANNOT_READ, ContractBroken):
        return _one_by_one(body, places)


def parse_aside(raw: bytes) -> TransactionSeen:
    """Return a row that was set aside, from what was kept of it. Raises ContractBroken."""
    aside = decode(raw, _ASIDE, WHAT)
    return _row(bytes(aside.row), aside.places, booked=aside.booked)


def _one_by_one(body: bytes, places: Mapping[str, str]) -> Report:
    answer = decode(body, _LOOSE, WHAT)
    report = answer.transactions
    if report is None:
        _whole([], [], answer.links or {})
        raise broken(WHAT, "the answer holds none")
    rows: list[TransactionSeen] = []
    unmapped: list[Unmapped] = []
    for listed, booked in ((report.pending, False), (report.booked, True)):
        good, bad = each_mapped(
            listed or (), partial(_row, places=places, booked=booked), account_field=None
        )
        rows += good
        unmapped += [_aside(one, places, booked=booked) for one in bad]
    return _whole(rows, unmapped, _together(answer.links, report.links))


def _together(*links: Links | None) -> Links:
    """Return all links of an answer: banks name the next page in the report, or beside it."""
    return {name: link for some in links for name, link in (some or {}).items() if link}


def _whole(rows: list[TransactionSeen], unmapped: list[Unmapped], links: Links) -> Report:
    """Return a page. Raises ContractBroken where the rows are elsewhere: it is no empty one."""
    if links.get("download") and not (rows or unmapped):
        raise broken(WHAT, "the bank has them in a file to download, which is not read")
    link = links.get("next")
    return Report(rows, unmapped, link.href if link else None)


def _aside(one: Unmapped, places: Mapping[str, str], *, booked: bool) -> Unmapped:
    raw = msgspec.json.encode(_Aside(dict(places), booked, msgspec.Raw(one.raw)))
    account = next(iter(places.values())) if len(places) == 1 else None
    return Unmapped(account, None, one.reason, raw)


def _row(raw: bytes, places: Mapping[str, str], *, booked: bool) -> TransactionSeen:
    return _mapped(decode(raw, _ROW, WHAT), places, booked=booked)


def _mapped(row: Row, places: Mapping[str, str], *, booked: bool) -> TransactionSeen:
    name = row.entry_reference
    if name is None or not usable_id(name):
        name = first_usable(row.transaction_id)
    money = row.transaction_amount
    place = places.get(money.currency)
    if place is None:
        raise broken(WHAT, f"the account has no money in {money.currency[:12]!r}", name)
    try:
        amount = amount_of(money.amount, money.currency)
        value_on = day(row.value_date) if row.value_date else None
        booked_on = (day(row.booking_date) if row.booking_date else None) or value_on
    except InvalidInput as error:
        raise broken(WHAT, str(error), name) from None
    if booked and booked_on is None:
        raise broken(WHAT, "a booked row has no day", name)
    to = row.creditor_name or row.ultimate_creditor
    by = row.debtor_name or row.ultimate_debtor
    counterparty = (to or by) if amount < 0 else (by or to)
    fields = (
        place,
        name,
        _POSTED if booked else _PENDING,
        amount,
        money.currency,
        booked_on if booked else None,
        value_on,
        None,
        _words(row) or counterparty or "",
        counterparty,
        None,
        _reference(row),
        None,
        None,
        None,
    )
    return tuple.__new__(TransactionSeen, fields)


def _words(row: Row) -> str:
    """Return what the payer wrote; else the reference, else what the bank says of it."""
    several = row.remittance_information_unstructured_array
    one = row.remittance_information_unstructured
    written = words(one, *several) if several else " ".join(one.split()) if one else ""
    return written or words(*_references(row)) or words(row.additional_information)


def _reference(row: Row) -> str | None:
    if row.end_to_end_id is None and row.remittance_information_structured is None:
        several = row.remittance_information_structured_array
        return reference(*(one.reference for one in several)) if several else None
    return reference(row.end_to_end_id, *_references(row))


def _references(row: Row) -> list[str | None]:
    one = row.remittance_information_structured
    several = row.remittance_information_structured_array or ()
    if one is None and not several:
        return []
    return [one.reference if isinstance(one, Structured) else one, *(e.reference for e in several)]
