"""ISO 20022 camt.053 statements (and camt.052, camt.054 of booked rows), of any version.

Read with defusedxml: no document type, no entity, nothing from elsewhere. A batch whose parts all
have amounts that make up its own is read part by part; any other is the one row that was booked.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.imported import FileRow, Holder, Stated, Statement
from penstock.files import number
from penstock.files.trouble import shown, unreadable

_STATEMENTS: Final = ("Stmt", "Rpt", "Ntfctn")
_NO_REFERENCE: Final = "NOTPROVIDED"
_AMOUNT: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{0,18})?")
_TYPES: Final = {
    "CACC": AccountType.CHECKING,
    "SVGS": AccountType.SAVINGS,
    "CARD": AccountType.CREDIT_CARD,
    "LOAN": AccountType.LOAN,
}


def read(content: bytes) -> list[Statement]:
    """Read a file. Raises InvalidInput."""
    try:
        root = fromstring(content, forbid_dtd=True)
    except ParseError as error:
        line = error.position[0]
        raise unreadable(line, "it is no XML, or it is cut short there.") from None
    except DefusedXmlException:
        raise unreadable(1, "it has a document type or entities, which no bank writes.") from None
    except (ValueError, LookupError, RecursionError):
        raise unreadable(1, "it is not in an encoding that XML may have.") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    found = [one for one in root.iter() if one.tag in _STATEMENTS and one.find("Acct") is not None]
    if not found:
        raise unreadable(1, "there is no account statement in this file.")
    return [_statement(one, place) for place, one in enumerate(found, 1)]


def _statement(node: Element, place: int) -> Statement:
    where = f"Statement {place}"
    holder = _holder(node, where)
    rows: list[FileRow] = []
    pending = 0
    for count, each in enumerate(node.findall("Ntry"), 1):
        status = _text(each, "Sts/Cd") or _text(each, "Sts")
        if status == "BOOK":
            rows += _rows(each, f"{where}, Ntry {count}", count)
        elif status in ("PDNG", "INFO", "FUTR"):
            pending += 1
        else:
            raise unreadable(f"{where}, Ntry {count}", f"its status is {shown(status)}.")
    left = [f"{pending} rows are not booked yet: a later statement tells them."] if pending else []
    since = _day(node, "FrToDt/FrDtTm", where) or _day(node, "FrToDt/FrDt", where)
    until = _day(node, "FrToDt/ToDtTm", where) or _day(node, "FrToDt/ToDt", where)
    if since and until and since > until:
        raise unreadable(where, "it ends before it begins.")
    balances = list(_balances(node, where, [row.booked_on for row in rows]))
    currency = holder.currency or next(
        (one.currency for one in balances), rows[0].currency if rows else ""
    )
    return Statement(
        Holder(holder.number, holder.bank, holder.bank_name, holder.type, currency, holder.name),
        rows,
        balances,
        since,
        until,
        left_out=left,
    )


def _holder(node: Element, where: str) -> Holder:
    number_ = _text(node, "Acct/Id/IBAN") or _text(node, "Acct/Id/Othr/Id")
    if not number_:
        raise unreadable(where, "it does not say which account it is of (Acct/Id).")
    servicer = "Acct/Svcr/FinInstnId/"
    bank = _text(node, f"{servicer}BICFI") or _text(node, f"{servicer}BIC")
    return Holder(
        number=number_,
        bank=bank or _text(node, f"{servicer}ClrSysMmbId/MmbId"),
        bank_name=_text(node, f"{servicer}Nm"),
        type=_TYPES.get(_text(node, "Acct/Tp/Cd"), AccountType.CHECKING),
        currency=_text(node, "Acct/Ccy"),
        name=_text(node, "Acct/Nm"),
    )


def _rows(node: Element, where: str, count: int) -> list[FileRow]:
    """Return the row of what was booked, or those of its parts, where they make it up."""
    amount, currency = _amount(node, where)
    booked = _day(node, "BookgDt/Dt", where) or _day(node, "BookgDt/DtTm", where)
    booked = booked or _day(node, "ValDt/Dt", where) or _day(node, "ValDt/DtTm", where)
    if booked is None:
        raise unreadable(where, "it has no day (BookgDt).")
    # Not NtryRef: many count there within a statement, or name a contract of many payments.
    id_ = _reference(node, "AcctSvcrRef")
    parts = node.findall("NtryDtls/TxDtls")
    row = FileRow(
        line=count,
        id=id_,
        booked_on=booked,
        amount=amount,
        currency=currency,
        description=_text(node, "AddtlNtryInf"),
        value_on=_day(node, "ValDt/Dt", where) or _day(node, "ValDt/DtTm", where),
    )
    if len(parts) == 1:
        own = _reference(parts[0], "Refs/AcctSvcrRef")
        return [_described(row._replace(id=id_ or own), parts[0], amount)]
    amounts = [_part_amount(part, amount, currency, where) for part in parts]
    if not parts or None in amounts or sum(filter(None, amounts)) != amount:
        return [row._replace(description=row.description or f"Batch of {len(parts)} payments")]
    return [
        _described(
            row._replace(
                amount=one, id=_reference(part, "Refs/AcctSvcrRef") or _part_of(id_, turn)
            ),
            part,
            one,
        )
        for turn, (part, one) in enumerate(zip(parts, amounts, strict=True), 1)
        if one is not None
    ]


def _part_of(id_: str, turn: int) -> str:
    """Name a part by its batch: the order within it is the bank's own."""
    return f"{id_}/{turn}" if id_ else ""


def _described(row: FileRow, part: Element, amount: Decimal) -> FileRow:
    """Return the row with what the details say of it."""
    other = "Cdtr" if amount < 0 else "Dbtr"
    name = _text(part, f"RltdPties/{other}/Pty/Nm") or _text(part, f"RltdPties/{other}/Nm")
    words = [_flat(one.text) for one in part.findall("RmtInf/Ustrd")]
    structured = _text(part, "RmtInf/Strd/CdtrRefInf/Ref")
    said = " ".join(filter(None, words)) or structured or _text(part, "AddtlTxInf")
    bought = part.find("AmtDtls/InstdAmt/Amt")
    original = (bought.text or "").strip() if bought is not None else ""
    foreign = bought.get("Ccy", "") if bought is not None else ""
    abroad = foreign not in ("", row.currency) and _AMOUNT.fullmatch(original) is not None
    return row._replace(
        description=said or row.description or name,
        counterparty=name or None,
        reference=_reference(part, "Refs/EndToEndId") or None,
        original_amount=Decimal(original).copy_sign(amount) if abroad else None,
        original_currency=foreign if abroad else None,
    )


def _reference(node: Element, path: str) -> str:
    found = _text(node, path)
    return "" if found.upper() == _NO_REFERENCE else found


def _amount(node: Element, where: str) -> tuple[Decimal, str]:
    """Return an amount with its sign. One that reverses another says which way it goes itself."""
    found = node.find("Amt")
    text = (found.text or "").strip() if found is not None else ""
    currency = found.get("Ccy", "") if found is not None else ""
    if not _AMOUNT.fullmatch(text) or not re.fullmatch("[A-Z]{3}", currency):
        raise unreadable(where, f"{shown(f'{text} {currency}')} is no amount (Amt).")
    return number.exact(Decimal(text) * _sign(node, where), currency, 0), currency


def _part_amount(part: Element, whole: Decimal, currency: str, where: str) -> Decimal | None:
    """Return a part's amount in the currency of the account; None where it is not said."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        found = part.find(path)
        if found is not None and found.get("Ccy") == currency:
            text = (found.text or "").strip()
            if not _AMOUNT.fullmatch(text):
                raise unreadable(where, f"{shown(text)} is no amount.")
            way = part if part.find("CdtDbtInd") is not None else None
            sign = _sign(way, where) if way is not None else (1 if whole >= 0 else -1)
            return number.exact(Decimal(text) * sign, currency, 0)
    return None


def _sign(node: Element, where: str) -> int:
    way = _text(node, "CdtDbtInd")
    if way not in ("CRDT", "DBIT"):
        raise unreadable(where, f"{shown(way)} is neither CRDT nor DBIT (CdtDbtInd).")
    return 1 if way == "CRDT" else -1


def _balances(node: Element, where: str, days: list[date]) -> Iterator[Stated]:
    for one in node.findall("Bal"):
        code = _text(one, "Tp/CdOrPrtry/Cd")
        kind = _KINDS.get(code)
        day = _day(one, "Dt/Dt", where) or _day(one, "Dt/DtTm", where)
        if kind is None or (kind is BalanceKind.AVAILABLE and _text(one, "Tp/SubTp/Cd") == "INTM"):
            continue
        if day is None:
            raise unreadable(where, f"its balance {code} has no day.")
        amount, currency = _amount(one, where)
        if code == "OPBD" and days and min(days) < day:
            continue  # some give the day of the statement: rows of before it stand in it
        yield Stated(kind, amount, currency, day)


_KINDS: Final = {
    "OPBD": BalanceKind.OPENING,
    "CLBD": BalanceKind.CURRENT,
    "PRCD": BalanceKind.CURRENT,
    "CLAV": BalanceKind.AVAILABLE,
}


def _day(node: Element, path: str, where: str) -> date | None:
    """Return a day as the bank wrote it: with a time of its own zone, or without."""
    text = _text(node, path)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).date() if "T" in text else date.fromisoformat(text[:10])
    except ValueError:
        raise unreadable(where, f"{shown(text)} is no day.") from None


def _text(node: Element, path: str) -> str:
    return _flat(node.findtext(path))


def _flat(text: str | None) -> str:
    return " ".join((text or "").split())
