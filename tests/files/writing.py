"""The same rows as each format has them: files of our own making, for tests."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from xml.sax.saxutils import escape

from tests.files.samples import Row, ofx

IBAN: Final = "DE02120300000000202051"
MAPPING: Final = {
    "date": "Datum",
    "date_format": "DD.MM.YYYY",
    "amount": "Betrag",
    "decimal": "comma",
    "thousands": "point",
    "description": "Text",
    "currency": "EUR",
    "delimiter": "semicolon",
    "encoding": "cp1252",
}


def as_ofx(rows: Sequence[Row]) -> bytes:
    """Write OFX."""
    return ofx([(name, day, amount, escape(words)) for name, day, amount, words in rows])


def as_camt(rows: Sequence[Row], *, opening: str = "100.00") -> bytes:
    """Write camt.053 with a balance before and after."""
    total = Decimal(opening) + sum(Decimal(row[2]) for row in rows)
    days = [row[1] for row in rows] or [date(2026, 11, 2)]
    told = "".join(
        f"<Ntry><Amt Ccy='EUR'>{abs(Decimal(amount))}</Amt>"
        f"<CdtDbtInd>{'DBIT' if amount.startswith('-') else 'CRDT'}</CdtDbtInd><Sts>BOOK</Sts>"
        f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
        f"<AcctSvcrRef>{name}</AcctSvcrRef><NtryDtls><TxDtls><Refs>"
        f"<EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
        f"<RmtInf><Ustrd>{escape(words)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        for name, day, amount, words in rows
    )
    return (
        "<?xml version='1.0' encoding='UTF-8'?>"
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.02'><BkToCstmrStmt><Stmt>"
        f"<Id>1</Id><Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy><Svcr><FinInstnId>"
        "<BIC>BYLADEM1001</BIC></FinInstnId></Svcr></Acct>"
        f"{_balance('OPBD', Decimal(opening), min(days))}{_balance('CLBD', total, max(days))}"
        f"{told}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def _balance(code: str, amount: Decimal, day: date) -> str:
    way = "DBIT" if amount < 0 else "CRDT"
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{abs(amount)}</Amt>"
        f"<CdtDbtInd>{way}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def as_mt940(rows: Sequence[Row], *, opening: str = "100.00") -> bytes:
    """Write MT940 with a balance before and after."""
    total = Decimal(opening) + sum(Decimal(row[2]) for row in rows)
    days = [row[1] for row in rows] or [date(2026, 11, 2)]
    lines = [":20:STARTUMS", f":25:12030000/{IBAN[-10:]}", ":28C:1/1"]
    lines.append(f":60F:{_mark(Decimal(opening), min(days) - timedelta(days=1))}")
    for _, day, amount, words in rows:
        way = "D" if amount.startswith("-") else "C"
        lines.append(f":61:{day:%y%m%d}{day:%m%d}{way}{_plain(Decimal(amount))}NTRFNONREF")
        lines.append(f":86:{words}")
    lines += [f":62F:{_mark(total, max(days))}", "-", ""]
    return "\r\n".join(lines).encode("cp1252")


def _mark(amount: Decimal, day: date) -> str:
    return f"{'D' if amount < 0 else 'C'}{day:%y%m%d}EUR{_plain(amount)}"


def _plain(amount: Decimal) -> str:
    return str(abs(amount)).replace(".", ",")


def as_qif(rows: Sequence[Row]) -> bytes:
    """Write QIF, days as Quicken has them."""
    told = "".join(
        f"D{day.month}/{day.day:2}'{day:%y}\nT{Decimal(amount):,.2f}\nM{words}\n^\n"
        for _, day, amount, words in rows
    )
    return f"!Type:Bank\n{told}".encode()


def as_csv(rows: Sequence[Row]) -> bytes:
    """Write CSV as a German bank does."""
    lines = ["Datum;Text;Betrag"]
    for _, day, amount, words in rows:
        value = f"{Decimal(amount):,.2f}".translate(str.maketrans(",.", ".,"))
        quoted = words.replace('"', '""')
        lines.append(f'{day:%d.%m.%Y};"{quoted}";{value}')
    return "\r\n".join([*lines, ""]).encode("cp1252")


WRITERS: Final[dict[str, Callable[[Sequence[Row]], bytes]]] = {
    "ofx": as_ofx,
    "camt": as_camt,
    "mt940": as_mt940,
    "qif": as_qif,
    "csv": as_csv,
}
