"""OFX 1.x and 2.x (and QFX): bank, card, and the cash of investments (OFX 2.3, ch. 11, 13).

Days are the bank's own: `20260131220000[-5:EST]` is the 31st, whatever day that is in Greenwich.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.imported import FileRow, Holder, Stated, Statement
from penstock.files import number
from penstock.files.ofx_tree import Node, parse
from penstock.files.text import decode
from penstock.files.trouble import shown, unreadable

_WHEN: Final = re.compile(
    r"(?P<year>[0-9]{4})-?(?P<month>[0-9]{2})-?(?P<day>[0-9]{2})"
    r"(?:(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})(?:\.[0-9]*)?)?)?"
    r"\s*(?:\[\s*(?P<zone>[+-]?[0-9]{1,2}(?:\.[0-9]+)?)?(?::?[^\]]*)\])?\s*"
)
_TYPES: Final = {
    "CHECKING": AccountType.CHECKING,
    "SAVINGS": AccountType.SAVINGS,
    "MONEYMRKT": AccountType.SAVINGS,
    "CREDITLINE": AccountType.LOAN,
    "CD": AccountType.SAVINGS,
}
_STATEMENTS: Final = ("STMTRS", "CCSTMTRS", "INVSTMTRS")
_NOT_CASH: Final = re.compile(
    r"(BUY|SELL)\w+|CLOSUREOPT|INCOME|INVEXPENSE|JRNLFUND|JRNLSEC|MARGININTEREST|REINVEST"
    r"|RETOFCAP|SPLIT|TRANSFER"
)


class _When(NamedTuple):
    """A day as the bank counts it, and the instant where a time of day is given."""

    day: date
    at: datetime | None


def read(content: bytes) -> list[Statement]:
    """Read a file. Raises InvalidInput."""
    root = parse(decode(content, _declared(content)))
    _check_status(root)
    writer = root.first("FI") or root
    found = [_statement(node, writer) for node in root.every(*_STATEMENTS)]
    if not found:
        raise unreadable(root.line, "there is no account statement in this file.")
    return found


def _declared(content: bytes) -> str | None:
    """Return the encoding that the header names, in the words of either version."""
    head = content[:2000].decode("latin-1")
    xml = re.search(r"<\?xml[^>]*encoding=[\"']([^\"']+)", head)
    if xml:
        return xml[1]
    named = dict(re.findall(r"(ENCODING|CHARSET)\s*:\s*([A-Za-z0-9._-]+)", head.upper()))
    if named.get("ENCODING") in ("UTF-8", "UNICODE"):
        return "utf-8"
    charset = named.get("CHARSET", "")
    return (
        f"cp{charset}"
        if charset.isdecimal()
        else charset.removeprefix("ISO-").replace("8859", "iso8859", 1) or None
    )


def _check_status(root: Node) -> None:
    for status in root.every("STATUS"):
        if status.get("SEVERITY").upper() == "ERROR":
            what = status.get("MESSAGE") or f"code {status.get('CODE')}"
            raise unreadable(status.line, f"the bank wrote an error into it: {shown(what)}.")


def _statement(node: Node, writer: Node) -> Statement:
    currency = node.get("CURDEF").upper()
    if not re.fullmatch("[A-Z]{3}", currency):
        raise unreadable(node.line_of("CURDEF"), f"{shown(currency)} is no currency (CURDEF).")
    listed = node.first("INVTRANLIST" if node.name == "INVSTMTRS" else "BANKTRANLIST")
    since = until = None
    rows: list[FileRow] = []
    removed: list[str] = []
    if listed is not None:
        since, until = _day_of(listed, "DTSTART"), _day_of(listed, "DTEND")
        _check_cash(listed)
        for one in listed.every("STMTTRN"):
            action = one.get("CORRECTACTION").upper()
            if action == "DELETE":
                removed.append(_named(one, "CORRECTFITID"))
                continue
            replaces = _named(one, "CORRECTFITID") if action == "REPLACE" else None
            rows.append(_row(one, currency, replaces))
    balances = list(_balances(node, currency))
    left = [_late(one) for one in balances if until is not None and one.on > until]
    return Statement(
        holder=_holder(node, currency, writer),
        rows=rows,
        balances=[one for one in balances if until is None or one.on <= until],
        since=since if until is None or since is None or since <= until else None,
        until=until,
        removed=removed,
        left_out=left,
    )


def _late(one: Stated) -> str:
    return f"The {one.kind} balance is of {one.on}, after the last day that is told in full."


def _holder(node: Node, currency: str, writer: Node) -> Holder:
    """Return whose account it is. A card's file names no bank beside it: there it is the writer."""
    card = node.name == "CCSTMTRS"
    stands = node.first("CCACCTFROM") or node.first("BANKACCTFROM") or node.first("INVACCTFROM")
    if stands is None or not stands.get("ACCTID"):
        raise unreadable(node.line, "it does not say which account it is of (ACCTID).")
    type_ = _TYPES.get(stands.get("ACCTTYPE").upper(), AccountType.OTHER)
    if card or node.name == "INVSTMTRS":
        type_ = AccountType.CREDIT_CARD if card else AccountType.INVESTMENT
    bank = stands.get("BANKID") or stands.get("BROKERID") or writer.get("FID") or writer.get("ORG")
    return Holder(stands.get("ACCTID"), bank, writer.get("ORG"), type_, currency)


def _check_cash(listed: Node) -> None:
    for one in listed.inside:
        if _NOT_CASH.fullmatch(one.name):
            raise unreadable(
                one.line,
                f"{one.name} is a transaction of securities, and only those of cash are read.",
                "Export the cash account alone, if the broker lets you.",
            )


def _row(node: Node, currency: str, replaces: str | None) -> FileRow:
    booked = _when(node, "DTPOSTED")
    if booked is None:
        raise unreadable(node.line, "a transaction has no day (DTPOSTED).")
    _check_currency(node, currency)
    line = node.line_of("TRNAMT")
    amount = number.exact(number.amount_of(node.get("TRNAMT"), currency, line), currency, line)
    payee = node.first("PAYEE")
    name = node.get("NAME") or (payee.get("NAME") if payee else "")
    memo = node.get("MEMO")
    valued = _when(node, "DTAVAIL")
    return FileRow(
        line=node.line,
        id=node.get("FITID").strip(),
        booked_on=booked.day,
        amount=amount,
        currency=currency,
        description=memo or name or node.get("TRNTYPE"),
        value_on=valued.day if valued else None,
        counterparty=name or None,
        reference=node.get("CHECKNUM") or node.get("REFNUM") or None,
        replaces=replaces,
    )


def _check_currency(node: Node, currency: str) -> None:
    """Refuse an amount in another currency than the account's: a rate makes no exact amount."""
    other = node.first("CURRENCY")
    named = other.get("CURSYM").upper() if other else ""
    if named not in ("", currency):
        raise unreadable(
            node.line, f"its amount is in {named}, and not in the account's {currency}."
        )


def _named(node: Node, name: str) -> str:
    given = node.get(name).strip()
    if not given.strip("0 "):
        raise unreadable(node.line, f"it corrects a transaction, and says not which ({name}).")
    return given


def _balances(node: Node, currency: str) -> Iterator[Stated]:
    for name, kind in (("LEDGERBAL", BalanceKind.CURRENT), ("AVAILBAL", BalanceKind.AVAILABLE)):
        found = node.first(name)
        if found is None or not found.get("BALAMT"):
            continue
        when = _when(found, "DTASOF")
        if when is None:
            raise unreadable(found.line, f"{name} does not say of when it is (DTASOF).")
        line = found.line_of("BALAMT")
        amount = number.amount_of(found.get("BALAMT"), currency, line)
        yield Stated(kind, number.exact(amount, currency, line), currency, when.day, when.at)


def _day_of(node: Node, name: str) -> date | None:
    when = _when(node, name)
    return when.day if when else None


def _when(node: Node, name: str) -> _When | None:
    said = node.get(name)
    if not said:
        return None
    found = _WHEN.fullmatch(said)
    when = _read_when(found) if found else None
    if when is None:
        raise unreadable(node.line_of(name), f"{shown(said)} is no day ({name}).")
    return when


def _read_when(found: re.Match[str]) -> _When | None:
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        if found["hour"] is None:
            return _When(day, None)
        clock = time(int(found["hour"]), int(found["minute"]), min(int(found["second"] or 0), 59))
        zone = timedelta(minutes=int(Decimal(found["zone"] or 0) * 60))
        return _When(day, datetime.combine(day, clock, UTC) - zone)
    except (ValueError, OverflowError):
        return None
