"""The bank's authorization server, over real HTTP, as an attacker and as a client see it."""

import asyncio

import aiohttp
import pytest

from penstock.sandbox.authorization import Client
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.sandbox.visitor import CHALLENGE, REDIRECT, VERIFIER, Watch, callback_of, visiting


def test_metadata_leads_to_every_endpoint() -> None:
    """C4: RFC 8414 metadata names the endpoints, S256 alone, and `iss` in the callback."""

    async def story() -> None:
        async with visiting() as visitor:
            answer = await visitor.send(
                "GET", f"{visitor.bank.url}/.well-known/oauth-authorization-server"
            )
            told = answer.json
            assert told["issuer"] == visitor.bank.url
            assert told["code_challenge_methods_supported"] == ["S256"]
            assert told["authorization_response_iss_parameter_supported"] is True
            for name in ("authorization", "token", "revocation", "introspection"):
                assert told[f"{name}_endpoint"].startswith(f"{visitor.bank.url}/oauth/")

    asyncio.run(story())


def test_consent_page_speaks_plainly_and_is_safe() -> None:
    """C4: a real page: scopes in plain words, who, which scenario, allow and deny; no scripts."""

    async def story() -> None:
        async with visiting(scenario=Scenario.FLAKY) as visitor:
            page = await visitor.ask(state='"><script>alert(1)</script>')
            text = page.body.decode()
            assert page.status == 200
            assert "see what was paid, and to whom" in text
            assert 'value="allow"' in text
            assert 'value="deny"' in text
            assert '<option value="flaky" selected>' in text
            assert all(f'<option value="{each}"' in text for each in Scenario)
            assert "<script" not in text
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]
            assert page.headers["Cache-Control"] == "no-store"

    asyncio.run(story())


def test_the_form_on_the_page_is_all_that_a_program_needs() -> None:
    """A program consents by posting the query back with `decision=allow`: a 303 to the callback."""

    async def story() -> None:
        async with visiting() as visitor:
            allowed = await visitor.decide(person="ben", scenario="twins")
            answer = callback_of(allowed)
            assert answer["state"] == "some-state"
            assert answer["iss"] == visitor.bank.url
            tokens = (await visitor.exchange(answer["code"])).json
            assert tokens["token_type"] == "Bearer"
            assert tokens["expires_in"] == 300
            grant = visitor.bank.authority.grants[0]
            assert (grant.person, grant.scenario) == ("ben", Scenario.TWINS)

    asyncio.run(story())


def test_denying_sends_the_person_back_without_a_code() -> None:
    """O4: a denial is an error callback with state and iss, and no grant comes of it."""

    async def story() -> None:
        async with visiting() as visitor:
            for decision in ("deny", "", "ALLOW", None):
                answer = callback_of(await visitor.decide(decision=decision))
                assert answer["error"] == "access_denied"
                assert answer["state"] == "some-state"
                assert answer["iss"] == visitor.bank.url
                assert "code" not in answer
            assert not visitor.bank.authority.grants

    asyncio.run(story())


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "another"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "http://127.0.0.1@evil.example/"},
        {"redirect_uri": None},
        {"scenario": "no such scenario"},
        {"person": "mallory"},
    ],
    ids=range(6),
)
def test_what_must_not_redirect_does_not(change: dict[str, str | None]) -> None:
    """C1: an unknown client or address gets a 400 page and no Location, asking and deciding."""

    async def story() -> None:
        async with visiting() as visitor:
            answer = await visitor.decide(**change)
            assert answer.status == 400
            assert "Location" not in answer.headers
            if "person" not in change:
                assert (await visitor.ask(**change)).status == 400

    asyncio.run(story())


def test_no_code_without_pkce() -> None:
    """C2: without PKCE, or with plain, no person is asked and no code is given."""

    async def story() -> None:
        async with visiting() as visitor:
            for change in (
                {"code_challenge": None, "code_challenge_method": None},
                {"code_challenge_method": "plain"},
                {"code_challenge_method": None},
            ):
                for answer in (await visitor.ask(**change), await visitor.decide(**change)):
                    assert callback_of(answer)["error"] == "invalid_request"
            code = await visitor.code()
            assert (await visitor.exchange(code, code_verifier="")).status == 400

    asyncio.run(story())


def test_a_replayed_code_revokes_what_it_gave() -> None:
    """C3: the second use of a code fails, and the tokens of the first one are dead."""

    async def story() -> None:
        async with visiting() as visitor:
            code = await visitor.code()
            first = (await visitor.exchange(code)).json
            again = await visitor.exchange(code)
            assert (again.status, again.json["error"]) == (400, "invalid_grant")
            assert (await visitor.get("/v1/accounts", first["access_token"])).status == 401
            assert (await visitor.refresh(first["refresh_token"])).json["error"] == "invalid_grant"

    asyncio.run(story())


def test_racing_for_a_code_gives_it_to_nobody_twice() -> None:
    """C3: of twenty parallel exchanges at most one gets tokens."""

    async def story() -> None:
        async with visiting() as visitor:
            code = await visitor.code()
            answers = await asyncio.gather(*(visitor.exchange(code) for _ in range(20)))
            assert sum(answer.status == 200 for answer in answers) == 1

    asyncio.run(story())


def test_wrong_exchanges_are_named() -> None:
    """Each refusal of the token endpoint is JSON with the RFC's error, and not to be cached."""

    async def story() -> None:
        async with visiting() as visitor:
            cases = {
                "unsupported_grant_type": {"grant_type": "password", "client_id": "penstock"},
                "invalid_client": {"grant_type": "refresh_token", "client_id": "another"},
                "invalid_grant": {
                    "grant_type": "refresh_token",
                    "client_id": "penstock",
                    "refresh_token": "never issued",
                },
            }
            for error, form in cases.items():
                answer = await visitor.token(form)
                assert answer.json["error"] == error
                assert answer.status == (401 if error == "invalid_client" else 400)
                assert answer.headers["Cache-Control"] == "no-store"

    asyncio.run(story())


def test_strict_rotation_over_http() -> None:
    """R2: reuse of a refresh token ends everything that the person allowed this client."""

    async def story() -> None:
        async with visiting(scenario=Scenario.STRICT_ROTATION) as visitor:
            await visitor.link()
            old = visitor.tokens["refresh_token"]
            new = (await visitor.refresh(old)).json
            assert (await visitor.get("/v1/accounts", new["access_token"])).status == 200
            assert (await visitor.refresh(old)).json["error"] == "invalid_grant"
            assert (await visitor.get("/v1/accounts", new["access_token"])).status == 401
            assert (await visitor.refresh(new["refresh_token"])).status == 400

    asyncio.run(story())


def test_grace_over_http() -> None:
    """R3: with grace, the parent works once more after an answer got lost, and then no more."""

    async def story() -> None:
        async with visiting(scenario=Scenario.ROTATION_WITH_GRACE) as visitor:
            await visitor.link()
            old = visitor.tokens["refresh_token"]
            visitor.bank.queue(Fault(FaultKind.TOKEN_LOST), place=Place.TOKEN)
            with pytest.raises(aiohttp.ClientConnectionError):
                await visitor.refresh(old)
            assert (await visitor.refresh(old)).status == 200
            assert (await visitor.refresh(old)).status == 400

    asyncio.run(story())


def test_revocation_and_introspection() -> None:
    """R7, O9: revoking is 200 for any token, and what was revoked is inactive and opens nothing."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            access, refresh = visitor.tokens["access_token"], visitor.tokens["refresh_token"]
            told = await visitor.post("/oauth/introspect", token=access, client_id="penstock")
            assert told.json["active"] is True
            assert told.json["sub"] == "ada"
            for token in ("never issued", refresh, refresh):
                answer = await visitor.post("/oauth/revoke", token=token, client_id="penstock")
                assert answer.status == 200
            for token in (access, refresh):
                told = await visitor.post("/oauth/introspect", token=token, client_id="penstock")
                assert told.json == {"active": False}
            assert (await visitor.get("/v1/accounts")).status == 401
            strange = await visitor.post("/oauth/introspect", token=access, client_id="another")
            assert strange.status == 401

    asyncio.run(story())


def test_a_client_with_a_secret_shows_it() -> None:
    """A confidential client is refused without its secret, in the form or by Basic."""

    async def story() -> None:
        client = Client("shop", secret="s3cret:with colon", redirect_uris=())
        async with visiting(clients=(client,)) as visitor:
            form = {
                "grant_type": "authorization_code",
                "redirect_uri": REDIRECT,
                "code_verifier": VERIFIER,
            }

            async def tried(**more: str) -> int:
                code = await visitor.code(client_id="shop")
                return (await visitor.token({**form, "code": code, **more})).status

            assert await tried(client_id="shop") == 401
            assert await tried(client_id="shop", client_secret="wrong") == 401
            assert await tried(client_id="shop", client_secret="s3cret:with colon") == 200

    asyncio.run(story())


def test_a_bearer_token_is_needed_and_expires() -> None:
    """Without a good access token there is no data, and the challenge says why (RFC 6750)."""

    async def story() -> None:
        watch = Watch()
        async with visiting(clock=watch) as visitor:
            await visitor.link()
            assert (await visitor.get("/v1/accounts")).status == 200
            for token in ("", "wrong", visitor.tokens["refresh_token"], CHALLENGE):
                answer = await visitor.get("/v1/accounts", token or " ")
                assert answer.status == 401
                assert answer.json["error"]["code"] == "invalid_token"
                assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
            watch.advance(seconds=301)
            assert (await visitor.get("/v1/accounts")).status == 401

    asyncio.run(story())
