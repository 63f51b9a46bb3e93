"""Where prices come from, over the API."""

import dataclasses
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from penstock.quotes.own_terms import Terms
from penstock.quotes.standing import shipped_ids, sources_in
from tests.api.serving import Api
from tests.quotes.own_source import ACME, written


def with_sources(api: Api, folder: Path, *named: str) -> TestClient:
    """Return a client of an API whose installation has the sources of a folder."""
    sources = sources_in(folder, named, Terms(taken=shipped_ids()))
    client = api.signed_in("ada", "quotes")
    given: Any = {"sources": sources}
    api.app.state.installation = dataclasses.replace(api.penstock, **given)
    return client


def test_those_in_use_come_first(sqlite_api: Api, tmp_path: Path) -> None:
    """The list begins with the sources that are asked, in their order, and has all others too."""
    written(tmp_path / "own")
    answer = with_sources(sqlite_api, tmp_path / "own", "acme", "ecb").get("/v1/sources")
    assert answer.status_code == 200
    acme, ecb, *others = answer.json()["rows"]
    assert acme == {
        "id": "acme",
        "title": "Acme Quotes",
        "tier": "scrape",
        "covers": ["listings"],
        "standing": "in_use",
        "own": True,
        "docs": "https://quotes.example.com/terms",
        "delay_seconds": None,
        "fresh_seconds": 60.0,
        "missing_settings": [],
        "faults": [],
    }
    assert (ecb["id"], ecb["own"], ecb["standing"]) == ("ecb", False, "in_use")
    assert {one["standing"] for one in others} <= {"switched_off", "needs_key"}


def test_a_broken_one_says_why_by_field(sqlite_api: Api, tmp_path: Path) -> None:
    """What is wrong stands beside the source, with the field and the line, and no path of ours."""
    written(tmp_path / "own", text=ACME.replace('price = "1177.98"', 'price = "7"'))
    answer = with_sources(sqlite_api, tmp_path / "own", "acme").get("/v1/sources")
    (acme,) = (row for row in answer.json()["rows"] if row["id"] == "acme")
    assert acme["standing"] == "broken"
    (fault,) = acme["faults"]
    assert (fault["field"], fault["why"]) == (
        "golden[0].price",
        "7 should come out, but 1177.98 did",
    )
    assert isinstance(fault["line"], int)
    assert str(tmp_path) not in answer.text


def test_asking_a_broken_one_says_why(sqlite_api: Api, tmp_path: Path) -> None:
    """Whoever asks for a price from it alone is told what is wrong, and not that it is unknown."""
    written(tmp_path / "own", text=ACME.replace('price = "1177.98"', 'price = "7"'))
    client = with_sources(sqlite_api, tmp_path / "own", "acme")
    answer = client.get("/v1/quotes?symbols=SAP.DE&source=acme")
    assert answer.status_code in {400, 422}
    assert "golden[0].price" in answer.text


def test_sources_need_the_scope_of_prices(sqlite_api: Api) -> None:
    """T5: a token that may read everything may not ask for prices, nor where they come from."""
    assert sqlite_api.signed_in("ada", "read").get("/v1/sources").status_code == 403
