"""Public ids are names that sort, and no text that somebody makes up is one by accident."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import NotFound
from penstock.domain.ids import public_id, row_number

numbers = st.integers(0, 2**63 - 1)
prefixes = st.sampled_from(["usr", "con", "acc", "bal", "txn", "run", "lnk", "ses"])


@given(prefixes, numbers)
def test_an_id_leads_back_to_its_row(prefix: str, number: int) -> None:
    """Every 64-bit row number has an id, and the id names that row and no other."""
    text = public_id(prefix, number)
    assert row_number(prefix, text) == number
    assert len(text) == len(prefix) + 14
    assert text.isascii()


@given(numbers, numbers)
def test_ids_sort_as_their_rows_do(one: int, other: int) -> None:
    """Ids that are compared as plain text are in the order in which the rows were made."""
    assert (public_id("txn", one) < public_id("txn", other)) == (one < other)
    assert (public_id("txn", one) == public_id("txn", other)) == (one == other)


@given(numbers)
def test_an_id_of_one_kind_is_no_other(number: int) -> None:
    """An account's id does not open a transaction of the same number."""
    with pytest.raises(NotFound):
        row_number("txn", public_id("acc", number))


VALID = public_id("txn", 33)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "txn",
        "txn_",
        "_",
        "33",
        "txn_33",
        VALID.upper(),
        f"{VALID} ",
        f" {VALID}",
        f"{VALID}\n",
        f"{VALID}0",
        VALID[:-1],
        f"txn_{VALID}",
        VALID.replace("0", "O"),
        VALID[:-1] + "i",
        VALID[:-1] + "l",
        VALID[:-1] + "u",
        VALID[:-1] + "\0",
        VALID[:-1] + "\ud800",
        VALID[:-1] + "１",  # noqa: RUF001 - a digit that is none of ours
        "txn_zzzzzzzzzzzzz",
        "txn_8000000000000",
        "txn_-000000000011",
        "txn-0000000000011",
        "txn_0000000000011_",
        "'; DROP TABLE transactions; --",
        "x" * 100_000,
    ],
)
def test_a_text_that_is_no_id_is_not_found(text: str) -> None:
    """security.md X4: broken, foreign and hostile texts are NotFound, not repeated at length."""
    with pytest.raises(NotFound) as caught:
        row_number("txn", text)
    assert len(caught.value.message) < 400
    caught.value.message.encode()


def test_what_is_not_there_is_named_in_words() -> None:
    """Nobody has to know what a prefix is short for."""
    with pytest.raises(NotFound, match="There is no account with the id 'acc_7'"):
        row_number("acc", "acc_7")


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    """Any text either is the one id of a row or is NotFound."""
    for given_text in (text, f"txn_{text}", f"txn_{text[:13]:0>13}"):
        try:
            number = row_number("txn", given_text)
        except NotFound:
            continue
        assert public_id("txn", number) == given_text
