"""The address that providers call, and what a person sees of it (sync.md 28)."""

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from penstock.db import connections, hooks, leases
from penstock.db.hooks import SubscriptionRow
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.engine.hooks import MOST_BYTES
from tests.api.serving import Api, serving
from tests.databases import Database

KEY = "a-key-that-was-told-once-0123456789"
SIGNATURE = "X-Up-Authenticity-Signature"


@pytest.fixture
def reached(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    """Serve an installation that the world reaches."""
    with serving(sqlite_database.url, tmp_path, public_url="https://penstock.example") as api:
        yield api


def connected(api: Api) -> str:
    """Give Ada a connection that was subscribed for; return its id."""
    owner_id = api.person("ada")
    now = api.clock()

    def make(connection: sa.Connection) -> int:
        number = connections.create(connection, owner_id=owner_id, connector="up", now=now)
        leases.open_lease(connection, number)
        sealed = api.penstock.inbox.seals.seal_hook(Secret(KEY), number, owner_id)
        url = f"https://penstock.example/v1/hooks/up/{public_id('con', number)}"
        hooks.save_subscription(connection, SubscriptionRow(number, url, "w", sealed, now))
        return number

    return public_id("con", api.write(make))


def event(api: Api, number: str = "event-1") -> tuple[bytes, dict[str, str]]:
    """Write an event and its headers, as the provider does."""
    attributes = {"eventType": "TRANSACTION_CREATED", "createdAt": api.clock().isoformat()}
    body = msgspec.json.encode({"data": {"id": number, "attributes": attributes}})
    signed = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    return body, {SIGNATURE: signed, "Content-Type": "application/json"}


def test_a_provider_calls_without_a_token(reached: Api) -> None:
    """Its signature is what lets it in; the answer says what became of it."""
    address = f"/v1/hooks/up/{connected(reached)}"
    body, headers = event(reached)
    for outcome in ("heard", "duplicate"):
        answer = reached.client.post(address, content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"outcome": outcome})


def test_strangers_are_refused(reached: Api) -> None:
    """A wrong signature, another address, too much of it: each by name, and nothing is kept."""
    here = connected(reached)
    body, headers = event(reached)
    posted = reached.client.post
    forged = posted(f"/v1/hooks/up/{here}", content=body + b" ", headers=headers)
    assert (forged.status_code, forged.json()["type"]) == (403, "urn:penstock:problem:hook-refused")
    for elsewhere in (f"plaid/{here}", "up/con_0000000000zzz", "up/x", f"none/{here}"):
        assert posted(f"/v1/hooks/{elsewhere}", content=body, headers=headers).status_code == 404
    large = posted(f"/v1/hooks/up/{here}", content=b"x" * (MOST_BYTES + 1), headers=headers)
    assert large.status_code == 413
    assert reached.read(lambda at: at.execute(hooks.hook_events.select()).all()) == []


def test_a_person_sees_their_own(reached: Api) -> None:
    """Where the provider calls, since when, and what it said last; nobody else's."""
    here = connected(reached)
    body, headers = event(reached)
    reached.client.post(f"/v1/hooks/up/{here}", content=body, headers=headers)
    (shown,) = reached.signed_in("ada").get("/v1/hooks").json()["rows"]
    assert shown == {
        "connection_id": here,
        "connector": "up",
        "url": f"https://penstock.example/v1/hooks/up/{here}",
        "where": "",
        "subscribed_at": "2026-11-21T09:30:00Z",
        "last_kind": "TRANSACTION_CREATED",
        "last_at": "2026-11-21T09:30:00Z",
    }
    assert reached.signed_in("ben").get("/v1/hooks").json()["rows"] == []
