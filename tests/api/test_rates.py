"""Exchange rates over the API: of a day, of a time, set by an admin, asked for anew."""

import dataclasses
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from penstock.db import prices, rates
from penstock.db.rates import Difference
from penstock.domain.quote import Quote, QuoteError, RateLimited
from penstock.domain.rate import Stated
from penstock.engine.rates import Refreshed
from tests.api.serving import Api

FRIDAY = date(2026, 11, 20)
THURSDAY = FRIDAY - timedelta(1)
TODAY = FRIDAY + timedelta(1)
TABLE = [
    Stated(THURSDAY, "USD", Decimal("1.2400")),
    Stated(THURSDAY, "GBP", Decimal("0.8100")),
    Stated(FRIDAY, "USD", Decimal("1.2500")),
    Stated(FRIDAY, "GBP", Decimal("0.8000")),
    Stated(date(2022, 3, 1), "RUB", Decimal("117.2010")),
]


def stocked(api: Api) -> TestClient:
    """Return a client who may ask for prices, where there are rates."""
    api.write(rates.store, TABLE, source="ecb", now=api.clock())
    return api.signed_in("ada", "quotes")


def rows(client: TestClient, query: str) -> list[dict[str, Any]]:
    """Return the rows of an answer."""
    answer = client.get(f"/v1/rates?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def test_a_rate_says_where_it_is_from(api: Api) -> None:
    """Its value to the digit, the day it is of, how it was made and who said so."""
    client = stocked(api)
    (row,) = rows(client, "currencies=USD")
    assert row == {
        "base": "EUR",
        "currency": "USD",
        "day": "2026-11-21",
        "rate": {"value": "1.2500", "day": "2026-11-20", "made": "stated", "sources": ["ecb"]},
        "error": None,
    }


def test_all_that_there_are(api: Api) -> None:
    """Without currencies, all that have a rate on the day; never one that has none."""
    client = stocked(api)
    found = rows(client, "base=GBX")
    assert [row["currency"] for row in found] == ["EUR", "GBP", "USD"]
    assert [row["rate"]["value"] for row in found] == ["0.0125", "0.01", "0.015625"]
    assert [row["rate"]["made"] for row in found] == ["inverted", "minor", "crossed"]
    assert [row["currency"] for row in rows(client, "day=2022-03-02")] == ["RUB"]
    assert rows(client, "day=1999-01-01") == []


def test_what_lacks_a_rate_says_why_beside_the_others(api: Api) -> None:
    """An unknown code, and one that is published no more, hide no other, and are never 1."""
    client = stocked(api)
    rub, usd, xyz = rows(client, "currencies=XYZ,USD,RUB")
    assert usd["rate"]["value"] == "1.2500"
    assert xyz["rate"] is None
    assert (xyz["error"]["currency"], xyz["error"]["last"]) == ("XYZ", None)
    assert rub["error"]["last"] == "2022-03-01"
    assert "penstock rates set RUB" in rub["error"]["remedy"]["text"]


def test_a_series_has_the_days_that_brought_a_rate(api: Api) -> None:
    """A row a day and currency, in order; a weekend brings nothing, and pages do not overlap."""
    client = stocked(api)
    query = "base=USD&currencies=EUR,GBP&from=2026-11-01&to=2026-11-30"
    found = rows(client, query)
    assert [(row["day"], row["currency"]) for row in found] == [
        ("2026-11-19", "EUR"),
        ("2026-11-19", "GBP"),
        ("2026-11-20", "EUR"),
        ("2026-11-20", "GBP"),
    ]
    paged: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(9):
        page = client.get(f"/v1/rates?{query}&limit=1{cursor}").json()
        paged += page["rows"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert paged == found


def test_days_that_bring_nothing_end_no_page(api: Api) -> None:
    """Prices of a pair that is published bring no new rate, and hide none that comes later."""
    client = stocked(api)
    noons = [api.clock() - timedelta(days=days) for days in range(5, 15)]
    believed = [
        Quote(
            *("EUR/USD", Decimal(2), "USD", "USD", noon, noon, "web", "json", "2"),
            instrument="EUR/USD",
        )
        for noon in noons
    ]
    api.write(prices.accept, believed, now=api.clock())
    earlier = [Stated(date(2026, 11, 6), "USD", Decimal("1.2300"))]
    api.write(rates.store, earlier, source="ecb", now=api.clock())
    page = client.get("/v1/rates?currencies=USD&from=2026-11-07&limit=1").json()
    assert [row["day"] for row in page["rows"]] == ["2026-11-19"]
    assert page["next_cursor"] is not None


def test_all_of_a_day_come_in_pages(api: Api) -> None:
    """A cursor goes on behind the currency where the page ended."""
    client = stocked(api)
    page = client.get("/v1/rates?currencies=USD,GBP&limit=1").json()
    assert [row["currency"] for row in page["rows"]] == ["GBP"]
    rest = client.get(f"/v1/rates?currencies=USD,GBP&cursor={page['next_cursor']}").json()
    assert [row["currency"] for row in rest["rows"]] == ["USD"]
    assert rest["next_cursor"] is None
    other = client.get(f"/v1/rates?currencies=USD&cursor={page['next_cursor']}")
    assert other.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        *(
            "currencies=",
            "currencies=1USD",
            "currencies=USD,,GBP",
            "base=E",
            "base=%00",
            "day=today",
        ),
        *("currencies=" + ",".join(["USD"] * 51), "to=2026-11-20", "from=2026-11-01"),
        *("day=2026-11-20&from=2026-11-20&currencies=USD", "from=0000-01-01&currencies=USD"),
        "from=2026-11-01&currencies=USD,XYZ",
        "symbol=USD",
    ],
)
def test_what_cannot_be_meant_is_refused(sqlite_api: Api, query: str) -> None:
    """A slip of the pen is an error with a reason, also a series of what nobody knows."""
    answer = stocked(sqlite_api).get(f"/v1/rates?{query}")
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["detail"]
    assert "pattern" not in answer.json()["detail"]


def test_small_letters_are_taken(sqlite_api: Api) -> None:
    """As on the command line; the answer has capitals."""
    client = stocked(sqlite_api)
    assert rows(client, "base=usd&currencies=gbp") == rows(client, "base=USD&currencies=GBP")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_day_there_are(api: Api, day: str) -> None:
    """The ends of the calendar are days without rates, and nothing worse."""
    client = stocked(api)
    assert rows(client, f"day={day}") == []
    assert rows(client, f"day={day}&currencies=USD")[0]["rate"] is None
    assert rows(client, "from=0001-01-01&to=9999-12-31&currencies=USD")[0]["day"] == "2026-11-19"
    assert rows(client, f"from={day}&to={day}&currencies=GBX&base=GBP") == []


def test_an_admin_sets_what_nobody_publishes(api: Api) -> None:
    """The rate is there for everybody, is named as one's own, and is in the audit log."""
    client, admin = stocked(api), api.admin()
    told = admin.post("/v1/rates", json={"currency": "TRY", "rate": "45.10", "day": "2026-11-20"})
    assert told.status_code == 200, told.text
    assert told.json() == {"currency": "TRY", "day": "2026-11-20", "rate": "45.10", "before": None}
    (row,) = rows(client, "currencies=TRY")
    assert (row["rate"]["value"], row["rate"]["sources"]) == ("45.10", ["own"])
    again = admin.post("/v1/rates", json={"currency": "TRY", "rate": "46", "day": "2026-11-20"})
    assert again.json()["before"] == "45.10"
    gone = admin.post("/v1/rates", json={"currency": "TRY", "rate": None, "day": "2026-11-20"})
    assert (gone.json()["rate"], gone.json()["before"]) == (None, "46")
    assert rows(client, "currencies=TRY")[0]["rate"] is None
    none = admin.post("/v1/rates", json={"currency": "TRY", "rate": None, "day": "2026-11-20"})
    assert none.status_code == 404
    log = admin.get("/v1/audit").json()["rows"]
    facts = [row["facts"] for row in log if row["kind"].startswith("rate_")]
    assert {"day": "2026-11-20", "rate": "46", "before": "45.10"} in facts
    assert len(facts) == 3


def test_an_own_rate_is_of_today_where_no_day_is_said(api: Api) -> None:
    """From the day on which it is set, it goes before the published one."""
    client = stocked(api)
    api.admin().post("/v1/rates", json={"currency": "USD", "rate": "2"})
    assert rows(client, "currencies=USD")[0]["rate"]["value"] == "2"
    assert rows(client, "currencies=USD&day=2026-11-20")[0]["rate"]["value"] == "1.2500"


@pytest.mark.parametrize(
    "body",
    [
        {"currency": "EUR", "rate": "1"},
        {"currency": "GBX", "rate": "80"},
        {"currency": "HRK", "rate": "8"},
        {"currency": "TRY", "rate": "0"},
        {"currency": "TRY", "rate": "-1"},
        {"currency": "TRY", "rate": "NaN"},
        {"currency": "TRY", "rate": 45.1},
        {"currency": "TRY", "rate": "45", "day": "2026-12-24"},
        {"currency": "T-Y", "rate": "45"},
        {"currency": "TRY"},
    ],
)
def test_what_can_be_no_own_rate_is_refused(sqlite_api: Api, body: dict[str, Any]) -> None:
    """Not the euro's, not of pence, of what it replaced or of a day to come, no float."""
    answer = sqlite_api.admin().post("/v1/rates", json=body)
    assert answer.status_code == 422, answer.text
    assert sqlite_api.read(rates.currencies, first=date.min, last=date.max) == []


def test_only_an_admin_sets_rates(sqlite_api: Api) -> None:
    """They are everybody's: a member may look, and not set."""
    for client in (sqlite_api.signed_in("ada"), sqlite_api.signed_in("bob", "quotes")):
        answer = client.post("/v1/rates", json={"currency": "TRY", "rate": "45"})
        assert answer.status_code == 403


class Keeper:
    """Something that keeps rates, and says what it is told to."""

    def __init__(self, outcome: Refreshed | QuoteError) -> None:
        self.outcome = outcome

    async def refresh(self) -> Refreshed:
        if isinstance(self.outcome, QuoteError):
            raise self.outcome
        return self.outcome


def refreshed(api: Api, outcome: Refreshed | QuoteError) -> dict[str, Any]:
    """Return what is answered where the keeper says this."""
    client = api.signed_in("ada", "quotes")
    kept: Any = {"rates": Keeper(outcome)}
    api.app.state.installation = dataclasses.replace(api.penstock, **kept)
    answer = client.post("/v1/rates/refresh")
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_what_a_look_brought_is_told(sqlite_api: Api) -> None:
    """How many are new, up to which day all are there, and what the bank says otherwise now."""
    difference = Difference(FRIDAY, "USD", Decimal("1.2500"), Decimal("1.3"))
    assert refreshed(sqlite_api, Refreshed("daily", 31, FRIDAY, (difference,))) == {
        "added": 31,
        "through": "2026-11-20",
        "edition": "daily",
        "differences": [{"day": "2026-11-20", "currency": "USD", "kept": "1.2500", "said": "1.3"}],
        "error": None,
    }


def test_a_look_that_failed_says_why(sqlite_api: Api) -> None:
    """The error has a code and a remedy; nothing was added."""
    said = refreshed(sqlite_api, RateLimited(source="ecb", retry_at=sqlite_api.clock()))
    assert (said["added"], said["error"]["code"]) == (0, "rate_limited")
    assert said["error"]["remedy"]["kind"] == "wait"


def test_a_bank_that_is_not_named_is_not_asked(sqlite_api: Api) -> None:
    """Where the operator left the central bank out of the sources, it is asked for nothing."""
    sqlite_api.penstock.rates.in_use = False
    said = sqlite_api.signed_in("ada", "quotes").post("/v1/rates/refresh").json()
    assert said["error"]["code"] == "source_disabled"
    assert "PENSTOCK_QUOTE_SOURCES" in said["error"]["remedy"]["text"]
