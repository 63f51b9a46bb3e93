"""CSV by a mapping: exactly as it says, or the line is named. The locale is never guessed."""

from datetime import date
from decimal import Decimal

import pytest

from penstock.domain.errors import InvalidInput
from penstock.domain.imported import Statement
from penstock.files.mapping import mapping_of
from penstock.files.proposal import propose
from penstock.files.reading import How, read
from tests.files.writing import MAPPING


def csv(text: str, **settings: str) -> Statement:
    """Read a CSV by our mapping, with some settings changed."""
    mapping = mapping_of({**MAPPING, **settings})
    [found] = read(text.encode("cp1252"), How("csv", mapping=mapping)).statements
    return found


HEAD = "Datum;Text;Betrag\n"


def amount(text: str, **settings: str) -> Decimal:
    """Return the one amount of a file."""
    return csv(f"{HEAD}02.11.2026;X;{text}\n", **settings).rows[0].amount


def test_a_point_is_no_comma() -> None:
    """`-110.7` where the comma is the decimal mark is refused, and never -1,107.00."""
    with pytest.raises(InvalidInput, match=r"Line 2: '-110\.7'"):
        amount("-110.7")
    assert amount("-110,7") == Decimal("-110.70")
    assert amount("-110.7", decimal="point", thousands="none") == Decimal("-110.70")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.107,00", "1107.00"), ("1107,00", "1107.00"), ("-1.234.567,89", "-1234567.89"),
     ("12,5-", "-12.50"), ("(12,50)", "-12.50"), ("+3", "3.00"), ("\u22123,00", "-3.00"),
     ("1.107", "1107.00"),
     ("11.07,00", None), ("1,107.00", None), ("1.10", None), ("", None), ("3 EUR", None),
     ("1,2,3", None), ("NaN", None), ("1e5", None), ("--3", None), ("(-3)", None), ("٣", None)],
)  # fmt: skip
def test_an_amount_is_as_agreed_or_refused(text: str, value: str | None) -> None:
    """Marks stand where they belong, or it is another locale's number."""
    mapping = mapping_of({**MAPPING, "encoding": "utf-8"})
    content = f"{HEAD}02.11.2026;X;{text}\n".encode()
    if value is None:
        with pytest.raises(InvalidInput, match="Line 2"):
            read(content, How("csv", mapping=mapping))
    else:
        [found] = read(content, How("csv", mapping=mapping)).statements
        assert found.rows[0].amount == Decimal(value)


def test_debit_and_credit_columns() -> None:
    """What went out is negative; both, neither or a sign is refused."""
    by = {"amount": "", "debit": "Soll", "credit": "Haben"}
    head = "Datum;Text;Soll;Haben\n"
    found = csv(f"{head}02.11.2026;X;3,20;\n03.11.2026;Y;;5,00\n", **by)
    assert [row.amount for row in found.rows] == [Decimal("-3.20"), Decimal("5.00")]
    for bad in ("3,20;5,00", ";", "-3,20;"):
        with pytest.raises(InvalidInput, match="Line 2"):
            csv(f"{head}02.11.2026;X;{bad}\n", **by)


def test_a_direction_column_and_an_inverted_sign() -> None:
    """A word says that it went out; a card may write what was spent without a minus."""
    by = {"direction": "S/H", "debit_words": "S, D"}
    found = csv("Datum;Text;Betrag;S/H\n02.11.2026;X;3,20;S\n02.11.2026;X;3,20;H\n", **by)
    assert [row.amount for row in found.rows] == [Decimal("-3.20"), Decimal("3.20")]
    assert amount("3,20", sign="inverted") == Decimal("-3.20")


def test_lines_that_are_none_are_left_out_by_name_only() -> None:
    """Above the header and at the end as many as are said; any other odd line is refused."""
    text = f"Konto;123\n\n{HEAD}02.11.2026;X;1,00\nSumme;1,00\n"
    assert len(csv(text, skip="2", skip_end="1").rows) == 1
    with pytest.raises(InvalidInput, match="Line 5"):
        csv(text, skip="2")


def test_a_day_is_as_agreed_or_refused() -> None:
    """11/02 is the 2nd of November or the 11th of February: as the mapping says."""
    text = "Datum;Text;Betrag\n11/02/2026;X;1,00\n"
    assert csv(text, date_format="MM/DD/YYYY").rows[0].booked_on == date(2026, 11, 2)
    assert csv(text, date_format="DD/MM/YYYY").rows[0].booked_on == date(2026, 2, 11)
    for bad in ("2026-11-02", "31.02.2026", "2.11.26"):
        with pytest.raises(InvalidInput, match="Line 2"):
            csv(f"{HEAD}{bad};X;1,00\n")


def test_a_balance_after_each_row_is_taken_where_rows_follow_from_one_another() -> None:
    """Forwards or backwards; where they do not, nothing is claimed."""
    head = "Datum;Text;Betrag;Saldo\n"
    up = f"{head}02.11.2026;X;1,00;11,00\n03.11.2026;Y;2,00;13,00\n"
    down = f"{head}03.11.2026;Y;2,00;13,00\n02.11.2026;X;1,00;11,00\n"
    odd = f"{head}02.11.2026;X;1,00;11,00\n03.11.2026;Y;2,00;12,00\n"
    for text, stated in ((up, ["13.00"]), (down, ["13.00"]), (odd, [])):
        assert [str(one.amount) for one in csv(text, balance="Saldo").balances] == stated


@pytest.mark.parametrize(
    "wrong",
    [{"decimal": ""}, {"thousands": "comma"}, {"amount": ""}, {"debit": "X"}, {"date_format": "X"},
     {"currency": "euro"}, {"delimiter": ";;"}, {"encoding": "ebcdic"}, {"skip": "-1"},
     {"nonsense": "1"}, {"sign": "up"}, {"direction": "D"}, {"header": "yes"}],
)  # fmt: skip
def test_a_mapping_that_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    """When it is saved, not when a file is read."""
    with pytest.raises(InvalidInput):
        mapping_of({**MAPPING, **wrong})


@pytest.mark.parametrize("name", ["date", "date_format", "decimal", "thousands"])
def test_nothing_that_matters_has_a_default(name: str) -> None:
    """How a bank writes is said, or there is no mapping."""
    with pytest.raises(InvalidInput, match=name):
        mapping_of({key: value for key, value in MAPPING.items() if key != name})


def test_a_column_that_is_not_there_is_named() -> None:
    """With those that are."""
    with pytest.raises(InvalidInput, match=r"'Amount'.*'Datum', 'Text', 'Betrag'"):
        amount("1,00", amount="Amount")


def test_a_preview_shows_how_a_file_is_cut() -> None:
    """Encoding, delimiter, lines above the header and the columns, as a proposal only."""
    found = propose(f"Konto: 1\n{HEAD}02.11.2026;Café, Bar;1,00\n".encode("cp1252"))
    assert (found.encoding, found.delimiter, found.skip) == ("cp1252", ";", 1)
    assert found.columns == ["Datum", "Text", "Betrag"]
    assert found.lines == [["02.11.2026", "Café, Bar", "1,00"]]
