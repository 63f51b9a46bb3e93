"""Importing over HTTP: once by its key, within its limit, and into nobody else's account."""

import pytest
from starlette.testclient import TestClient

from tests.api.serving import Api
from tests.files.samples import ofx
from tests.files.writing import MAPPING

BYTES = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def ada(api: Api) -> TestClient:
    """Sign somebody in."""
    api.person("ada")
    return api.signed_in("ada")


def test_an_import_with_a_key_is_done_once(ada: TestClient) -> None:
    """The same key and file: the same answer; another file under it is refused."""
    headers = {**BYTES, "Idempotency-Key": "one"}
    first = ada.post("/v1/imports", content=ofx(), headers=headers)
    again = ada.post("/v1/imports", content=ofx(), headers=headers)
    assert (first.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    other = ada.post("/v1/imports", content=ofx(account="9"), headers=headers)
    assert other.status_code == 422
    assert len(ada.get("/v1/transactions").json()["rows"]) == 4


def test_a_file_may_be_larger_than_any_other_body_and_not_without_end(ada: TestClient) -> None:
    """More than the common limit is read; more than a file's is refused by its announced size."""
    large = ofx() + b" " * 400_000
    assert ada.post("/v1/imports", content=large, headers=BYTES).status_code == 200
    assert ada.post("/v1/mappings", content=large, headers=BYTES).status_code in (405, 413)
    endless = {**BYTES, "Content-Length": str(40 * 1024 * 1024)}
    assert ada.post("/v1/imports", content=b"x", headers=endless).status_code == 413


def test_nothing_goes_into_somebody_elses_account(api: Api, ada: TestClient) -> None:
    """Another's account is not there; the same file makes each their own."""
    mine = ada.post("/v1/imports", content=ofx(), headers=BYTES).json()
    account = mine["imports"][0]["accounts"][0]["id"]
    api.person("bob")
    bob = api.signed_in("bob")
    refused = bob.post(f"/v1/imports?account={account}", content=ofx(), headers=BYTES)
    assert refused.status_code == 404
    own = bob.post("/v1/imports", content=ofx(), headers=BYTES).json()
    assert own["imports"][0]["accounts"][0]["id"] != account


def test_scopes_are_asked_for(api: Api) -> None:
    """Who may only read imports nothing, and may see how a file is read."""
    api.person("eve")
    reader = api.signed_in("eve", "read")
    assert reader.post("/v1/imports", content=ofx(), headers=BYTES).status_code == 403
    shown = reader.post("/v1/imports/preview", content=ofx(), headers=BYTES)
    assert shown.json()["accounts"][0]["row_count"] == 4


def test_a_mapping_is_checked_when_it_is_saved(ada: TestClient) -> None:
    """What cannot be is refused with what is wrong; each person has their own."""
    wrong = {**MAPPING, "thousands": "comma"}
    assert ada.put("/v1/mappings/a", json={"settings": wrong}).status_code == 422
    assert ada.put("/v1/mappings/a", json={"settings": MAPPING}).status_code == 200
    assert [row["name"] for row in ada.get("/v1/mappings").json()["rows"]] == ["a"]
    assert ada.delete("/v1/mappings/a").status_code == 204
    assert ada.delete("/v1/mappings/a").status_code == 404
