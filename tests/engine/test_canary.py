"""No secret gets out: marked ones go into everything that takes one, and are looked for after.

What is looked through: every log line at DEBUG, every answer of the API, its errors and its
metrics, and every text and blob of the database, after a day on which things also go wrong.
"""

import io
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import httpx2
import sqlalchemy as sa

from penstock.api.app import create_app
from penstock.db.tables import metadata
from penstock.domain.secret import Secret
from penstock.observe.log import configure
from penstock.sandbox.bank import Options
from penstock.sandbox.faces.registry import face_named
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from penstock.wiring import Penstock
from tests.databases import Database
from tests.engine.house import CALLBACK, House, house, play

PASSWORD = "canary-password-of-ann"
PASTED = "canary-pasted-personal-token"


def test_no_secret_gets_out(database: Database) -> None:
    """K3, K4: passwords, tokens, codes, states and keys are in no log, answer, metric or dump."""
    numbers = itertools.count(1)

    def mint() -> str:
        return f"canary-minted-{next(numbers):04d}-abcdefghijklmnopqrstuvwxyz"

    async def story() -> list[str]:
        said: list[str] = []
        async with house(database.url, Options(mint=mint)) as home:
            await home.penstock.identity.add_user("ben", Secret(PASSWORD))
            async with _api(home) as api:
                said += await _a_day(home, api)
            said.append(home.penstock.metrics.render()[0].decode())
            said += await home.penstock.database.read(_dump)
        return said

    log = io.StringIO()
    configure(json=True, level="debug", stream=log)
    try:
        said = play(story())
    finally:
        configure(json=True, level="critical")
    assert "sync.ended" in log.getvalue()
    everything = [*said, log.getvalue()]
    assert [text for text in everything if "canary" in text] == []


async def _a_day(home: House, api: httpx2.AsyncClient) -> list[str]:
    """Sign in, link, sync, let things go wrong, disconnect; return all that was said."""
    form = {"grant_type": "password", "username": "ben", "password": PASSWORD}
    tokens = (await api.post("/token", data=form)).json()
    wrong = await api.post("/token", data=form | {"password": PASSWORD + "!"})
    api.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    said = [wrong.text]

    begun = await api.post(
        "/v1/connections", json={"connector": "sandbox", "redirect_uri": CALLBACK}
    )
    back = await home.consent(begun.json()["link"]["authorization_url"])
    link = begun.json()["link"]["id"]
    for _ in range(2):  # the second time the state is used up
        callback = {"callback": urlsplit(back).query}
        said.append((await api.post(f"/v1/links/{link}/finish", json=callback)).text)
    pasted = {"connector": "starling", "token": PASTED}
    said.append((await api.post("/v1/connections", json=pasted)).text)
    said.append((await api.post("/v1/connections", json=pasted | {"token": PASTED + "\n x"})).text)
    mint = face_named("simplefin").pasted
    assert mint is not None
    claimed = {"connector": "simplefin", "token": mint(home.bank, "ada", Scenario.CALM)}
    said.append((await api.post("/v1/connections", json=claimed)).text)
    said.append((await api.post("/v1/connections", json=claimed)).text)
    assert "used before" in said[-1]
    denied = dict(parse_qsl(urlsplit(back).query)) | {"error": "access_denied"}
    said.append((await api.get("/v1/callbacks/sandbox", params=denied)).text)

    faults = [FaultKind.SERVER_ERROR, FaultKind.HTML, FaultKind.WRONG_TYPE, FaultKind.TOKEN_LOST]
    for kind in faults:
        home.expire_access()
        place = Place.TOKEN if kind is FaultKind.TOKEN_LOST else Place.ANY
        home.bank.queue(Fault(kind), place=place)
        said.append((await api.post("/v1/syncs")).text)
        await home.penstock.runner.stop()
    paths = ("connections", "accounts", "transactions", "syncs", "changes", "me", "sessions")
    said += [(await api.get(f"/v1/{path}")).text for path in paths]
    listed = (await api.get("/v1/connections")).json()["rows"]
    assert len(listed) == 3
    said += [(await api.delete(f"/v1/connections/{one['id']}")).text for one in listed]
    refreshed = {"grant_type": "refresh_token", "refresh_token": "canary-made-up"}
    said.append((await api.post("/token", data=refreshed)).text)
    return said


@asynccontextmanager
async def _api(home: House) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the house's API in this process."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Penstock]:
        yield home.penstock

    app = create_app(opened)
    served = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=served, base_url="http://127.0.0.1:8321") as client,
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
