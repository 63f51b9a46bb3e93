"""Statements of a bank that numbers the entries of each anew."""

from datetime import date

from tests.databases import Database
from tests.engine.house import House
from tests.engine.importing import counts, import_file, standing
from tests.engine.linking import at_home


def camt(day: date) -> bytes:
    """Return a day's statement of one payment, its first entry."""
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>'
        "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct><Ntry>"
        "<NtryRef>77001</NtryRef>"
        '<Amt Ccy="EUR">9.90</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><Dt>{day}</Dt></BookgDt><AddtlNtryInf>CANTEEN</AddtlNtryInf></Ntry>"
        "</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def test_an_entry_of_the_next_statement_is_another(database: Database) -> None:
    """NtryRef counts within a statement, or names the payee's contract: it is no row's id."""

    async def story(home: House) -> None:
        days = [date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 9)]
        for day in days:
            assert counts(await import_file(home, camt(day))) == (1, 0, 0)
            assert counts(await import_file(home, camt(day))) == (0, 1, 0)
        assert [row[0] for row in await standing(home)] == [str(day) for day in days]

    at_home(database, story)
