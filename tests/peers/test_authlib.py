"""Done-line 2: Authlib's client, which is none of ours, signs people in with our running server."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.databases import Database
from tests.peers.ours import Ours, Visitor, serving

pytestmark = pytest.mark.peers

BACK = "http://127.0.0.1:9/back"
VERIFIER = "v" * 64


@pytest.fixture
def ours(sqlite_database: Database, tmp_path: Path) -> Iterator[Ours]:
    """Serve a fresh database on a port of this machine."""
    with serving(sqlite_database.url, tmp_path) as running:
        yield running


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_authlib_agrees(ours: Ours, method: str) -> None:
    """C4: code + PKCE, refresh, introspection and revocation, by each way to prove a client."""
    authlib = pytest.importorskip(
        "authlib.integrations.httpx_client", reason="Authlib is in the group `peers`"
    )
    program = ours.register(
        name="Authlib", redirect_uris=[BACK], confidential=method != "none", scopes=["read"]
    )
    with authlib.OAuth2Client(
        client_id=program["client_id"],
        client_secret=program["client_secret"],
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope="read",
        redirect_uri=BACK,
        code_challenge_method="S256",
        trust_env=False,
    ) as client:
        url, state = client.create_authorization_url(
            f"{ours.address}/authorize", code_verifier=VERIFIER
        )
        back = Visitor(ours.address).open(url)
        assert parse_qs(urlsplit(back).query)["iss"] == [ours.address]
        token = client.fetch_token(
            f"{ours.address}/token",
            authorization_response=back,
            state=state,
            code_verifier=VERIFIER,
            grant_type="authorization_code",
        )
        assert token["scope"] == "read"
        assert client.get(f"{ours.address}/v1/me").json()["username"] == "ada"
        renewed = client.refresh_token(f"{ours.address}/token", token["refresh_token"])
        assert renewed["refresh_token"] != token["refresh_token"]
        told = client.introspect_token(f"{ours.address}/introspect", renewed["access_token"])
        assert told.json()["client_id"] == program["client_id"]
        ended = client.revoke_token(f"{ours.address}/revoke", renewed["refresh_token"])
        assert ended.status_code == 200
        opened = {"Authorization": f"Bearer {renewed['access_token']}"}
        assert httpx2.get(f"{ours.address}/v1/me", headers=opened).status_code == 401
