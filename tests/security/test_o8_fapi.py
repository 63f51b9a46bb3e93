"""O8: pushed requests, signed statements, bound tokens: what a bank of FAPI 2.0 sees of us.

Here a bank played by hand reads every proof. The certified one is in tests/peers (`-m peers`), with
mutual TLS as well.
"""

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from penstock.db.credentials import credentials, find
from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError
from penstock.domain.link_plan import ClientAuth
from penstock.domain.outcome import Outcome
from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response
from tests.databases import Database
from tests.engine.bench import SEALS
from tests.engine.fake_bank import FakeBank, page, reading
from tests.engine.house import play
from tests.oauth.asking import form_of
from tests.oauth.proofs import EC, OURS, read_proof, read_statement
from tests.security.coming_back import GOOD, HONEST, Counter, answer, counter

PUSH = "https://honest.example/par"
ROWS = "https://honest.example/rows"
PLAN = replace(
    HONEST,
    client_auth=ClientAuth.KEY,
    client_key=OURS,
    pushes=True,
    push_url=PUSH,
    dpop=True,
)
NAME = "urn:ietf:params:oauth:request_uri:1"


class Bearers(FakeBank):
    """A connector that signs as most do."""

    __slots__ = ()

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the token on."""
        return replace(request, headers={"Authorization": f"Bearer {credentials.access.reveal()}"})


@dataclass
class Bank:
    """A bank that wants a nonce in each proof, another one after each answer."""

    keys: set[str] = field(default_factory=set)
    ids: list[str] = field(default_factory=list)
    refused: int = 0
    nonce: int = 0
    given: int = 0

    def __call__(self, request: Request) -> Response:
        """Answer."""
        if request.url == ROWS:
            return self._rows(request)
        _, claims = read_statement(form_of(request)["client_assertion"], EC)
        assert claims["aud"] == PLAN.issuer
        self.ids.append(claims["jti"])
        if request.url == PUSH:
            return answer({"request_uri": NAME, "expires_in": 60}, 201)
        if request.url == PLAN.revoke_url:
            return answer({})
        return self._proved(request, 400) or self._tokens()

    def _tokens(self) -> Response:
        self.given += 1
        fresh = {"access_token": f"at-{self.given}", "refresh_token": f"rt-{self.given}"}
        return answer({**GOOD, **fresh, "token_type": "DPoP"})

    def _rows(self, request: Request) -> Response:
        refusal = self._proved(request, 401)
        assert request.headers["Authorization"] == f"DPoP at-{self.given}"
        return refusal or answer({})

    def _proved(self, request: Request, status: int) -> Response | None:
        header, claims = read_proof(request.headers["DPoP"])
        assert (claims["htm"], claims["htu"]) == (request.method, request.url)
        assert claims["jti"] not in self.ids
        assert ("ath" in claims) == (request.url == ROWS)
        self.ids.append(claims["jti"])
        self.keys.add(str(header["jwk"]))
        if claims.get("nonce") == f"n-{self.nonce}":
            return None
        self.refused += 1
        self.nonce += 1
        told = {"dpop-nonce": f"n-{self.nonce}", "www-authenticate": 'DPoP error="use_dpop_nonce"'}
        return answer({"error": "use_dpop_nonce"}, status, **told)


async def link(here: Counter) -> int:
    """Link, and see what went through the browser."""
    begun = await here.linker.begin(
        here.it.owner_id, "honest", redirect_uri="https://hub.example/v1/callbacks/honest"
    )
    seen = dict(parse_qsl(urlsplit(begun.url).query))
    assert seen == {"client_id": "penstock", "request_uri": NAME}
    return await here.finish("honest", state=begun.state, code="c", iss=PLAN.issuer)


def test_each_step_is_proved(database: Database) -> None:
    """O8: one key from link to refresh, one statement for each request, and the newest nonce."""
    bank = Bank()

    async def story() -> None:
        async with counter(database.url, bank, honest=PLAN) as here:
            number = await link(here)
            pushed = form_of(here.asked[0])
            assert (here.asked[0].url, pushed["state"]) == (PUSH, pushed["state"])
            assert "dpop_jkt" in pushed
            assert bank.refused == 1

            async def send(request: Request) -> Response:
                return bank(request)

            def send_for(_name: str) -> Sender:
                return send

            scripts = {"a": reading(Request("GET", ROWS), page(cursor="x"))}
            reads = Bearers(name="honest", link_plans=(PLAN,), scripts=scripts)
            syncer = replace(
                here.it.syncer,
                connectors={"honest": reads},
                send_for=send_for,
                proving=here.linker.proving,
            )
            for _ in range(2):
                here.it.watch.later(hours=1)
                run = await syncer.start(number, trigger="test")
                assert run is not None
                ending, _ = await run.finish()
                assert ending.outcome is Outcome.DONE, ending.message
            assert bank.refused == 1, "the nonce is remembered"
            assert len(bank.keys) == 1
            assert len(set(bank.ids)) == len(bank.ids)

    play(story())


def test_each_connection_has_a_key_of_its_own_and_it_is_sealed(database: Database) -> None:
    """O8, K4: two connections, two keys; a dump alone makes no proof for either."""
    bank = Bank()

    async def story() -> None:
        async with counter(database.url, bank, honest=PLAN) as here:
            numbers = [await link(here), await link(here)]
            assert len(bank.keys) == 2
            rows: list[Any] = await here.it.all(
                credentials.select().where(credentials.c.connection_id.in_(numbers))
            )
            opened = [
                SEALS.open(sealed, here.it.owner_id).key
                for sealed in [await here.it.database.read(find, one) for one in numbers]
                if sealed is not None
            ]
            assert len(set(opened)) == 2
            assert not [key for key in opened if key is None or key.reveal() in str(rows)]

    play(story())


@pytest.mark.parametrize("kind", ["Bearer", "N_A"])
def test_a_token_that_is_not_bound_is_refused(sqlite_database: Database, kind: str) -> None:
    """O8: what was to be bound and is not opens no connection: the downgrade is seen."""

    def says(request: Request) -> Response:
        if request.url == PUSH:
            return answer({"request_uri": NAME}, 201)
        return answer({**GOOD, "token_type": kind})

    async def story() -> None:
        async with counter(sqlite_database.url, says, honest=PLAN) as here:
            with pytest.raises(OAuthError, match="not of the type"):
                await link(here)

    play(story())
