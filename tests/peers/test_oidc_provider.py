"""Our client side of OAuth, held to a certified server (npm oidc-provider 9.13.3)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from penstock.db import credentials
from penstock.domain.errors import GrantRefused, OAuthError, TransportFailure
from penstock.domain.link_plan import ClientAuth, ClientKey
from penstock.domain.outcome import Halt
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.oauth.dpop import bound, new_key
from penstock.oauth.proving import Proving
from penstock.oauth.run import run
from penstock.oauth.token import refresh
from tests.databases import Database
from tests.engine.house import play
from tests.node_peers import NodePeers
from tests.peers.certified import CALLBACK, certified

pytestmark = pytest.mark.peers

PUBLIC = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}


LATER = timedelta(minutes=5)


class Down:
    """A bank that cannot be reached."""

    async def send(self, request: Request, *, connector: str) -> Response:
        """Be away."""
        raise TransportFailure(f"{request!r} of {connector} did not get through.")


def signing(kind: str) -> tuple[ClientKey, dict[str, Any]]:
    """Make a key of ours; return it, and what the bank is told of it."""
    native: Any = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "ES256"
        else rsa.generate_private_key(65537, 2048)
    )
    pem = native.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    jwk: Any = (ECKey if kind == "ES256" else RSAKey).import_key(pem)
    public = {**jwk.as_dict(private=False), "kid": "k-1", "use": "sig", "alg": kind}
    return ClientKey(Secret(pem), "k-1"), {
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": kind,
        "jwks": {"keys": [public]},
    }


def test_code_pkce_iss_rotation_and_reuse(sqlite_database: Database, peers: NodePeers) -> None:
    """O2, O3, O5: linked with S256 and `iss`; each refresh rotates; an old token kills the family.

    Then the bank says `invalid_grant`, and the person is asked at once (O7).
    """

    async def story() -> None:
        async with certified(sqlite_database.url, peers, {"client": PUBLIC}) as bank:
            number = await bank.link()
            await bank.sync(number)
            first = await bank.opened(number)
            second = await bank.renew(number)
            assert second.access != first.access
            assert second.refresh != first.refresh
            await bank.sync(number)
            assert first.refresh is not None
            with pytest.raises(GrantRefused):
                await run(refresh(bank.plan, first.refresh), bank.send)
            assert not await bank.is_good(second.access.reveal())
            with pytest.raises(Halt) as halted:
                await bank.renew(number)
            assert halted.value.ending.consent == "login_required"

    play(story())


def test_a_refusal_never_reaches_the_token_endpoint(
    sqlite_database: Database, peers: NodePeers
) -> None:
    """O4: the person says no at the bank: that is the end, and no token is asked for."""

    async def story() -> None:
        async with certified(sqlite_database.url, peers, {"client": PUBLIC}) as bank:
            begun = await bank.linker().begin(bank.it.owner_id, "fake", redirect_uri=CALLBACK)
            answer = await bank.consent(begun.url, refuse=True)
            assert dict(answer)["error"] == "access_denied"
            with pytest.raises(OAuthError, match="not given"):
                await bank.finish(answer)
            asked = (await bank.ask("GET", "/counted"))[1]
            assert not [name for name in asked if name.startswith("/token")]

    play(story())


def test_disconnecting_revokes(sqlite_database: Database, peers: NodePeers) -> None:
    """O9: after it the bank says of both tokens that they are not active."""

    async def story() -> None:
        async with certified(sqlite_database.url, peers, {"client": PUBLIC}) as bank:
            number = await bank.link()
            opened = await bank.opened(number)
            assert opened.refresh is not None
            given = [opened.access.reveal(), opened.refresh.reveal()]
            assert [await bank.is_good(one) for one in given] == [True, True]
            ended = await bank.disconnect(number)
            assert (ended.revoked, ended.retried) == (True, False)
            assert [await bank.is_good(one) for one in given] == [False, False]
            assert await bank.it.database.read(credentials.find, number) is None

    play(story())


def test_a_disconnect_while_the_bank_is_down_is_made_good(
    sqlite_database: Database, peers: NodePeers
) -> None:
    """O9: it is down, so it still honours the tokens; once it is back they are revoked."""

    async def story() -> None:
        async with certified(sqlite_database.url, peers, {"client": PUBLIC}) as bank:
            number = await bank.link()
            token = (await bank.opened(number)).access.reveal()
            real, bank.outbound = bank.outbound, Down()  # type: ignore[assignment]  # it only sends
            ended = await bank.disconnect(number)
            assert (ended.revoked, ended.retried) == (False, True)
            assert await bank.is_good(token)
            bank.outbound = real
            revoker = bank.revoker()
            later = replace(revoker, clock=lambda: revoker.clock() + LATER)
            assert await later.pass_once() == 1
            assert not await bank.is_good(token)
            assert await later.pass_once() == 0

    play(story())


@pytest.mark.parametrize("kind", ["ES256", "PS256"])
def test_pushed_and_stated(sqlite_database: Database, peers: NodePeers, kind: str) -> None:
    """O8: PAR and private_key_jwt: the address says only who we are and the request's name."""
    key, client = signing(kind)

    async def story() -> None:
        told = {"client": client, "pushed": True}
        async with certified(
            sqlite_database.url, peers, told, client_auth=ClientAuth.KEY, client_key=key
        ) as bank:
            begun = await bank.linker().begin(bank.it.owner_id, "fake", redirect_uri=CALLBACK)
            asked = dict(parse_qsl(urlsplit(begun.url).query))
            assert asked.keys() == {"client_id", "request_uri"}
            number = await bank.finish(await bank.consent(begun.url))
            await bank.renew(number)
            await bank.sync(number)
            assert (await bank.disconnect(number)).revoked

    play(story())


@pytest.mark.parametrize("nonces", [False, True])
def test_tokens_that_are_bound_to_a_key(
    sqlite_database: Database, peers: NodePeers, nonces: bool
) -> None:
    """O8: DPoP, with and without the server's nonces: what is stolen without the key opens nothing.

    The nonces of the bank are remembered: the second sync is not asked for one.
    """

    async def story() -> None:
        told = {"client": {**PUBLIC, "dpop_bound_access_tokens": True}, "nonces": nonces}
        async with certified(sqlite_database.url, peers, told, dpop=True) as bank:
            number = await bank.link()
            opened = await bank.opened(number)
            assert opened.key is not None
            await bank.sync(number)
            before = (await bank.ask("GET", "/counted"))[1].get("/me 401", 0)
            await bank.sync(number)
            assert (await bank.ask("GET", "/counted"))[1].get("/me 401", 0) == before
            token = opened.access.reveal()
            stolen = {"Authorization": f"Bearer {token}"}
            assert (await bank.ask("GET", "/me", headers=stolen))[0] == 401
            thief = replace(opened, key=new_key(Proving().entropy))
            mine = {"Authorization": f"Bearer {token}"}
            request = Request("GET", f"{bank.issuer}/me", mine)
            assert (await run(bound(request, opened, Proving()), bank.send)).status == 200
            assert (await run(bound(request, thief, Proving()), bank.send)).status == 401
            renewed = await bank.renew(number)
            assert renewed.key == opened.key
            await bank.sync(number)

    play(story())


def test_fapi_2(sqlite_database: Database, peers: NodePeers) -> None:
    """O8: the FAPI 2.0 profile of a certified server lets us in, all our steps of the way."""
    key, client = signing("ES256")

    async def story() -> None:
        told = {
            "client": {**client, "dpop_bound_access_tokens": True},
            "fapi": True,
            "pushed": True,
            "nonces": True,
        }
        async with certified(
            sqlite_database.url,
            peers,
            told,
            client_auth=ClientAuth.KEY,
            client_key=key,
            dpop=True,
        ) as bank:
            number = await bank.link()
            await bank.sync(number)
            opened = await bank.renew(number)
            await bank.sync(number)
            assert (await bank.disconnect(number)).revoked
            assert not await bank.is_good(opened.access.reveal())

    play(story())


def test_another_audience_is_refused(sqlite_database: Database, peers: NodePeers) -> None:
    """O8: under FAPI 2.0 a statement for the token endpoint, not the issuer, proves nothing.

    So the server does check what ours says.
    """
    key, client = signing("ES256")

    async def story() -> None:
        told = {"client": client, "fapi": True}
        async with certified(
            sqlite_database.url, peers, told, client_auth=ClientAuth.KEY, client_key=key
        ) as bank:
            wrong = replace(
                bank.plan,
                issuer=f"{bank.issuer}/token",
                publishes=False,
                token_url=f"{bank.issuer}/token",
            )
            with pytest.raises(OAuthError) as refused:
                await run(refresh(wrong, Secret("any")), bank.send)
            assert refused.value.code == "invalid_client"

    play(story())
