"""What is printed: tables, JSON, ages, amounts; and nothing that a terminal would obey."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.failure import Misused, printable
from penstock.cli.sync_words import why
from penstock.cli.terminal import print_json, print_json_array, print_table
from penstock.cli.words import age, full_id, money
from penstock.domain.ids import public_id

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def printed(values: list[Any], capsys: pytest.CaptureFixture[str]) -> str:
    """Print an array, and return what came out."""

    async def each() -> AsyncIterator[Any]:
        for value in values:
            yield value

    asyncio.run(print_json_array(each()))
    return capsys.readouterr().out


def test_an_array_is_one_json_value(capsys: pytest.CaptureFixture[str]) -> None:
    """However many rows there are, none too: it is one array."""
    for values in ([], [1], [{"a": "b"}, None, "é"]):
        assert json.loads(printed(values, capsys)) == values


@given(text=st.text())
def test_no_text_can_steer_a_terminal(text: str) -> None:
    """What a bank wrote keeps its letters, and loses all that does not print."""
    shown = printable(text)
    assert all(one.isprintable() or one == "\n" for one in shown)
    assert len(shown) == len(text)
    assert printable(shown.replace("\n", "")) == shown.replace("\n", "")


@pytest.mark.parametrize("message", ["The bank said no.", "JSON is malformed (byte 0)"])
def test_a_reason_is_a_sentence(message: str) -> None:
    """Why a sync ended so, and what to do, never run into each other."""
    said = why({"message": message, "remedy": {"text": "Wait."}})
    assert said == f"{message.removesuffix('.')}. Wait."
    assert why({"message": None, "remedy": None}) == ""


@pytest.mark.parametrize("steering", ["\x1b[2J", "\x9b2J", "\u202e", "\u2066", "\x7f", "\u200b"])
def test_json_is_escaped_where_it_would_steer(
    steering: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The value is the same, and its writing holds nothing but what prints."""
    print_json({"what": steering})
    out = capsys.readouterr().out
    assert json.loads(out) == {"what": steering}
    assert all(one.isprintable() or one == "\n" for one in out)


def test_a_table_in_a_pipe_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is cut, wrapped or coloured; numbers stand to the right, a row is one line."""
    print_table(
        ["what", "amount"], [["x" * 300, money("-1234.50")], ["a\nb", "7"]], right=["amount"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"{'x' * 300}  -1,234.50"
    assert lines[2] == f"{'a b':<300}          7"
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("amount", "shown", "red"),
    [
        ("1234567.890", "1,234,567.890", False),
        ("-0.00000001", "-0.00000001", True),
        ("0", "0", False),
    ],
)
def test_an_amount_keeps_its_digits(amount: str, shown: str, *, red: bool) -> None:
    """Thousands are parted, nothing is rounded, and what is below nought is red."""
    text = money(amount)
    assert text.plain == shown
    assert (text.style == "red") is red


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        (None, "never"),
        ("2026-11-21T12:00:00Z", "0 s ago"),
        ("2026-11-21T11:59:01Z", "59 s ago"),
        ("2026-11-21T11:30:00+00:00", "30 min ago"),
        ("2026-11-20T13:00:00Z", "23 h ago"),
        ("2026-11-01T12:00:00Z", "20 days ago"),
        ("2026-11-21T12:05:00Z", "in 5 min"),
    ],
)
def test_an_age_is_written_for_people(instant: str | None, shown: str) -> None:
    """Seconds, minutes, hours, days: the unit that says it best."""
    assert age(instant, NOW) == shown


@given(number=st.integers(0, 32**6))
def test_a_short_id_is_completed(number: int) -> None:
    """The digits alone, with their prefix, or all of it: the same id."""
    whole = public_id("con", number)
    short = whole.removeprefix("con_").lstrip("0") or "0"
    assert full_id("con", whole) == full_id("con", short) == full_id("con", f"con_{short}") == whole


@pytest.mark.parametrize(
    "text",
    [
        "",
        "con_",
        "_",
        "acc_0000000000001",
        "con_con_1",
        "1 ",
        "-1",
        "o",
        "con_zzzzzzzzzzzzz",
        "x" * 99,
    ],
)
def test_what_can_be_no_id_is_a_usage_error(text: str) -> None:
    """An account's id is no connection's, nor is what has other digits, more of them, or none."""
    with pytest.raises(Misused, match="is no id of a connection"):
        full_id("con", text)
