"""OFX as banks really write it (both versions, and their mistakes)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import InvalidInput
from penstock.domain.imported import Statement
from penstock.files.reading import How, read
from tests.files.samples import COFFEE, ofx


def only(content: bytes) -> Statement:
    """Read a file with one statement."""
    [found] = read(content, How()).statements
    return found


def changed(before: str, after: str) -> bytes:
    """Return a file with one row, and something in it replaced."""
    content = ofx([COFFEE]).decode("cp1252")
    assert before in content
    return content.replace(before, after).encode("cp1252")


def test_the_day_is_the_banks_own() -> None:
    """`20261102220000[-5:EST]` is the 2nd, though it is the 3rd in Greenwich."""
    found = only(changed("20261102120000[-5:EST]", "20261102220000.000[-5:EST]"))
    assert found.rows[0].booked_on == date(2026, 11, 2)


@pytest.mark.parametrize(
    "text",
    [
        "20261102",
        "20261102120000",
        "20261102120000[0:GMT]",
        "20261102120000.123[+5.5:IST]",
        "2026-11-02",
    ],
)
def test_a_day_is_written_in_many_ways(text: str) -> None:
    """With or without a time, a fraction, a zone."""
    assert only(changed("20261102120000[-5:EST]", text)).rows[0].booked_on == date(2026, 11, 2)


@pytest.mark.parametrize("text", ["20261302", "11/02/2026", "2026110", "2026110212"])
def test_a_day_that_is_none_is_refused(text: str) -> None:
    """And the line is named."""
    with pytest.raises(InvalidInput, match=r"Line \d+.*DTPOSTED"):
        only(changed("20261102120000[-5:EST]", text))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("-3,20", "-3.20"),
        ("+3.2", "3.20"),
        ("-1.234,56", "-1234.56"),
        ("1,234.56", "1234.56"),
        ("- 3.20", "-3.20"),
        (".50", None),
        ("1,234", None),
        ("1.2.3", None),
        ("1,23.45", None),
    ],
)
def test_an_amount_is_read_one_way_or_not(text: str, amount: str | None) -> None:
    """A comma is a decimal mark too; `1,234` could be either, and is refused."""
    content = changed("<TRNAMT>-3.20", f"<TRNAMT>{text}")
    if amount is None:
        with pytest.raises(InvalidInput, match=r"Line \d+"):
            only(content)
    else:
        assert only(content).rows[0].amount == Decimal(amount)


def test_xml_and_sgml_are_the_same() -> None:
    """OFX 2 with closing tags, and OFX 1 with none in the list, tell the same."""
    xml = ofx([COFFEE]).decode("cp1252").partition("<OFX>")[2]
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="211"?>\n<OFX>'
    for name in ("TRNTYPE", "DTPOSTED", "TRNAMT", "FITID", "NAME"):
        xml = "\n".join(
            f"{line}</{name}>" if line.startswith(f"<{name}>") else line for line in xml.split("\n")
        )
    bare = ofx([COFFEE]).replace(b"</STMTTRN>", b"").replace(b"</BANKTRANLIST>", b"")
    said = only(ofx([COFFEE])).rows[0].says
    assert only((head + xml).encode()).rows[0].says == said
    assert only(bare).rows[0].says == said


@pytest.mark.parametrize(("charset", "codec"), [("1252", "cp1252"), ("ISO-8859-1", "latin-1")])
def test_letters_are_read_by_the_header(charset: str, codec: str) -> None:
    """CHARSET is believed; text that is UTF-8 throughout is UTF-8 whatever it says."""
    content = changed("COFFEE HOUSE", "CAFÉ").decode("cp1252")
    declared = content.replace("CHARSET:1252", f"CHARSET:{charset}")
    assert only(declared.encode(codec)).rows[0].description == "CAFÉ"
    assert only(declared.encode("utf-8")).rows[0].description == "CAFÉ"
    assert only(declared.encode("utf-16")).rows[0].description == "CAFÉ"


def test_entities_are_read_and_none_is_expanded() -> None:
    """`&amp;` is an ampersand; what a document type declares stays what it is."""
    found = only(changed("COFFEE HOUSE", "A &amp; B &lol;"))
    assert found.rows[0].description == "A & B &lol;"
    bomb = b'<!DOCTYPE x [<!ENTITY lol "lol">]>' + ofx([COFFEE])
    assert only(bomb).rows[0].description == "COFFEE HOUSE"


def test_a_card_and_its_balances() -> None:
    """CCSTMTRS: what is owed is negative; both balances come with the bank's own day."""
    content = ofx([COFFEE], ledger=("-3.20", "20261102230000[-5:EST]")).decode("cp1252")
    for old, new in (
        ("STMTTRNRS", "CCSTMTTRNRS"),
        ("STMTRS>", "CCSTMTRS>"),
        ("BANKACCTFROM", "CCACCTFROM"),
        ("BANKMSGSRSV1", "CREDITCARDMSGSRSV1"),
    ):
        content = content.replace(old, new)
    found = only(content.encode("cp1252"))
    assert found.holder.type is AccountType.CREDIT_CARD
    [stated] = found.balances
    assert (stated.kind, stated.amount, stated.on) == (
        BalanceKind.CURRENT,
        Decimal("-3.20"),
        date(2026, 11, 2),
    )
    assert stated.at == datetime(2026, 11, 3, 4, tzinfo=UTC)


def test_a_balance_of_after_the_period_is_left_out_in_words() -> None:
    """A balance of today beside last month's rows proves nothing about them."""
    found = only(ofx([COFFEE], ledger=("1.00", "20261225")))
    assert found.balances == []
    assert "2026-12-25" in found.left_out[0]


@pytest.mark.parametrize("given", ["", "0", "000", "NONE"])
def test_an_id_that_is_none_is_none(given: str) -> None:
    """sync.md 13: blank and zero are no ids."""
    assert only(changed("<FITID>F1", f"<FITID>{given}")).rows[0].id == ""


def test_an_id_of_two_rows_is_none_and_a_row_told_twice_is_one() -> None:
    """Within a file: reused for different rows it names neither; word for word it is one row."""
    other = ("F1", date(2026, 11, 3), "-9.00", "RENT")
    assert [row.id for row in only(ofx([COFFEE, other])).rows] == ["", ""]
    assert len(only(ofx([COFFEE, COFFEE])).rows) == 1


def test_securities_are_refused_by_name() -> None:
    """A broker's trades are not read as if they were cash, nor passed over."""
    broker = (
        b"<OFX><INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><CURDEF>USD<INVACCTFROM><BROKERID>b"
        b"<ACCTID>1</INVACCTFROM><INVTRANLIST><DTSTART>20261101<DTEND>20261130%s<INVBANKTRAN>"
        b"<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20261102<TRNAMT>5.00<FITID>1<NAME>DIVIDEND</STMTTRN>"
        b"<SUBACCTFUND>CASH</INVBANKTRAN></INVTRANLIST></INVSTMTRS></INVSTMTTRNRS>"
        b"</INVSTMTMSGSRSV1></OFX>"
    )
    found = only(broker % b"")
    assert (found.holder.type, len(found.rows)) == (AccountType.INVESTMENT, 1)
    with pytest.raises(InvalidInput, match="BUYSTOCK"):
        only(broker % b"<BUYSTOCK><INVBUY></INVBUY></BUYSTOCK>")


def test_an_amount_in_another_currency_is_refused() -> None:
    """A rate makes no exact amount."""
    with pytest.raises(InvalidInput, match="USD"):
        only(changed("<NAME>", "<CURRENCY><CURRATE>1.1<CURSYM>USD</CURRENCY><NAME>"))


def test_an_error_of_the_bank_is_told() -> None:
    """A file that says that it failed is no statement without rows."""
    failed = changed("<SEVERITY>INFO", "<SEVERITY>ERROR<MESSAGE>Signon invalid")
    with pytest.raises(InvalidInput, match="Signon invalid"):
        only(failed)


def test_tags_without_end_are_refused() -> None:
    """A thousand tags inside one another cost nothing."""
    deep = b"<OFX>" + b"<A>" * 100_000 + b"</A></OFX>"
    with pytest.raises(InvalidInput):
        only(deep)


def test_cards_of_two_banks_with_the_same_digits_are_two() -> None:
    """A card's file names no bank beside its masked number: who wrote the file is its bank."""
    content = ofx(account="XXXXXXXXXXXX1234").replace(b"<BANKID>77", b"")
    for old, new in (("STMTRS>", "CCSTMTRS>"), ("BANKACCTFROM", "CCACCTFROM")):
        content = content.replace(old.encode(), new.encode())
    other = content.replace(b"Our Bank", b"Other Bank").replace(b"<FID>77", b"<FID>78")
    [one], [two] = read(content, How()).statements, read(other, How()).statements
    assert one.holder.identity != two.holder.identity
    assert two.holder.bank_name == "Other Bank"
