"""A POST with an Idempotency-Key is done once."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import httpx2
import pytest
import sqlalchemy as sa
from starlette.responses import Response

from penstock.api.auth import require
from penstock.api.routing import nouns
from penstock.api.schemas import Incoming, Outgoing
from penstock.db import vault_check
from penstock.db.idempotency import idempotency_keys
from penstock.domain.errors import Conflict
from penstock.identity.caller import Caller
from tests.api.serving import Api, noun, serving
from tests.databases import Database

KEY = {"Idempotency-Key": "once"}


@dataclass
class Counter:
    """What the test's own route counts."""

    done: int = 0
    failing: int = 0
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event | None = None


class Wish(Incoming):
    """What is asked for."""

    text: str


class Granted(Outgoing):
    """What was done."""

    number: int
    text: str


@dataclass
class Wishes:
    """An API with a route that must not be done twice."""

    api: Api
    counter: Counter


@pytest.fixture
def wishes(database: Database, tmp_path: Path) -> Iterator[Wishes]:
    """Serve one route that counts how often it was done."""
    counter = Counter()
    router = nouns("wish")

    @router.post("/wishes", status_code=201)
    async def wish(
        _caller: Annotated[Caller, require("write")], body: Wish, response: Response
    ) -> Granted:
        """Do what is asked."""
        if counter.failing:
            counter.failing -= 1
            raise Conflict("Not now.")
        counter.entered.set()
        if counter.release is not None:
            await counter.release.wait()
        counter.done += 1
        response.headers["Location"] = f"/v1/wishes/{counter.done}"
        return Granted(number=counter.done, text=body.text)

    @router.post("/shrugs", status_code=204)
    async def shrug(_caller: Annotated[Caller, require("write")]) -> Response:
        """Do it without a word."""
        counter.done += 1
        return Response(status_code=204)

    with serving(database.url, tmp_path, (noun(router),)) as api:
        yield Wishes(api, counter)


def test_the_same_twice_is_done_once(wishes: Wishes) -> None:
    """The same key and request: the first answer again, and said to be that."""
    client = wishes.api.signed_in()
    first = client.post("/v1/wishes", json={"text": "rain"}, headers=KEY)
    again = client.post("/v1/wishes", json={"text": "rain"}, headers=KEY)
    assert (first.status_code, first.json()) == (201, {"number": 1, "text": "rain"})
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["location"] == first.headers["location"] == "/v1/wishes/1"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert wishes.counter.done == 1


def test_without_a_key_it_is_done_each_time(wishes: Wishes) -> None:
    """Nothing is held back that nobody asked to hold back."""
    client = wishes.api.signed_in()
    for _ in range(2):
        client.post("/v1/wishes", json={"text": "rain"})
    assert wishes.counter.done == 2


def test_an_answer_without_a_body_is_kept_too(wishes: Wishes) -> None:
    """204 is an answer like any other."""
    client = wishes.api.signed_in()
    for _ in range(2):
        answer = client.post("/v1/shrugs", headers=KEY)
        assert (answer.status_code, answer.content) == (204, b"")
    assert wishes.counter.done == 1


def test_another_request_under_the_key_is_refused(wishes: Wishes) -> None:
    """The key belongs to the request: another body, address or query is 422."""
    client = wishes.api.signed_in()
    client.post("/v1/wishes", json={"text": "rain"}, headers=KEY)
    for path, body in [("/v1/wishes", {"text": "sun"}), ("/v1/shrugs", {"text": "rain"})]:
        answer = client.post(path, json=body, headers=KEY)
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:penstock:problem:key-reused"
    assert wishes.counter.done == 1


def test_a_key_belongs_to_a_person(wishes: Wishes) -> None:
    """X1: another person's same key is another key."""
    for name in ("ada", "eve"):
        answer = wishes.api.signed_in(name).post("/v1/wishes", json={"text": name}, headers=KEY)
        assert answer.json()["text"] == name
    assert wishes.counter.done == 2


def test_a_kept_answer_needs_the_scope_too(wishes: Wishes) -> None:
    """T5: a token that may not do it is not shown what came of it either."""
    wishes.api.signed_in().post("/v1/wishes", json={"text": "rain"}, headers=KEY)
    reader = wishes.api.signed_in("ada", "read")
    assert reader.post("/v1/wishes", json={"text": "rain"}, headers=KEY).status_code == 403


def test_a_failure_is_not_kept(wishes: Wishes) -> None:
    """What failed did nothing, so that the same key may try again; bad input likewise."""
    client = wishes.api.signed_in()
    wishes.counter.failing = 1
    assert client.post("/v1/wishes", json={"text": "rain"}, headers=KEY).status_code == 409
    assert client.post("/v1/wishes", json={"txet": "rain"}, headers=KEY).status_code == 422
    assert client.post("/v1/wishes", json={"text": "rain"}, headers=KEY).status_code == 201
    assert wishes.counter.done == 1


def test_at_the_same_time_one_is_done(wishes: Wishes) -> None:
    """While the first is at work the same request is 409, and afterwards its answer."""
    token = wishes.api.begin().access.reveal()
    counter = wishes.counter

    async def story() -> list[int]:
        counter.release = asyncio.Event()
        transport = httpx2.ASGITransport(wishes.api.app)
        headers = {**KEY, "Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://testserver", headers=headers
        ) as client:
            first = asyncio.create_task(client.post("/v1/wishes", json={"text": "rain"}))
            await counter.entered.wait()
            others = await asyncio.gather(
                *(client.post("/v1/wishes", json={"text": "rain"}) for _ in range(10))
            )
            counter.release.set()
            last = [await first, await client.post("/v1/wishes", json={"text": "rain"})]
            return [answer.status_code for answer in (*others, *last)]

    assert wishes.api.play(story) == [409] * 10 + [201, 201]
    assert counter.done == 1


def test_a_request_that_died_frees_its_key(wishes: Wishes) -> None:
    """A process that ended in the middle does not block the key for longer than ten minutes."""
    client = wishes.api.signed_in()
    client.post("/v1/wishes", json={"text": "rain"}, headers=KEY)

    def kill(connection: sa.Connection) -> None:
        connection.execute(idempotency_keys.update().values(answer=None))

    wishes.api.write(kill)
    token_lasts = 9
    wishes.api.clock.advance(minutes=token_lasts)
    answer = client.post("/v1/wishes", json={"text": "rain"}, headers=KEY)
    assert answer.json()["type"] == "urn:penstock:problem:still-running"
    wishes.api.clock.advance(minutes=2)
    client = wishes.api.signed_in()
    assert client.post("/v1/wishes", json={"text": "rain"}, headers=KEY).status_code == 201
    assert wishes.counter.done == 2


def test_answers_are_kept_for_a_day(wishes: Wishes) -> None:
    """A day later the key is new again, and nothing is left of the old."""
    wishes.api.signed_in().post("/v1/wishes", json={"text": "rain"}, headers=KEY)
    wishes.api.clock.advance(days=1)
    wishes.api.signed_in().post("/v1/wishes", json={"text": "sun"}, headers=KEY)
    assert wishes.counter.done == 2

    def count(connection: sa.Connection) -> int:
        return len(connection.execute(idempotency_keys.select()).all())

    assert wishes.api.read(count) == 1


def test_a_kept_answer_is_sealed(wishes: Wishes) -> None:
    """K4: neither the key nor the answer stands in the database."""
    wishes.api.signed_in().post(
        "/v1/wishes", json={"text": "canary"}, headers={"Idempotency-Key": "canary-key"}
    )

    def dump(connection: sa.Connection) -> str:
        return repr(connection.execute(idempotency_keys.select()).all())

    assert "canary" not in wishes.api.read(dump)


@pytest.mark.parametrize("key", [[""], ["a b"], ["é"], ["x" * 256], ["a", "a"], ["\x7f"]], ids=str)
def test_bad_keys(wishes: Wishes, key: list[str]) -> None:
    """X4: a key is some visible ASCII characters, sent once."""
    sent = [(b"Idempotency-Key", one.encode()) for one in key]
    answer = wishes.api.signed_in().post("/v1/wishes", json={"text": "rain"}, headers=sent)
    assert answer.status_code == 400
    assert wishes.counter.done == 0


def test_nothing_is_done_whose_answer_cannot_be_sealed(wishes: Wishes) -> None:
    """K5: while the master key makes no data key, the deed waits too, and is done once later."""
    api, counter = wishes.api, wishes.counter
    (key_id,) = api.read(vault_check.values)
    ada = api.signed_in("ada")
    api.write(vault_check.set_state, key_id, vault_check.LEAVING)
    refused = ada.post("/v1/wishes", json={"text": "tea"}, headers=KEY)
    assert (refused.status_code, counter.done) == (503, 0)
    api.write(vault_check.set_state, key_id, vault_check.PRESENT)
    for _ in range(2):
        assert ada.post("/v1/wishes", json={"text": "tea"}, headers=KEY).status_code == 201
    assert counter.done == 1
