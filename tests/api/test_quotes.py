"""Prices over the API: one answer a symbol, whatever happens to the others."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from penstock.domain.quote import (
    Quote,
    QuoteError,
    RateLimited,
    Suspicious100x,
    SymbolNotFound,
)
from penstock.domain.trail import How, Step, Trail
from tests.api.serving import Api

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Prices:
    """A source that knows pence, one symbol, and one price that nobody believes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.source: str | None = None

    async def explain(
        self, symbols: Iterable[str], *, source: str | None = None, deadline: float | None = None
    ) -> list[Trail]:
        """Tell what there is, by one step each."""
        assert deadline is None or deadline <= 100
        self.asked = list(symbols)
        self.source = source
        return [self._trail(symbol) for symbol in self.asked]

    def _trail(self, symbol: str) -> Trail:
        found = self._one(symbol)
        good = isinstance(found, Quote)
        step = Step(
            "google_finance",
            symbol,
            "https://google.example/",
            How.FETCHED,
            quote=found if isinstance(found, Quote) else None,
            error=None if isinstance(found, Quote) else found,
        )
        return Trail(symbol, found, (step,) if good or symbol == "BUSY" else ())

    def _one(self, symbol: str) -> Quote | QuoteError:
        if symbol == "BUSY":
            return RateLimited(symbol=symbol, source="google_finance", retry_at=NOON)
        if symbol in ("OCDO.L", "OLD.L"):
            at = NOON - timedelta(days=symbol == "OLD.L")
            doubted = PENCE._replace(price=Decimal(7410), instrument="OCDO:XLON", as_of=at)
            return Suspicious100x(symbol=symbol, source="google_finance", quote=doubted, last=PENCE)
        if symbol != "VOD.L":
            return SymbolNotFound(symbol=symbol, source="google_finance")
        return PENCE


PENCE = Quote(
    symbol="VOD.L",
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
    instrument="VOD:XLON",
)


DOUBTED = {
    "symbol": "OCDO.L",
    "source": "google_finance",
    "price": "7410",
    "quoted_unit": "GBX",
}


def pricing(api: Api, *, admin: bool = False) -> tuple[TestClient, Prices]:
    """Return a client of an API that asks our source."""
    prices = Prices()
    client = api.admin() if admin else api.signed_in("ada", "quotes")
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
    ["", ",", "A,,B", "A B", "A\nB", "A\x1b[2J", ",".join(["A"] * 101), "A," * 5000],
)
def test_what_is_no_symbol_is_refused(sqlite_api: Api, symbols: str) -> None:
    """Empty, endless and unprintable symbols are refused before anybody is asked."""
    client, prices = pricing(sqlite_api)
    answer = client.get("/v1/quotes", params={"symbols": symbols})
    assert answer.status_code == 422
    assert prices.asked == []


def test_a_symbol_that_nobody_can_read_hides_no_other(sqlite_api: Api) -> None:
    """A word of other letters, or a long one, is told as not found, beside the prices."""
    client, _ = pricing(sqlite_api)
    symbols = ["VOD.L", "MÜV2", "x" * 200, "\U0001f600"]
    answer = client.get("/v1/quotes", params={"symbols": ",".join(symbols)})
    assert answer.status_code == 200
    rows = answer.json()["rows"]
    assert [row["symbol"] for row in rows] == symbols
    codes = [row["error"] and row["error"]["code"] for row in rows]
    assert codes == [None, *["symbol_not_found"] * 3]


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


def test_the_way_to_a_price_is_told_where_it_is_asked_for(sqlite_api: Api) -> None:
    """`explain=true` tells every step: the source, what was asked, which way of reading, its text.

    Without it there is none.
    """
    client, _ = pricing(sqlite_api)
    told = client.get("/v1/quotes?symbols=VOD.L,NOPE,BUSY&explain=true").json()
    assert told["in_time"] is True
    good, none, busy = told["rows"]
    (step,) = good["steps"]
    assert (step["source"], step["how"]) == ("google_finance", "fetched")
    assert (step["quote"]["extractor"], step["quote"]["raw"]) == ("json", "GBX 74.10")
    assert none["steps"] == []
    assert busy["steps"][0]["error"]["code"] == "rate_limited"
    (row,) = client.get("/v1/quotes?symbols=VOD.L").json()["rows"]
    assert row["steps"] is None
    assert (row["quote"]["instrument"], row["quote"]["age_seconds"] >= 0) == ("VOD:XLON", True)


def test_a_doubted_price_is_shown_beside_the_last_one(sqlite_api: Api) -> None:
    """Whoever is to decide sees both: the price that is not believed, and the one that was."""
    client, _ = pricing(sqlite_api)
    (row,) = client.get("/v1/quotes?symbols=OCDO.L").json()["rows"]
    assert row["quote"] is None
    assert row["error"]["code"] == "suspicious100x"
    assert row["error"]["doubted"]["price"] == "7410"
    assert row["error"]["believed"]["price"] == "74.10"


def test_an_admin_accepts_a_doubted_price(sqlite_api: Api) -> None:
    """The price that was looked at is believed from then on, and who said so is written down."""
    client, prices = pricing(sqlite_api, admin=True)
    given = DOUBTED | {"price": "7410.0"}
    answer = client.post("/v1/quotes/accept", json=given)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["instrument"], prices.source) == ("OCDO:XLON", "google_finance")
    believed = client.get("/v1/quotes/history?instrument=OCDO:XLON").json()["rows"]
    assert [(row["price"], row["flags"]) for row in believed] == [("7410", ["pence", "trusted"])]
    records = client.get("/v1/audit").json()["rows"]
    (record,) = [one for one in records if one["kind"] == "price_accepted"]
    assert record["subject"] == "OCDO:XLON"
    assert record["facts"]["price"] == "7410"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"price": "7411"}, 409),
        ({"quoted_unit": "GBP"}, 409),
        ({"symbol": "VOD.L", "price": "74.10"}, 409),
        ({"symbol": "OLD.L"}, 409),
        ({"symbol": "NOPE"}, 409),
        ({"symbol": "A,B"}, 422),
    ],
)
def test_only_what_was_looked_at_is_accepted(
    sqlite_api: Api, given: dict[str, str], status: int
) -> None:
    """Another price than the source tells now, in another unit, or one that nobody doubts: no.

    Nor one of a day before the last price: that one would be told all the same.
    """
    client, _ = pricing(sqlite_api, admin=True)
    assert client.post("/v1/quotes/accept", json=DOUBTED | given).status_code == status
    rows = client.get("/v1/quotes/history?instrument=OCDO:XLON").json()["rows"]
    assert rows == []


def test_only_admins_accept(sqlite_api: Api) -> None:
    """T5: who may ask for prices may not say what everybody's holdings cost."""
    client, _ = pricing(sqlite_api)
    assert client.post("/v1/quotes/accept", json=DOUBTED).status_code == 403
