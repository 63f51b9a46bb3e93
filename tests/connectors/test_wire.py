"""What a provider sent is read typed and exact, or refused with the culprit's name."""

from contextlib import suppress
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.wire import amount_of, decode, usable_id
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.money import canonical


class Row(msgspec.Struct):
    id: str
    amount: str
    note: str = ""


class Rows(msgspec.Struct):
    rows: list[Row]


ROWS = msgspec.json.Decoder(Rows)


def refusal(body: bytes) -> str:
    """Return the words with which a body is refused."""
    with pytest.raises(ContractBroken) as refused:
        decode(body, ROWS, "rows")
    return refused.value.message


def test_the_culprit_is_named() -> None:
    """A row that cannot be read is named by its id and its field (sync.md 8)."""
    words = refusal(b'{"rows":[{"id":"a","amount":"1"},{"id":"tx-7","amount":[1]}]}')
    assert "'tx-7'" in words
    assert "rows[1].amount" in words
    words = refusal(b'{"rows":[{"id":"tx-8"}]}')
    assert "'tx-8'" in words
    assert "`amount`" in words


def test_content_is_not_repeated_in_an_error() -> None:
    """An error names the row and the field, never what stands in them; a long id is cut."""
    words = refusal(b'{"rows":[{"id":"%s","amount":7,"note":"hunter2"}]}' % (b"x" * 5_000))
    assert "hunter2" not in words
    assert len(words) < 300


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>We will be back soon.</html>",
        b'{"rows":',
        b'{"rows":[NaN]}',
        b'{"rows":[{"id":"a","amount":NaN}]}',
        b'{"rows":[{"id":"a","amount":1e999}]}',
        b'{"rows":[{"id":"\\ud800","amount":"1"}]}',
        b'{"rows":"\xff\xfe"}',
        b'\xef\xbb\xbf{"rows":[]}',
        b'{"rows":[{"id":"a","amount":"1","x":' + b"[" * 100_000,
        b'{"x":' + b'{"x":' * 100_000,
    ],
    ids=range(13),
)
def test_garbage_is_contract_broken(body: bytes) -> None:
    """HTML, half a body, NaN, lone surrogates, endless nesting: one error, and it is ours."""
    assert refusal(body).startswith("The bank's rows")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No body makes anything but an answer or a ContractBroken."""
    with suppress(ContractBroken):
        assert isinstance(decode(body, ROWS, "rows"), Rows)


def test_nul_characters_do_not_reach_the_database() -> None:
    """PostgreSQL keeps no NUL: it arrives as U+FFFD."""
    rows = decode(b'{"rows":[{"id":"a\\u0000b","amount":"1"}]}', ROWS, "rows")
    assert rows.rows[0].id == "a\ufffdb"


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=2, min_value=-(10**15), max_value=10**15
    )
)
def test_amounts_are_canonical(amount: Decimal) -> None:
    """sync.md 15: the fast way gives what canonical() gives, digit for digit."""
    for currency in ("EUR", "JPY", "KWD", "BTC"):
        assert str(amount_of(f"{amount:f}", currency)) == str(canonical(amount, currency))


@pytest.mark.parametrize(
    ("text", "written"),
    [("-0", "0.00"), ("-0.00", "0.00"), ("007.5", "7.50"), ("1.005", "1.005"), ("12", "12.00")],
)
def test_odd_spellings_become_one(text: str, written: str) -> None:
    """Equal amounts have equal texts: no negative zero, no leading zeros."""
    assert str(amount_of(text, "EUR")) == written


@pytest.mark.parametrize(
    "text",
    [
        "", " 1", "1 ", "+1", "1,50", "1_0", "1e3", "NaN", "-Infinity", "0x10", ".5", "5.", "--1",
        "\u0661\u066b\u0665", "1.5\n", "9" * 21, "0." + "1" * 19,
    ],
    ids=range(17),
)  # fmt: skip
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    """sync.md 15: exponents, other scripts, underscores, NaN and absurd lengths are no money."""
    with pytest.raises(InvalidInput):
        amount_of(text, "EUR")


def test_placeholders_are_no_ids() -> None:
    """sync.md 13: blank and `0` count as no id."""
    assert [usable_id(text) for text in ("", " ", "\t", "0", "00", "a")] == [
        False, False, False, False, True, True
    ]  # fmt: skip
