"""POST /token, as an OAuth client sees it."""

import base64
import logging
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from penstock.domain.secret import Secret
from tests.api.serving import Api, lines, serving
from tests.databases import Database

GOOD = "correct horse battery"
FORM = "application/x-www-form-urlencoded"


def add(api: Api, name: str = "ada") -> None:
    """Add a person with a password."""
    api.play(lambda: api.identity.add_user(name, Secret(GOOD)))


def ask(api: Api, **fields: str) -> Response:
    """Ask for tokens by a password."""
    form = {"grant_type": "password", "username": "ada", "password": GOOD} | fields
    return api.client.post("/token", data={name: value for name, value in form.items() if value})


def test_signing_in(api: Api) -> None:
    """A name and a password give tokens that work, and no cache keeps them."""
    add(api)
    answer = ask(api)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] <= 600
    assert tokens["scope"] == "admin connect quotes read sync write"
    assert api.bearing(tokens["access_token"]).get("/v1/me").json()["username"] == "ada"

    again = api.client.post(
        "/token",
        data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
    )
    assert again.status_code == 200
    assert again.json()["refresh_token"] != tokens["refresh_token"]
    assert api.bearing(again.json()["access_token"]).get("/v1/me").status_code == 200


def test_fewer_scopes(sqlite_api: Api) -> None:
    """Who asks for less gets less."""
    add(sqlite_api)
    tokens = ask(sqlite_api, scope="read sync").json()
    assert tokens["scope"] == "read sync"
    client = sqlite_api.bearing(tokens["access_token"])
    assert client.get("/v1/me").json()["scopes"] == ["read", "sync"]
    assert client.post("/v1/me/password", json={}).status_code == 403


def test_refusals_are_byte_equal(sqlite_api: Api) -> None:
    """L3: wrong, unknown and disabled get the same bytes."""
    for name in ("ada", "bob"):
        add(sqlite_api, name)
    sqlite_api.disable("bob")
    answers = [
        ask(sqlite_api, password="wrong horse battery"),
        ask(sqlite_api, username="nobody"),
        ask(sqlite_api, username="bob"),
        ask(sqlite_api, username="a\nb"),
        ask(sqlite_api, password="x" * 2000),
    ]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {answer.status_code for answer in answers} == {400}
    assert answers[0].json()["error"] == "invalid_grant"


@pytest.mark.parametrize("client_id", ["", "penstock"])
def test_our_own_programs_may(sqlite_api: Api, client_id: str) -> None:
    """L8: no client id means one of ours; and so does our own."""
    add(sqlite_api)
    assert ask(sqlite_api, client_id=client_id).status_code == 200


def test_other_programs_may_not(sqlite_api: Api) -> None:
    """L8: a client of somebody else gets no tokens by a password, right as it may be."""
    add(sqlite_api)
    answer = ask(sqlite_api, client_id="budget-app", client_secret="s3cret")
    assert answer.status_code == 400
    assert answer.json()["error"] == "unauthorized_client"


@pytest.mark.parametrize(
    ("credentials", "status", "error"),
    [(":", 200, None), ("penstock:", 200, None), ("budget-app:s3cret", 400, "unauthorized_client")],
)
def test_clients_named_by_basic(
    sqlite_api: Api, credentials: str, status: int, error: str | None
) -> None:
    """RFC 6749 §2.3.1: a client may be named in the header; Swagger UI sends an empty one."""
    add(sqlite_api)
    header = "Basic " + base64.b64encode(credentials.encode()).decode()
    form = {"grant_type": "password", "username": "ada", "password": GOOD}
    answer = sqlite_api.client.post("/token", data=form, headers={"Authorization": header})
    assert answer.status_code == status
    assert answer.json().get("error") == error


@pytest.mark.parametrize("header", ["Bearer x", "Basic !", "Basic", "Basic /w==", "Digest a=b"])
def test_other_authorization_is_refused(sqlite_api: Api, header: str) -> None:
    """RFC 6749 §5.2: client authentication that is none of ours is 401 with a challenge."""
    answer = sqlite_api.client.post(
        "/token", data={"grant_type": "password"}, headers={"Authorization": header}
    )
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "invalid_request"),
        (b"grant_type=password", "invalid_request"),
        (b"grant_type=password&username=ada", "invalid_request"),
        (b"grant_type=password&username=ada&password=", "invalid_request"),
        (b"grant_type=password&grant_type=password", "invalid_request"),
        (b"grant_type=password&username=a&username=b&password=c", "invalid_request"),
        (b"grant_type=client_credentials", "unsupported_grant_type"),
        (b"grant_type=PASSWORD", "unsupported_grant_type"),
        (b"grant_type=refresh_token", "invalid_request"),
        (b"grant_type=refresh_token&refresh_token=x", "invalid_grant"),
        (b"grant_type=refresh_token&refresh_token=%00", "invalid_grant"),
        (b"grant_type=refresh_token&refresh_token=x&scope=root", "invalid_scope"),
        (b"grant_type=password&username=a&password=b&scope=read%0Awrite", "invalid_scope"),
        (b"grant_type=password&username=a&password=b&scope=read++write", "invalid_scope"),
        (b"grant_type=password&username=%00&password=%00", "invalid_grant"),
        (b"grant_type=password&username=%ff&password=x", "invalid_request"),
        (b"\xff\xfe", "invalid_request"),
        (b"&".join(b"f%d=1" % n for n in range(2000)), "invalid_request"),
        (b"grant_type" + b"=" * 5000, "unsupported_grant_type"),
    ],
)
def test_broken_forms(sqlite_api: Api, content: bytes, error: str) -> None:
    """X4: whatever the form is, the answer is one of RFC 6749 §5.2."""
    answer = sqlite_api.client.post("/token", content=content, headers={"Content-Type": FORM})
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert set(answer.json()) == {"error", "error_description"}


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""]
)
def test_only_forms_are_read(sqlite_api: Api, kind: str) -> None:
    """W2: a page of somebody else's cannot send what we take for a sign-in as plain text."""
    answer = sqlite_api.client.post("/token", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415


def test_a_password_in_the_address_is_not_taken(sqlite_api: Api) -> None:
    """K3: nothing of a sign-in may stand in an address."""
    answer = sqlite_api.client.post("/token?grant_type=password&username=ada&password=x")
    assert answer.status_code == 422


def test_five_megabytes_are_refused_fast(sqlite_api: Api) -> None:
    """L2, X4: a huge password is not even read."""
    answer = ask(sqlite_api, password="x" * 5_000_000)
    assert answer.status_code == 413


def test_guessing_is_slowed_down(sqlite_api: Api) -> None:
    """L4: after some wrong guesses the answer is 429, and says when to come back."""
    add(sqlite_api)
    answers = [ask(sqlite_api, password="wrong horse battery") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["error"] == "too_many_attempts"
    sqlite_api.clock.advance(seconds=1)
    assert ask(sqlite_api).status_code == 200


def test_addresses_that_nobody_vouches_for_are_not_believed(sqlite_api: Api) -> None:
    """L4: a made-up X-Forwarded-For gives no fresh guesses."""
    statuses = []
    for n in range(6):
        form = {"grant_type": "password", "username": "ada", "password": "wrong"}
        sent = {"X-Forwarded-For": f"198.51.100.{n}"}
        statuses.append(sqlite_api.client.post("/token", data=form, headers=sent).status_code)
    assert statuses[-1] == 429


def test_a_named_proxy_is_believed(sqlite_database: Database, tmp_path: Path) -> None:
    """L4: behind a proxy that the operator named, each client has guesses of its own."""
    with serving(sqlite_database.url, tmp_path, trusted_proxies="10.0.0.2") as api:
        proxied = TestClient(api.app, client=("10.0.0.2", 50000))
        proxied.portal = api.client.portal
        form = {"grant_type": "password", "username": "ada", "password": "wrong"}
        statuses = [
            proxied.post(
                "/token", data=form, headers={"X-Forwarded-For": f"198.51.100.{n // 6}"}
            ).status_code
            for n in range(12)
        ]
    assert statuses == ([400] * 5 + [429]) * 2


def test_the_password_grant_can_be_switched_off(sqlite_database: Database, tmp_path: Path) -> None:
    """L8: where the operator wants none, a password gives no tokens; a refresh token still does."""
    with serving(sqlite_database.url, tmp_path, password_grant=False) as api:
        add(api)
        answer = ask(api)
        assert answer.status_code == 400
        assert answer.json()["error"] == "unsupported_grant_type"
        form: dict[str, Any] = {
            "grant_type": "refresh_token",
            "refresh_token": api.begin("eve").refresh.reveal(),
        }
        assert api.client.post("/token", data=form).status_code == 200


def test_no_secret_is_logged(sqlite_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """K3: no line of a sign-in has the password, a token, or what was typed for a name."""
    with caplog.at_level(logging.INFO):
        add(sqlite_api)
        tokens = ask(sqlite_api).json()
        sqlite_api.bearing(tokens["access_token"]).get("/v1/me")
        ask(sqlite_api, username="canary-name", password="canary-password")
    kinds = {line.get("kind") for line in lines(caplog) if line["event"] == "audit_recorded"}
    assert {"signed_in", "sign_in_refused"} <= kinds
    for secret in (GOOD, tokens["access_token"], tokens["refresh_token"], "canary"):
        assert secret not in repr(lines(caplog))
