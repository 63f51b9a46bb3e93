"""Certificates towards a certified server: who we are, and what tokens are bound to (RFC 8705)."""

from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import TransportFailure
from penstock.domain.link_plan import ClientAuth
from penstock.domain.request import Request
from penstock.oauth.dpop import bound
from penstock.oauth.proving import Proving
from penstock.oauth.run import run
from penstock.outbound.client import Outbound
from tests.databases import Database
from tests.engine.house import play
from tests.node_peers import NodePeers
from tests.peers.certified import CALLBACK, certified
from tests.peers.papers import make_papers

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("fapi", [False, True])
def test_who_shows_the_certificate_is_let_in(
    sqlite_database: Database, peers: NodePeers, tmp_path: Path, fapi: bool
) -> None:
    """O8: our certificate says who we are at the aliases, and the token is good with it alone.

    The addresses without one are never asked for tokens.
    """
    papers = make_papers()
    client: dict[str, Any] = {
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_subject_dn": "CN=penstock",
        "tls_client_certificate_bound_access_tokens": True,
    }

    async def story() -> None:
        told = {"client": client, "tls": papers.tls(), "fapi": fapi, "pushed": fapi}
        async with certified(
            sqlite_database.url,
            peers,
            told,
            trust=papers.trust(tmp_path),
            resource="{strict}/me",
            client_auth=ClientAuth.CERTIFICATE,
            shows_certificate=True,
        ) as bank:
            number = await bank.link()
            await bank.sync(number)
            opened = await bank.renew(number)
            asked = [one.url for one in bank.sent if one.method == "POST"]
            assert asked
            assert not [url for url in asked if url.startswith(bank.issuer)]
            token = opened.access.reveal()
            request = Request("GET", f"{bank.strict}/me", {"Authorization": f"Bearer {token}"})
            assert (await run(bound(request, opened, Proving()), bank.send)).status == 200
            async with Outbound(
                allow=[bank.issuer.removeprefix("https://")],
                showing={"thief": papers.trust(tmp_path, showing=False)},
            ) as thief:
                elsewhere = Request("GET", f"{bank.issuer}/me", request.headers)
                assert (await thief.send(elsewhere, connector="thief")).status == 401
            assert (await bank.disconnect(number)).revoked
            assert not await bank.is_good(token)

    play(story())


def test_without_the_certificate_nobody_links(
    sqlite_database: Database, peers: NodePeers, tmp_path: Path
) -> None:
    """O8: a connector that shows none is turned away at the door, so the server does look."""
    papers = make_papers()
    client = {
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_subject_dn": "CN=penstock",
    }

    async def story() -> None:
        told = {"client": client, "tls": papers.tls()}
        async with certified(
            sqlite_database.url,
            peers,
            told,
            trust=papers.trust(tmp_path, showing=False),
            client_auth=ClientAuth.CERTIFICATE,
            shows_certificate=True,
        ) as bank:
            begun = await bank.linker().begin(bank.it.owner_id, "fake", redirect_uri=CALLBACK)
            with pytest.raises(TransportFailure):
                await bank.finish(await bank.consent(begun.url))

    play(story())
