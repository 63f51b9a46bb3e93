"""Asking for past days of what one holds, over the API."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from penstock.db import prices
from penstock.domain.clock import utc_now
from penstock.domain.quote import Quote
from tests.api.serving import Api
from tests.api.test_securities import holding
from tests.domain.tellings import APPLE_CUSIP, SAP


def test_who_holds_something_asks_for_its_past(api: Api) -> None:
    """What came, and why there is no more: here no source tells any, and nothing is priced yet."""
    client = api.signed_in("ada")
    holding(api, isin=SAP, symbol="SAP", mic="XETR")
    told = client.post("/v1/quotes/history", json={"instrument": "SAP:XETR"}).json()
    assert (told["code"], told["stored"]) == ("no_source", 0)
    assert "No price of SAP:XETR is known yet" in told["message"]
    yesterday = datetime.combine(utc_now().date() - timedelta(days=1), datetime.min.time(), UTC)
    quote = Quote(
        symbol="SAP:XETR",
        instrument="SAP:XETR",
        price=Decimal(100),
        currency="EUR",
        quoted_unit="EUR",
        as_of=yesterday,
        fetched_at=yesterday,
        source="table",
        extractor="table",
        raw="100",
    )
    api.write(lambda one: prices.accept(one, [quote], now=utc_now()))
    asked = {"instrument": "SAP:XETR", "from": "2024-01-01"}
    told = client.post("/v1/quotes/history", json=asked).json()
    assert (told["code"], told["first"]) == ("source_disabled", "2024-01-01")
    assert told["missing"] > 300
    assert "yahoo" in told["message"]


def test_nobody_asks_for_what_they_do_not_hold(api: Api) -> None:
    """Each request costs of a budget that all share."""
    client = api.signed_in("ada")
    holding(api, who="bob", cusip=APPLE_CUSIP, symbol="AAPL", mic="XNAS")
    refused = client.post("/v1/quotes/history", json={"instrument": "AAPL:XNAS"})
    assert refused.status_code == 404


@pytest.mark.parametrize("first", ["1969-12-31", "2999-01-01", "yesterday"])
def test_past_days_are_past_days(sqlite_api: Api, first: str) -> None:
    """Not those to come, and none before there were any."""
    client = sqlite_api.signed_in("ada")
    asked = {"instrument": "SAP:XETR", "from": first}
    assert client.post("/v1/quotes/history", json=asked).status_code in {400, 422}
