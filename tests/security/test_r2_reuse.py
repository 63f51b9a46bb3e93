"""R2: a refresh token that comes twice ends its family, and that is on record."""

import pytest
import sqlalchemy as sa

from penstock.db.audit import audit
from penstock.domain.ids import public_id
from tests.api.serving import Api


def refreshed(api: Api, token: str) -> dict[str, str]:
    """Ask for new tokens; return what is answered."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    told: dict[str, str] = api.client.post("/token", data=form).json()
    return told


@pytest.mark.parametrize("thief_first", [True, False])
def test_reuse_ends_the_family(api: Api, *, thief_first: bool) -> None:
    """R2: whoever of thief and owner comes second, both are out: refresh and access tokens."""
    issued = api.begin()
    stolen = issued.refresh.reveal()
    first = refreshed(api, stolen)
    newest = refreshed(api, first["refresh_token"]) if thief_first else first
    clients = [api.bearing(one["access_token"]) for one in (first, newest)]
    clients.append(api.bearing(issued.access.reveal()))
    assert [one.get("/v1/me").status_code for one in clients] == [200] * 3
    api.clock.advance(seconds=31)
    assert refreshed(api, stolen)["error"] == "invalid_grant"
    assert [one.get("/v1/me").status_code for one in clients] == [401] * 3
    assert refreshed(api, newest["refresh_token"])["error"] == "invalid_grant"

    def records(connection: sa.Connection) -> list[tuple[int, str]]:
        query = sa.select(audit.c.user_id, audit.c.subject)
        found = connection.execute(query.where(audit.c.kind == "refresh_reused"))
        return [(row.user_id, row.subject) for row in found]

    assert api.read(records) == [(api.person("ada"), public_id("ses", issued.session_id))]


def test_a_person_s_other_sessions_stay(api: Api) -> None:
    """R2: one family ends, and no other: a stolen token signs nobody out everywhere."""
    stolen, other = api.begin(), api.begin()
    refreshed(api, stolen.refresh.reveal())
    api.clock.advance(seconds=31)
    refreshed(api, stolen.refresh.reveal())
    assert api.bearing(other.access.reveal()).get("/v1/me").status_code == 200
    assert "access_token" in refreshed(api, other.refresh.reveal())
