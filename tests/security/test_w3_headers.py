"""W3: what every answer tells a browser: run nothing, frame nothing, guess nothing, keep nothing.

Driven by every route that the app has, pages too, and by the answers that no route gives.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from tests.api.serving import Api, serving
from tests.databases import Database
from tests.security.test_x1_tenants import things_of

FIXED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def check(answer: httpx2.Response) -> None:
    """See that an answer carries all of it, once each."""
    what = f"{answer.request.method} {answer.request.url} {answer.status_code}"
    headers = answer.headers
    for name, value in FIXED.items():
        assert headers.get_list(name) == [value], (what, name)
    # A page with a form tells us where it came from, and nobody else (W2 looks at that).
    own = ["same-origin"] if "text/html" in headers.get("content-type", "") else []
    (referrer,) = headers.get_list("referrer-policy")
    assert referrer in {"no-referrer", *own}, what
    (policy,) = headers.get_list("content-security-policy")
    directives = dict(one.strip().partition(" ")[::2] for one in policy.split(";"))
    assert directives["default-src"] == "'none'", what
    assert directives["frame-ancestors"] == "'none'", what
    assert "unsafe" not in policy, what
    assert not re.search(r"\*|https?:", policy), (what, policy)
    assert not [one for one, said in directives.items() if "data:" in said and one != "img-src"]
    assert "no-store" in headers["cache-control"] or "/docs" in what, what
    assert "server" not in headers, what
    assert "x-powered-by" not in headers, what
    assert "access-control-allow-origin" not in headers, what


def answers(api: Api, client: TestClient) -> Iterator[httpx2.Response]:
    """Ask every route by every method of its own, and by one that it does not have."""
    ids = things_of(api, "ada")
    for route in api.app.routes:
        assert isinstance(route, APIRoute)
        path = re.sub(r"{(\w+)(:\w+)?}", lambda one: ids.get(one[1], "x"), route.path)
        for method in sorted({*(route.methods or ()), "OPTIONS"}):
            yield client.request(method, path, follow_redirects=False)


def oddities(client: TestClient) -> Iterator[httpx2.Response]:
    """Ask for what is not there, too large, malformed or refused."""
    yield client.get("/no/such/page")
    yield client.get("/v1/no-such-noun")
    yield client.get("/%00")
    yield client.put("/v1/me")
    yield client.post("/token", content=b"x" * 300_000)
    yield client.post("/v1/me/password", content=b"{", headers={"Content-Type": "application/json"})
    yield client.post("/v1/me/password", content=b"{}", headers={"Content-Type": "text/plain"})
    yield client.get("/v1/sessions?limit=x")
    yield client.request("TRACE", "/v1/me")


@pytest.mark.parametrize("who", ["a stranger", "ada"])
def test_every_answer_keeps_browsers_in_check(sqlite_api: Api, who: str) -> None:
    """W3: CSP without unsafe-inline, no frames, no sniffing, no referrer, no cache; always."""
    client = sqlite_api.client if who == "a stranger" else sqlite_api.signed_in()
    seen = set()
    for answer in (*answers(sqlite_api, client), *oddities(client)):
        check(answer)
        seen.add(answer.status_code)
    assert {200, 401, 404, 405} <= seen


def test_an_accident_of_ours_too(sqlite_api: Api) -> None:
    """W3: also an answer that is no route's doing, a database that is gone."""
    client = sqlite_api.signed_in()
    assert client.get("/v1/me").status_code == 200
    sqlite_api.write(lambda one: one.exec_driver_sql("DROP TABLE quarantine"))
    answer = client.get("/v1/quarantine")
    assert answer.status_code >= 500
    check(answer)


@pytest.mark.parametrize(
    ("public_url", "told"),
    [("https://penstock.example", ["max-age=31536000"]), ("http://127.0.0.1:8000", []), (None, [])],
)
def test_https_is_for_good(
    sqlite_database: Database, tmp_path: Path, public_url: str | None, told: list[str]
) -> None:
    """W3: HSTS on every answer where the server is reached by HTTPS, and nowhere else."""
    with serving(sqlite_database.url, tmp_path, public_url=public_url) as api:
        for answer in (*answers(api, api.client), *oddities(api.client)):
            assert answer.headers.get_list("strict-transport-security") == told


@pytest.mark.parametrize(("peer", "believed"), [("10.0.0.1", True), ("192.0.2.7", False)])
def test_https_behind_a_proxy(
    sqlite_database: Database, tmp_path: Path, peer: str, *, believed: bool
) -> None:
    """W3: a proxy that is trusted may say that it was HTTPS; a stranger may not."""
    with serving(sqlite_database.url, tmp_path, trusted_proxies=("10.0.0.0/8",)) as api:
        client = TestClient(api.app, client=(peer, 1234))
        client.portal = api.client.portal
        answer = client.get("/healthz", headers={"X-Forwarded-Proto": "https"})
        assert ("strict-transport-security" in answer.headers) is believed


def test_pages_of_ours_hold_no_script_of_their_own(sqlite_api: Api) -> None:
    """W3: what the policy forbids is not needed: no inline script, style or handler in a page."""
    pages = [
        answer
        for answer in answers(sqlite_api, sqlite_api.client)
        if "text/html" in answer.headers.get("content-type", "")
    ]
    assert pages
    for page in pages:
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", page.text), page.url
        assert not re.search(r"\son\w+\s*=|\sstyle\s*=|javascript:", page.text), page.url
