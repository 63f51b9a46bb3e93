"""Alive, ready, counted."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from penstock.db.signing_keys import signing_keys
from tests.api.serving import Api, serving
from tests.databases import Database


def test_alive_and_ready(api: Api) -> None:
    """A working installation says so, to HEAD too."""
    assert api.client.get("/healthz").json() == {"status": "ok"}
    ready = {"status": "ok", "database": "ok", "schema": "ok", "key": "ok"}
    assert api.client.get("/readyz").json() == ready
    for path in ("/healthz", "/readyz"):
        answer = api.client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_an_older_schema_is_not_ready(api: Api) -> None:
    """Where a migration is missing the program is alive, but not ready."""

    def set_back(connection: sa.Connection) -> None:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")

    api.write(set_back)
    answer = api.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "failed",
        "database": "ok",
        "schema": "failed",
        "key": "failed",
    }
    assert api.client.get("/healthz").status_code == 200


def test_a_key_that_opens_nothing_is_not_ready(api: Api) -> None:
    """Where the key does not open what is sealed, the program is not ready."""

    def spoil(connection: sa.Connection) -> None:
        values = {"kid": "other", "sealed": "v1.00000000.AAAA", "created_at": api.clock()}
        connection.execute(signing_keys.insert().values(values))

    api.write(spoil)
    answer = api.client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["schema"], answer.json()["key"]) == ("ok", "failed")


def test_a_database_that_is_away(postgres_database: Database, tmp_path: Path) -> None:
    """While the database is away the answer is 503 with a problem, and the process lives."""
    with ExitStack() as stack, serving(postgres_database.url, tmp_path) as api:
        client = api.signed_in()
        database = api.penstock.database
        stack.callback(database.engine.dispose)  # short reads keep a way of their own to it
        database.engine.dispose()
        gone = sa.make_url(postgres_database.url).set(database="there_is_no_such_database")
        database.engine = sa.create_engine(gone)
        assert api.client.get("/readyz").json()["database"] == "failed"
        answer = client.get("/v1/me")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:penstock:problem:database-away"
        assert "there_is_no_such" not in answer.text
        assert api.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("192.0.2.7", {"X-Forwarded-For": "127.0.0.1"}, 403),
    ],
)
def test_metrics_are_for_this_machine(
    sqlite_api: Api, peer: str, headers: dict[str, str], status: int
) -> None:
    """Without a token only this machine sees the counts, and no proxy opens them to the world."""
    client = TestClient(sqlite_api.app, client=(peer, 50000))
    client.portal = sqlite_api.client.portal
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("penstock_http_requests_total" in answer.text) is (status == 200)


def test_metrics_with_a_token(sqlite_database: Database, tmp_path: Path) -> None:
    """With a token it is what opens them, wherever one comes from; nothing else does."""
    with serving(sqlite_database.url, tmp_path, metrics_token="scrape me") as api:
        api.client.get("/nowhere")
        good = api.client.get("/metrics", headers={"Authorization": "Bearer scrape me"})
        assert good.status_code == 200
        assert 'route="none"' in good.text
        for header in ("", "Bearer", "Bearer scrape", "scrape me", "Bearer scrape me ", "Bearer é"):
            sent = [(b"Authorization", header.encode())]
            assert api.client.get("/metrics", headers=sent).status_code == 403
        near = TestClient(api.app, client=("127.0.0.1", 50000))
        near.portal = api.client.portal
        assert near.get("/metrics").status_code == 403


def test_metrics_count_routes_not_addresses(sqlite_api: Api) -> None:
    """What was asked is counted by the route's template: no id becomes a label."""
    client = sqlite_api.signed_in()
    client.delete("/v1/sessions/ses_000000000000c")
    counted = sqlite_api.penstock.metrics.render()[0].decode()
    assert 'route="/v1/sessions/{session_id}"' in counted
    assert "ses_" not in counted


def test_metrics_tell_of_what_has_not_happened_yet(sqlite_api: Api) -> None:
    """An outcome that alerts hang on is told from the start, so that its first is an increase."""
    told = sqlite_api.penstock.metrics.render()[0].decode()
    assert 'penstock_sync_runs_total{connector="sandbox",outcome="contract"} 0.0' in told


def test_metrics_count_known_methods_only(sqlite_api: Api) -> None:
    """Methods that somebody thinks up share one label: strangers make no series without end."""
    for method in ("BREW", "WHEN"):
        sqlite_api.client.request(method, "/v1/me")
    counted = sqlite_api.penstock.metrics.render()[0].decode()
    assert 'method="other"' in counted
    assert "BREW" not in counted


def test_metrics_behind_a_proxy_want_a_token(sqlite_database: Database, tmp_path: Path) -> None:
    """Where a proxy stands before us, who comes from this machine may be the whole world."""
    public = "https://penstock.example"
    with serving(sqlite_database.url, tmp_path, public_url=public) as api:
        near = TestClient(api.app, client=("127.0.0.1", 50000))
        near.portal = api.client.portal
        answer = near.get("/metrics")
        assert answer.status_code == 403
        assert "PENSTOCK_METRICS_TOKEN" in answer.json()["remedy"]["text"]
