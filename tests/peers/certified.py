"""Our whole client side against a certified server: linking, reading, renewing, ending."""

import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp

from penstock.db import credentials
from penstock.db.audit import AuditLog
from penstock.db.runs import Tally
from penstock.domain.clock import utc_now
from penstock.domain.consent import Credentials
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.outcome import Outcome
from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.forget import Disconnected, Forgetter
from penstock.engine.link import Linker
from penstock.engine.refresh import ConnectionTokens
from penstock.engine.revoking import Revoker
from penstock.oauth.proving import Proving
from penstock.outbound.client import Outbound
from penstock.vault.cipher import Cipher
from penstock.vault.key import Key
from tests.engine.bench import SEALS, Bench, bench
from tests.engine.crowd import KEY
from tests.engine.fake_bank import FakeBank, page, reading
from tests.engine.house import no_wait
from tests.node_peers import NodePeers

BANK = Path(__file__).with_name("bank.mjs")
AUDIT = AuditLog(Cipher(Key.parse(Secret(KEY))))
CALLBACK = "http://127.0.0.1:1/callback/fake"
AUDIT = AuditLog(SEALS.cipher)
_MOST_STEPS = 20


@dataclass(slots=True)
class Peer(FakeBank):
    """A connector of the kind that most are: it puts a bearer's token on what it asks."""

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Sign as if the token were a bearer's: whether it is bound is none of its business."""
        token = f"Bearer {credentials.access.reveal()}"
        return replace(request, headers={**request.headers, "Authorization": token})


@dataclass(slots=True)
class Certified:
    """A house of ours, and the certified bank."""

    issuer: str
    it: Bench
    plan: OAuthPlan
    outbound: Outbound
    trust: ssl.SSLContext | None
    strict: str = ""
    sent: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        """Send for real, and remember."""
        self.sent.append(request)
        return await self.outbound.send(request, connector="fake")

    def _send_for(self, _name: str) -> Sender:
        return self.send

    def linker(self) -> Linker:
        """Return what links."""
        it, syncer = self.it, self.it.syncer
        return Linker(
            it.database,
            syncer.connectors,
            SEALS,
            str,
            self._send_for,
            utc_now,
            AUDIT,
            syncer.proving,
        )

    def forgetter(self) -> Forgetter:
        """Return what disconnects."""
        it, syncer = self.it, self.it.syncer
        return Forgetter(
            it.database, syncer.connectors, SEALS, self._send_for, utc_now, AUDIT, syncer.proving
        )

    def revoker(self) -> Revoker:
        """Return what revokes again."""
        it, syncer = self.it, self.it.syncer
        return Revoker(
            it.database, syncer.connectors, SEALS, self._send_for, utc_now, syncer.proving
        )

    async def link(self, renew: int | None = None) -> int:
        """Link as a person does: sent there, signed in, consenting, sent back."""
        begun = await self.linker().begin(
            self.it.owner_id, "fake", redirect_uri=CALLBACK, connection_id=renew
        )
        return await self.finish(await self.consent(begun.url))

    async def finish(self, answer: list[tuple[str, str]]) -> int:
        """End a link with what the bank sent."""
        return await self.linker().finish("fake", answer, owner_id=self.it.owner_id)

    async def consent(self, url: str, *, refuse: bool = False) -> list[tuple[str, str]]:
        """Sign in and consent at the bank's own pages; return the query of the way back."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            form: dict[str, str] | None = None
            for _ in range(_MOST_STEPS):
                method = "POST" if form else "GET"
                async with browser.request(
                    method, url, data=form, allow_redirects=False, ssl=self.trust or True
                ) as answer:
                    text, there = await answer.text(), answer.headers.get("Location")
                form = None
                if there is None:
                    assert answer.status == 200, text
                    if refuse:
                        url = f"{url}/abort"
                    elif 'value="login"' in text:
                        form = {"prompt": "login", "login": "ada", "password": "x"}
                    else:
                        form = {"prompt": "consent"}
                    continue
                url = urljoin(url, there)
                if url.startswith(CALLBACK):
                    return parse_qsl(urlsplit(url).query)
        raise AssertionError(f"the bank never sent us back: {url}")

    async def sync(self, connection_id: int) -> Outcome:
        """Read the bank through the whole engine."""
        run = await self.it.syncer.start(connection_id, trigger="test")
        assert run is not None
        ending, _ = await run.finish()
        assert ending.outcome is Outcome.DONE, ending.message
        return ending.outcome

    async def opened(self, connection_id: int) -> Credentials:
        """Return what opens the bank, as it is stored."""
        sealed = await self.it.database.read(credentials.find, connection_id)
        assert sealed is not None
        return SEALS.open(sealed, self.it.owner_id)

    async def renew(self, connection_id: int) -> Credentials:
        """Have the tokens renewed, as if the bank had refused them."""
        syncer = self.it.syncer
        tokens = ConnectionTokens(
            connection_id=connection_id,
            owner_id=self.it.owner_id,
            connector=syncer.connectors["fake"],
            database=self.it.database,
            seals=SEALS,
            send=self.send,
            metrics=syncer.metrics,
            tally=Tally(),
            clock=utc_now,
            sleep=no_wait,
            proving=syncer.proving,
        )
        return await tokens.renew(await self.opened(connection_id))

    async def disconnect(self, connection_id: int) -> Disconnected:
        """End a connection."""
        return await self.forgetter().disconnect(
            connection_id, owner_id=self.it.owner_id, delete=False
        )

    async def is_good(self, token: str) -> bool:
        """Ask the bank, as another client, whether it honours a token (RFC 7662)."""
        pair = base64.b64encode(b"inspector:only-for-this-test").decode()
        answer = await self.ask(
            "POST", "/token/introspection", {"token": token}, {"Authorization": f"Basic {pair}"}
        )
        return bool(answer[1]["active"])

    async def ask(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Ask the bank as anybody may; return the status and the JSON."""
        async with (
            aiohttp.ClientSession() as http,
            http.request(
                method, self.issuer + path, data=form, headers=headers, ssl=self.trust or True
            ) as answer,
        ):
            return answer.status, await answer.json()


@asynccontextmanager
async def certified(
    url: str,
    peers: NodePeers,
    told: dict[str, Any],
    *,
    trust: ssl.SSLContext | None = None,
    resource: str = "{issuer}/me",
    **plan: Any,
) -> AsyncIterator[Certified]:
    """Run the bank, and a house of ours beside it over the migrated database at `url`.

    `told` goes to the bank, `plan` are fields of ours. `trust` is the TLS context with which the
    connector speaks: what it trusts, and the certificate that it shows.
    """
    async with AsyncExitStack() as stack:
        said = await stack.enter_async_context(peers.serving(BANK, told))
        issuer, strict = said["issuer"], said.get("strict", "")
        fields: dict[str, Any] = {
            "scopes": ("openid", "offline_access"),
            "parameters": {"prompt": "consent"},
            "publishes": True,
        }
        ours = OAuthPlan(issuer, "", "", None, "us", **(fields | plan))
        rows = Request("GET", resource.format(issuer=issuer, strict=strict))
        bank = Peer(link_plans=(ours,), scripts={"a": reading(rows, page(cursor="x"))})
        outbound = await stack.enter_async_context(
            Outbound(
                allow=[urlsplit(one).netloc for one in (issuer, strict) if one],
                showing={"fake": trust} if trust else None,
            )
        )
        it = await stack.enter_async_context(
            bench(
                url,
                bank,
                clock=utc_now,
                send_for=lambda _name: partial(outbound.send, connector="fake"),
                proving=Proving(),
            )
        )
        yield Certified(issuer, it, ours, outbound, trust, strict)
