"""K3: no secret gets out: marked ones go into all that takes one, and are looked for afterwards.

What is looked through: every log line at DEBUG with its tracebacks, every answer of the API, its
headers and errors, the metrics, the spans and metrics that a collector gets, every address that was
asked for, a backup, and every text and blob of the database, after a day on which things also go
wrong.
"""

import gzip
import io
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import sqlalchemy as sa
from pydantic import SecretStr

from penstock.api.app import create_app
from penstock.db.tables import metadata
from penstock.domain.secret import Secret
from penstock.engine.backup import Stamp, back_up
from penstock.observe.log import configure
from penstock.quotes.catalogue import all_sources
from penstock.sandbox.bank import Options
from penstock.sandbox.faces.registry import face_named
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from penstock.settings import Settings
from penstock.vault.key import Key
from penstock.vault.passphrase import seal_key
from penstock.wiring import Penstock
from tests.databases import Database
from tests.engine.house import CALLBACK, KEY, House, house, play
from tests.observe.test_otlp import Collector, collector

__all__ = ["collector"]

PASSWORD = "canary-password-of-ann"
PASTED = "canary-pasted-personal-token"


def test_no_secret_gets_out(database: Database, collector: Collector) -> None:
    """K3, K4: passwords, tokens, codes, states and keys are in no log, answer, metric or dump."""
    numbers = itertools.count(1)

    def mint() -> str:
        return f"canary-minted-{next(numbers):04d}-abcdefghijklmnopqrstuvwxyz"

    async def story() -> list[str]:
        said: list[str] = []
        async with house(database.url, Options(mint=mint), **settings) as home:
            async with _api(home, said) as api:
                await _set_up(home, api)
                await _a_day(home, api)
            said.append(home.penstock.metrics.render()[0].decode())
            said += await home.penstock.database.read(_dump)
            said += _backup(home)
        return said

    settings: dict[str, Any] = {
        name: f"canary-of-{name}"
        for name, field in Settings.model_fields.items()
        if name != "key" and "SecretStr" in str(field.annotation) and "Mapping" not in str(field)
    }
    assert {"metrics_token", "backup_passphrase", "notify"} <= settings.keys()
    settings |= {"otlp_endpoint": collector.url, "notify": "json://canary-host/canary-path"}

    keyed = [one for one in all_sources() if one.auth]
    settings |= {"quote_sources": tuple(one.id for one in keyed)}
    settings["provider_options"] = {
        f"{one.id}_{option.name}": SecretStr(f"canary-of-{one.id}-{option.name}")
        for one in keyed
        for option in one.options
    }
    log = io.StringIO()
    configure(json=True, level="debug", stream=log)
    try:
        said = play(story())
    finally:
        configure(json=True, level="critical")
    assert "sync.ended" in log.getvalue()
    told = [str(one) for one in (*collector.spans(), *collector.metrics().values())]
    assert told
    everything = [*said, *told, log.getvalue()]
    assert [_around(text) for text in everything if "canary" in text] == []


async def _set_up(home: House, api: httpx2.AsyncClient) -> None:
    """Make Ben; try set-up links, wrong forms and headers that are no tokens."""
    await home.penstock.identity.add_user("ben", Secret(PASSWORD))
    await api.get("/setup", params={"link": "canary-setup-link"})
    form = {"link": "canary-setup-link", "username": "x", "password": PASSWORD, "again": "canary-"}
    await api.post("/setup", data=form)
    await api.post("/token", content=f"grant_type=password&password={PASSWORD}&x")
    await api.post("/token", data={"grant_type": "canary-grant", "client_secret": "canary-secret"})
    for scheme in ("Bearer", "Basic", "DPoP", "canary-scheme"):
        headers = {"Authorization": f"{scheme} canary-token", "Cookie": "__Host-penstock=canary-id"}
        for path in ("/v1/me", "/metrics", "/v1/no-such-path", "/bridge/accounts"):
            await api.get(path, headers={**headers, "DPoP": "canary.proof.x"})
    await api.get("/v1/me", params={"access_token": "canary-in-a-query"})
    for name in home.penstock.connectors:
        signed = {"X-Up-Authenticity-Signature": "canary-signature", "Plaid-Verification": "canary"}
        await api.post(
            f"/v1/hooks/{name}/con_0000000000001", headers=signed, content=b"canary-body"
        )


async def _a_day(home: House, api: httpx2.AsyncClient) -> None:
    """Sign in, link, sync, let things go wrong, disconnect."""
    form = {"grant_type": "password", "username": "ben", "password": PASSWORD}
    tokens = (await api.post("/token", data=form)).json()
    await api.post("/token", data=form | {"password": PASSWORD + "!"})
    await api.post("/token", data=form | {"username": PASSWORD})  # typed into the wrong field
    api.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    api.headers["Idempotency-Key"] = "canary-idempotency-key"
    await api.post("/v1/me/password", json={"old": "canary-old", "new": "canary-new-password"})
    await api.post("/v1/me/password", json={"old": "canary-old", "new": ["canary-new"]})
    del api.headers["Idempotency-Key"]
    begun = await api.post(
        "/v1/connections", json={"connector": "sandbox", "redirect_uri": CALLBACK}
    )
    back = await home.consent(begun.json()["link"]["authorization_url"])
    link = begun.json()["link"]["id"]
    for _ in range(2):  # the second time the state is used up
        callback = {"callback": urlsplit(back).query}
        await api.post(f"/v1/links/{link}/finish", json=callback)
    pasted = {"connector": "starling", "token": PASTED}
    await api.post("/v1/connections", json=pasted)
    await api.post("/v1/connections", json=pasted | {"token": PASTED + "\n x"})
    mint = face_named("simplefin").pasted
    assert mint is not None
    claimed = {"connector": "simplefin", "token": mint(home.bank, "ada", Scenario.CALM)}
    await api.post("/v1/connections", json=claimed)
    again = await api.post("/v1/connections", json=claimed)
    assert "used before" in again.text
    denied = dict(parse_qsl(urlsplit(back).query)) | {"error": "access_denied"}
    await api.get("/v1/callbacks/sandbox", params=denied)

    faults = [FaultKind.SERVER_ERROR, FaultKind.HTML, FaultKind.WRONG_TYPE, FaultKind.TOKEN_LOST]
    for kind in faults:
        home.expire_access()
        place = Place.TOKEN if kind is FaultKind.TOKEN_LOST else Place.ANY
        home.bank.queue(Fault(kind), place=place)
        await api.post("/v1/syncs")
        await home.penstock.runner.stop()
    paths = ("connections", "accounts", "transactions", "syncs", "changes", "me", "sessions")
    for path in paths:
        await api.get(f"/v1/{path}")
    listed = (await api.get("/v1/connections")).json()["rows"]
    assert len(listed) == 3
    for one in listed:
        await api.delete(f"/v1/connections/{one['id']}")
    refreshed = {"grant_type": "refresh_token", "refresh_token": "canary-made-up"}
    await api.post("/token", data=refreshed)
    await api.get("/v1/export")
    for path in ("/v1/quotes?symbols=ACME:ELSEWHERE", "/v1/sources"):
        assert (await api.get(path)).status_code == 200
    await api.post("/v1/sign-out")


def _backup(home: House) -> list[str]:
    """Back up with the key under a passphrase; return what stands in the file."""
    file = io.BytesIO()
    opened = home.penstock.settings
    assert opened.backup_passphrase is not None
    key = Key.parse(Secret(KEY))
    sealed = seal_key(key, Secret(opened.backup_passphrase.get_secret_value()))
    back_up(home.penstock.database, file, Stamp(home.penstock.clock(), "1", sealed))
    text = gzip.decompress(file.getvalue()).decode()
    assert KEY not in text
    return [text]


def _around(text: str) -> str:
    """Return what stands around a canary, so that a failure says where it is from."""
    found = text.index("canary")
    return text[max(0, found - 200) : found + 100]


@asynccontextmanager
async def _api(home: House, said: list[str]) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the house's API in this process; `said` gets all that it answers, but tokens."""

    async def listen(answer: httpx2.Response) -> None:
        await answer.aread()
        said.append(f"{answer.status_code} {answer.headers}")
        path = answer.request.url.path
        said.append(re.sub(r'"(access|refresh)_token": "[^"]+"', "", answer.text) + path)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Penstock]:
        yield home.penstock

    app = create_app(opened)
    served = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=served,
            base_url="http://127.0.0.1:8321",
            event_hooks={"response": [listen]},
        ) as client,
    ):
        yield client


def _dump(connection: sa.Connection) -> list[str]:
    """Return every value of every row of every table, as text."""
    return [
        str(value)
        for table in metadata.sorted_tables
        for row in connection.execute(table.select())
        for value in row
    ]
