"""New prices of what one holds, over the API."""

from penstock.db import price_turns
from penstock.domain.clock import utc_now
from tests.api.serving import Api
from tests.api.test_securities import holding
from tests.domain.tellings import APPLE_CUSIP, SAP


def test_a_person_asks_for_all_that_they_hold(api: Api) -> None:
    """Each instrument says how it stands and when it is due; nobody else's is among them."""
    client = api.signed_in("ada")
    assert client.post("/v1/quotes/refresh").json() == {"rows": []}
    number = holding(api, isin=SAP, symbol="SAP", mic="XETR")
    holding(api, who="bob", cusip=APPLE_CUSIP, symbol="AAPL", mic="XNAS")
    assert client.get(f"/v1/securities/{number}").json()["price"] is None
    (row,) = client.post("/v1/quotes/refresh").json()["rows"]
    assert (row["instrument"], row["price_as_of"]) == ("SAP:XETR", None)
    assert row["code"] in {"no_source", "source_disabled"}
    assert client.get(f"/v1/securities/{number}").json()["price"] == row
    assert client.get("/v1/quotes/refresh").status_code in {404, 405}


def test_what_was_accepted_is_looked_at_again(api: Api) -> None:
    """Whoever says that a doubted price is right does not wait hours for it to count."""
    client = api.signed_in("ada")
    holding(api, isin=SAP, symbol="SAP", mic="XETR")
    client.post("/v1/quotes/refresh")
    now = utc_now()
    api.write(lambda one: price_turns.look_again(one, "SAP:XETR", now=now))
    found = api.write(lambda one: price_turns.some(one, ["SAP:XETR"]))
    assert found["SAP:XETR"].wanted_at == now
