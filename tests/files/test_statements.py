"""camt.053, MT940 and QIF as banks really write them."""

from datetime import date
from decimal import Decimal

import pytest

from penstock.domain.balance import BalanceKind
from penstock.domain.errors import InvalidInput
from penstock.domain.imported import Statement
from penstock.files.reading import How, read
from tests.files.samples import COFFEE, PAY, ROWS
from tests.files.writing import IBAN, as_camt, as_mt940, as_qif


def camt(before: str = "", after: str = "") -> Statement:
    """Read our camt file with something in it replaced."""
    text = as_camt([COFFEE]).decode()
    assert before in text
    [found] = read(
        text.replace(before, after).encode() if before else text.encode(), How()
    ).statements
    return found


def test_camt_tells_whose_it_is_and_its_balances() -> None:
    """The IBAN, the BIC, what stood there before the first row and after the last."""
    found = camt()
    assert (found.holder.identity, found.holder.bank) == (IBAN, "BYLADEM1001")
    assert [(one.kind, str(one.amount)) for one in found.balances] == [
        (BalanceKind.OPENING, "100.00"),
        (BalanceKind.CURRENT, "96.80"),
    ]


def test_camt_notprovided_is_no_reference() -> None:
    """And a reference that is one is kept."""
    assert camt().rows[0].reference is None
    assert camt("NOTPROVIDED", "E2E-1").rows[0].reference == "E2E-1"


def test_camt_what_is_not_booked_is_left_out_in_words() -> None:
    """Both ways of writing a status; one that nobody knows is refused."""
    found = camt("<Sts>BOOK</Sts>", "<Sts><Cd>PDNG</Cd></Sts>")
    assert (list(found.rows), len(found.left_out)) == ([], 1)
    assert len(camt("<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>").rows) == 1
    with pytest.raises(InvalidInput, match="Ntry 1"):
        camt("<Sts>BOOK</Sts>", "<Sts>WHAT</Sts>")


def test_camt_a_reversal_goes_the_way_that_it_says() -> None:
    """CdtDbtInd is that of the reversal itself, not of what it reverses."""
    found = camt(
        "<CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>",
        "<CdtDbtInd>CRDT</CdtDbtInd><RvslInd>true</RvslInd><Sts>BOOK</Sts>",
    )
    assert found.rows[0].amount == Decimal("3.20")


def test_camt_a_batch_is_read_part_by_part_where_they_make_it_up() -> None:
    """Else it is the one row that was booked: nothing is invented, nothing is lost."""
    part = "<TxDtls><Amt Ccy='EUR'>{}</Amt><RmtInf><Ustrd>{}</Ustrd></RmtInf></TxDtls>"
    text = as_camt([COFFEE]).decode()
    start, end = text.index("<TxDtls>"), text.index("</NtryDtls>")
    for amounts, rows in ((("1.20", "2.00"), ["-1.20", "-2.00"]), (("1.20", "9.00"), ["-3.20"])):
        parts = "".join(part.format(one, f"to {one}") for one in amounts)
        [found] = read((text[:start] + parts + text[end:]).encode(), How()).statements
        assert [str(row.amount) for row in found.rows] == rows
        assert len({row.id for row in found.rows}) == len(rows)


def test_camt_several_accounts_are_several_statements() -> None:
    """Each with its own rows."""
    text = as_camt([COFFEE]).decode()
    inner = text[text.index("<Stmt>") : text.index("</BkToCstmrStmt>")]
    both = text.replace(inner, inner + inner.replace(IBAN, "DE89370400440532013000"))
    assert len(read(both.encode(), How()).statements) == 2


@pytest.mark.parametrize(
    "head", ["<!DOCTYPE a [<!ENTITY b 'c'>]>", "<!DOCTYPE a SYSTEM 'file:///etc/hostname'>"]
)
def test_camt_a_document_type_is_refused(head: str) -> None:
    """No entity is expanded and no other file is opened."""
    with pytest.raises(InvalidInput, match="document type"):
        read(as_camt([COFFEE]).replace(b"<Document", head.encode() + b"<Document", 1), How("camt"))


def mt940(before: str = "", after: str = "") -> list[Statement]:
    """Read our MT940 file with something in it replaced."""
    text = as_mt940([COFFEE]).decode()
    assert before in text
    return read((text.replace(before, after) if before else text).encode(), How()).statements


def test_mt940_tells_whose_it_is_and_adds_up() -> None:
    """A message of which a row is missing is refused."""
    [found] = mt940()
    assert found.holder.identity == f"12030000/{IBAN[-10:]}"
    assert [str(one.amount) for one in found.balances] == ["100.00", "96.80"]
    with pytest.raises(InvalidInput, match="do not make up"):
        mt940("96,80", "96,81")


@pytest.mark.parametrize(
    ("mark", "amount", "after"),
    [
        ("D", "-3.20", "96,80"),
        ("C", "3.20", "103,20"),
        ("RC", "-3.20", "96,80"),
        ("RD", "3.20", "103,20"),
        ("DR", "-3.20", "96,80"),
    ],
)
def test_mt940_marks_and_reversals(mark: str, amount: str, after: str) -> None:
    """RC takes a credit back, RD a debit; a funds code behind the mark changes nothing."""
    text = as_mt940([COFFEE]).decode().replace("1102D3,20", f"1102{mark}3,20")
    [found] = read(text.replace("EUR96,80", f"EUR{after}").encode(), How()).statements
    assert [str(row.amount) for row in found.rows] == [amount]


def test_mt940_an_entry_date_across_the_year() -> None:
    """Valued on 31 December and booked on 2 January: of the next year."""
    text = as_mt940([COFFEE]).decode().replace(":61:2611021102", ":61:2612310102")
    [found] = read(text.encode(), How()).statements
    assert (found.rows[0].booked_on, found.rows[0].value_on) == (
        date(2027, 1, 2),
        date(2026, 12, 31),
    )


def test_mt940_structured_details() -> None:
    """`:86:` with `?20` and `?32`: the purpose and the name of the other side."""
    text = (
        as_mt940([COFFEE])
        .decode()
        .replace(":86:COFFEE HOUSE", ":86:166?00GUTSCHRIFT?20RENT NOVEMBER?32JANE DOE")
    )
    [found] = read(text.encode(), How()).statements
    assert "RENT NOVEMBER" in found.rows[0].description
    assert found.rows[0].counterparty == "JANE DOE"


def test_mt940_several_messages_are_several_statements() -> None:
    """One day after the other; a message that is told twice is told once."""
    one, other = as_mt940([COFFEE]), as_mt940([PAY], opening="96.80")
    assert len(read(one + other, How()).statements) == 2
    assert len(read(one + one, How()).statements) == 1


def qif(text: str, order: str = "", decimal: str = "") -> Statement:
    """Read a QIF file."""
    [found] = read(text.encode(), How(currency="EUR", order=order, decimal=decimal)).statements
    return found


def test_qif_days_that_can_be_read_in_two_ways_are_asked_about() -> None:
    """A day past the 12th proves the order for the whole file; else it is to be said."""
    row = "!Type:Bank\nD{}\nT-1.00\n^\n"
    assert qif(row.format("13/11/2026")).rows[0].booked_on == date(2026, 11, 13)
    with pytest.raises(InvalidInput, match="which number"):
        qif(row.format("2/11'26"))
    assert qif(row.format("2/11'26"), "dmy").rows[0].booked_on == date(2026, 11, 2)
    assert qif(row.format(" 2/11/26"), "mdy").rows[0].booked_on == date(2026, 2, 11)
    assert qif(row.format("2026-11-02"), "ymd").rows[0].booked_on == date(2026, 11, 2)
    assert qif(row.format("2/11' 6"), "dmy").rows[0].booked_on == date(2006, 11, 2)
    assert qif(row.format("2/11/99"), "dmy").rows[0].booked_on == date(1999, 11, 2)


def test_qif_splits_lists_and_accounts() -> None:
    """Splits are parts of one amount; lists are passed over; an account's name is kept."""
    text = (
        "!Type:Cat\nNFood\nE\n^\n!Account\nNMy account\nTBank\n^\n!Type:Bank\n"
        "D13/11/2026\nT-3.00\nPShop\nLFood\nSFood\n$-1.00\nSHome\n$-2.00\n^\n"
    )
    found = qif(text)
    assert (found.holder.name, len(found.rows)) == ("My account", 1)
    assert (found.rows[0].amount, found.rows[0].category) == (Decimal("-3.00"), "Food")


def test_qif_amounts_and_investments() -> None:
    """`1,234` is asked about; what is invested is refused by name; a currency must be said."""
    row = "!Type:Bank\nD13/11/2026\nT{}\n^\n"
    with pytest.raises(InvalidInput, match="Line 3"):
        qif(row.format("1,234"))
    assert qif(row.format("1,234"), decimal=".").rows[0].amount == Decimal("1234.00")
    assert qif(row.format("1.234,50"), decimal=",").rows[0].amount == Decimal("1234.50")
    with pytest.raises(InvalidInput, match="Invst"):
        qif("!Type:Invst\nD13/11/2026\n^\n")
    with pytest.raises(InvalidInput, match="currency"):
        read(as_qif(ROWS), How(order="mdy"))
