"""Quotes and the errors that stand in their place."""

import copy
import inspect
import re
from datetime import UTC, datetime
from decimal import Decimal

from penstock.domain import quote
from penstock.domain.errors import PenstockError
from penstock.domain.quote import Quote, QuoteError, RateLimited, Stale
from penstock.domain.remedy import RemedyKind

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def kinds() -> dict[str, type[QuoteError]]:
    """Return every error of the module by name."""
    return {
        name: kind
        for name, kind in inspect.getmembers(quote, inspect.isclass)
        if issubclass(kind, QuoteError)
    }


def test_the_tree_is_drawn_as_it_is() -> None:
    """The drawing at the top of domain/quote.py shows every error, under what it is a kind of."""
    drawn = re.findall(r"^([│├└─ ]*)(\w+) {2,}\S", quote.__doc__ or "", flags=re.MULTILINE)
    assert {name: len(indent) // 4 for indent, name in drawn} == {
        name: len([parent for parent in kind.__mro__ if parent in kinds().values()]) - 1
        for name, kind in kinds().items()
    }


def test_every_error_is_ours_and_says_what_to_do() -> None:
    """Each error but the base and the configured one has a message, a code and a remedy."""
    for name, kind in kinds().items():
        error = kind()
        assert isinstance(error, PenstockError)
        assert error.message
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", error.code)
        assert (error.remedy is not None) is (name not in ("QuoteError", "SourceDisabled"))


def test_pence_are_hundredths_of_a_pound_exactly() -> None:
    """The amount is the price times the scale, to the last digit."""
    digits = "1234567890123456789012345678901234.5"
    pence = Quote(
        symbol="X",
        price=Decimal(digits),
        currency="GBP",
        quoted_unit="GBX",
        as_of=NOW,
        fetched_at=NOW,
        source="test",
        extractor="test",
        raw=digits,
        scale=Decimal("0.01"),
    )
    assert str(pence.amount) == "12345678901234567890123456789012.345"


def test_waiting_has_an_end() -> None:
    """A throttled source says until when, in the remedy too."""
    error = RateLimited(retry_at=NOW)
    assert error.remedy is not None
    assert (error.remedy.kind, error.remedy.until) == (RemedyKind.WAIT, NOW)


def test_a_copy_keeps_everything() -> None:
    """An error of a whole request is told to each symbol as a copy of its own."""
    for error in (RateLimited("slowly", retry_at=NOW, source="a"), Stale("old", as_of=NOW)):
        twin = copy.copy(error)
        twin.symbol = "ACME"
        assert vars(twin) | {"symbol": ""} == vars(error)
        assert str(twin) == str(error)
