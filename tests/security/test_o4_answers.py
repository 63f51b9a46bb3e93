"""O4: an error never reaches the token endpoint; what is no token answer is never stored."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from penstock.db.credentials import credentials, find
from penstock.domain.errors import OAuthError, TransportFailure
from penstock.domain.secret import Secret
from penstock.outbound.client import Outbound
from tests.databases import Database
from tests.engine.bench import SEALS
from tests.engine.house import play
from tests.outbound.servers import Behaviour, ok, saying, serving
from tests.security.coming_back import EVIL, GOOD, HONEST, Counter, answer, counter

JSON = b"Content-Type: application/json"
TOKEN = b'{"access_token":"canary","token_type":"Bearer","refresh_token":"r"}'


async def kept(here: Counter) -> list[Any]:
    """Return the credentials that are stored, but for the bench's own."""
    mine = credentials.c.connection_id != here.it.connection_id
    return await here.it.all(credentials.select().where(mine))


@pytest.mark.parametrize("error", ["access_denied", "server_error", "invalid_grant", "<script>"])
@pytest.mark.parametrize("code", ["", "a code"])
def test_an_error_ends_it_before_the_token_endpoint(
    sqlite_database: Database, error: str, code: str
) -> None:
    """O4: also with a code beside it: who said no is not overruled by anything."""

    async def story() -> None:
        async with counter(sqlite_database.url) as here:
            state = await here.begin("honest")
            back = {"state": state, "error": error, "code": code, "iss": HONEST.issuer}
            with pytest.raises(OAuthError) as caught:
                await here.finish("honest", **back)
            assert "<script>" not in caught.value.message
            assert here.asked == []
            assert await kept(here) == []

    play(story())


def said(status: bytes, body: bytes, *headers: bytes) -> Behaviour:
    """Answer with a status and a body."""
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return saying(b"\r\n".join(head) + b"\r\n\r\n" + body)


async def slowly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin to answer, and never come to an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n ")
    await writer.drain()
    await asyncio.Event().wait()


HOSTILE: dict[str, Behaviour] = {
    "429 in JSON": said(b"429 Slow down", b'{"message":"slow down"}', JSON),
    "429 with a token": said(b"429 Slow down", TOKEN, JSON),
    "a page": said(b"200 OK", b"<html>Maintenance</html>", b"Content-Type: text/html"),
    "a redirect": said(b"307 Go", TOKEN, b"Location: https://evil.example/token", JSON),
    "huge": said(b"200 OK", b'{"access_token":"' + b"x" * 200_000 + b'"}', JSON),
    "endless": slowly,
    "cut": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + TOKEN),
    "another type": saying(ok(TOKEN.replace(b"Bearer", b"mac"), JSON)),
    "a key's": saying(ok(TOKEN.replace(b"Bearer", b"DPoP"), JSON)),
    "no type": saying(ok(b'{"access_token":"canary"}', JSON)),
    "no token": saying(ok(b'{"token_type":"Bearer","refresh_token":"r"}', JSON)),
    "a token that ends a header": saying(ok(TOKEN.replace(b"canary", b"a\\r\\nb"), JSON)),
    "a list": saying(ok(b"[" + TOKEN + b"]", JSON)),
    "twice": saying(ok(TOKEN.replace(b"{", b'{"access_token":"x",'), JSON)),
    "an error with 200": saying(ok(b'{"error":"invalid_grant",' + TOKEN[1:], JSON)),
    "less than was asked": saying(ok(TOKEN.replace(b"{", b'{"scope":"other",'), JSON)),
    "500": said(b"500 Oh", TOKEN, JSON),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_what_is_no_token_is_not_stored(sqlite_database: Database, how: str) -> None:
    """O4: over a real socket: an error, no connection, no credentials, and not a word of theirs."""

    async def story() -> None:
        async with (
            serving(HOSTILE[how]) as server,
            Outbound(allow=[server.named], deadline=1.0) as outbound,
        ):
            plan = replace(HONEST, token_url=f"{server.url}/token")
            async with counter(sqlite_database.url, honest=plan, evil=EVIL) as here:
                send = partial(outbound.send, connector="honest")
                linker = replace(here.linker, send_for=lambda _name: send)
                state = await here.begin("honest")
                back = [("state", state), ("code", "c"), ("iss", plan.issuer)]
                with pytest.raises((OAuthError, TransportFailure)) as caught:
                    await linker.finish("honest", back, owner_id=here.it.owner_id)
                assert "canary" not in f"{caught.value.message} {caught.value!r}"
                assert len(server.heard) == 1
                assert await kept(here) == []

    play(story())


def test_more_than_was_asked_is_no_less(sqlite_database: Database) -> None:
    """O4: a wider scope is taken, and what was granted is what is on record."""

    async def story() -> None:
        wide = {**GOOD, "scope": "accounts payments"}
        async with counter(sqlite_database.url, lambda _: answer(wide)) as here:
            state = await here.begin("honest")
            await here.finish("honest", state=state, code="c", iss=HONEST.issuer)
            (row,) = await kept(here)
            assert row.scope == "accounts payments"
            sealed = await here.it.database.read(find, row.connection_id)
            assert sealed is not None
            assert SEALS.open(sealed, here.it.owner_id).access == Secret("at-1")

    play(story())


@pytest.mark.parametrize("answered", [{"access_token": "at"}, {"message": "slow down"}, {}])
def test_a_refresh_destroys_nothing(sqlite_database: Database, answered: dict[str, str]) -> None:
    """O4: an answer that lacks a token, or its type, never takes the place of one that works."""

    async def story() -> None:
        async with counter(sqlite_database.url, honest=HONEST, evil=EVIL) as here:
            state = await here.begin("honest")
            number = await here.finish("honest", state=state, code="c", iss=HONEST.issuer)
            (before,) = await kept(here)
            syncer = replace(
                here.it.syncer,
                send_for=lambda _name: _saying(answered),
                connectors=here.linker.connectors,
            )
            here.it.watch.later(hours=1)
            run = await syncer.start(number, trigger="test")
            assert run is not None
            await run.finish()
            (after,) = await kept(here)
            assert (after.access, after.refresh, after.version) == (
                before.access,
                before.refresh,
                before.version,
            )

    play(story())


def _saying(content: object) -> Any:
    async def send(_request: object) -> Any:
        return answer(content)

    return send
