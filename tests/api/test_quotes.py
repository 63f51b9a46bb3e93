"""Prices over the API: one answer a symbol, whatever happens to the others."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from penstock.domain.quote import Quote, QuoteError, RateLimited, SymbolNotFound
from tests.api.serving import Api

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Prices:
    """A source that knows pence, and one symbol only."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.source: str | None = None

    async def fetch(
        self, symbols: Iterable[str], *, source: str | None = None
    ) -> list[Quote | QuoteError]:
        self.asked = list(symbols)
        self.source = source
        return [self._one(symbol) for symbol in self.asked]

    def _one(self, symbol: str) -> Quote | QuoteError:
        if symbol == "BUSY":
            return RateLimited(symbol=symbol, source="google_finance", retry_at=NOON)
        if symbol != "VOD.L":
            return SymbolNotFound(symbol=symbol, source="google_finance")
        return Quote(
            symbol=symbol,
            price=Decimal("74.10"),
            currency="GBP",
            quoted_unit="GBX",
            as_of=NOON,
            fetched_at=NOON,
            source="google_finance",
            extractor="json",
            raw="GBX 74.10",
            scale=Decimal("0.01"),
            venue="LON",
            delay=timedelta(minutes=15),
            flags=("pence",),
        )


def pricing(api: Api) -> tuple[TestClient, Prices]:
    """Return a client of an API that asks our source."""
    prices = Prices()
    client = api.signed_in("ada", "quotes")
    priced: Any = {"quotes": prices}
    api.app.state.installation = dataclasses.replace(api.penstock, **priced)
    return client, prices


def test_one_answer_a_symbol_in_their_order(sqlite_api: Api) -> None:
    """A quote or a typed error for each, as they were asked for, one that is asked twice too."""
    client, prices = pricing(sqlite_api)
    answer = client.get("/v1/quotes?symbols=VOD.L,NOPE, BUSY,VOD.L")
    assert answer.status_code == 200
    assert prices.asked == ["VOD.L", "NOPE", "BUSY", "VOD.L"]
    good, bad, busy, again = answer.json()["rows"]
    assert good == again
    assert (good["symbol"], good["error"]) == ("VOD.L", None)
    quote = good["quote"]
    assert (quote["price"], quote["quoted_unit"]) == ("74.10", "GBX")
    assert (quote["amount"], quote["currency"]) == ("0.7410", "GBP")
    assert (quote["as_of"], quote["delay_seconds"]) == ("2026-11-20T12:00:00Z", 900.0)
    assert (quote["source"], quote["flags"], quote["raw"]) == (
        "google_finance",
        ["pence"],
        "GBX 74.10",
    )
    assert (bad["symbol"], bad["quote"], bad["error"]["code"]) == (
        "NOPE",
        None,
        "symbol_not_found",
    )
    assert bad["error"]["remedy"]["kind"] == "ask_person"
    assert busy["error"]["remedy"] == {
        "kind": "wait",
        "text": busy["error"]["remedy"]["text"],
        "until": "2026-11-20T12:00:00Z",
    }


@pytest.mark.parametrize(
    "symbols",
    ["", ",", "A,,B", "A B", "A\nB", "é", "x" * 61, ",".join(["A"] * 101), "A," * 5000],
)
def test_what_is_no_symbol_is_refused(sqlite_api: Api, symbols: str) -> None:
    """Empty, endless and unprintable symbols are refused before anybody is asked."""
    client, prices = pricing(sqlite_api)
    answer = client.get("/v1/quotes", params={"symbols": symbols})
    assert answer.status_code == 422
    assert prices.asked == []


def test_one_source_alone(sqlite_api: Api) -> None:
    """A source that is named is asked alone."""
    client, prices = pricing(sqlite_api)
    assert client.get("/v1/quotes?symbols=VOD.L&source=ecb").status_code == 200
    assert prices.source == "ecb"


def test_prices_need_their_scope(sqlite_api: Api) -> None:
    """T5: a token that may read everything may not ask for prices."""
    assert sqlite_api.signed_in("ada", "read").get("/v1/quotes?symbols=A").status_code == 403


def test_a_bare_installation_says_which_source_is_off(sqlite_api: Api) -> None:
    """Without a network, and with the sources of a bare install, a share names what to enable."""
    client = sqlite_api.signed_in("ada")
    (row,) = client.get("/v1/quotes?symbols=AAPL:NASDAQ").json()["rows"]
    assert row["error"]["code"] == "source_disabled"
    assert "google_finance" in (row["error"]["message"] + row["error"]["remedy"]["text"])
