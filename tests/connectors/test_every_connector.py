"""What every connector promises, whatever its protocol; who adds one adds a line to FACES.

Each is driven with the answers that its own face of the sandbox bank gave, as they are and spoilt.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import FrozenInstanceError, dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors import ConnectorSettings, build
from penstock.domain.consent import Credentials, OAuthPlan, TokenPlan
from penstock.domain.errors import ContractBroken
from penstock.domain.money import canonical
from penstock.domain.protocol import Connector, Request, Response, Verdict, VerdictKind
from penstock.domain.secret import Secret
from penstock.domain.transaction import Status
from penstock.domain.update import Balances, Discovery, Page
from penstock.sandbox.scenario import Scenario
from tests.connectors.driving import Driver, Found, Ledger, by_hand
from tests.sandbox.visitor import Visitor, visiting

CANARY = Secret("canary-secret")
PLAIN = build(
    ConnectorSettings(
        sandbox_url="http://127.0.0.1:1",
        starling_client_id="me",
        starling_client_secret=CANARY,
    )
)
NAMES = sorted(PLAIN)
GARBAGE: list[Any] = [
    None, True, 0, -1, 1.5, 10**40, float("nan"), float("inf"), "", " ", "0", "NaN", "1e999",
    "-Infinity", "9" * 400, "\u0000", "<html>", "2026-02-30", "٣", [], {}, [[]], {"x": {}},
]  # fmt: skip
BODIES = [
    b"", b" ", b"null", b"true", b"[]", b"{}", b'"x"', b"0", b"NaN", b"1e999", b"\xff\xfe\x00",
    b"<!doctype html><h1>Maintenance</h1>", b'{"a":' * 50_000, b"[" * 100_000, b'{"a":1}{"b":2}',
    b'{"error":"invalid_token"}', b"\xef\xbb\xbf{}",
]  # fmt: skip


async def own_access(visitor: Visitor) -> str:
    """Link as the sandbox connector's client does."""
    await visitor.link()
    return str(visitor.tokens["access_token"])


async def personal_access(visitor: Visitor) -> str:
    """Make a token by hand."""
    return visitor.bank.authority.personal_token("ada", Scenario.CALM)


NOT_FOUND = Response(404, {}, b"")
FACES = {"sandbox": ("", own_access), "starling": ("/starling", personal_access)}
"""For each connector: where its face is at the sandbox bank, and how to get a token there."""


@dataclass
class Recording:
    """What a face answered, and what the connector made of it."""

    connector: Connector
    answers: dict[str, Response]
    discovery: Discovery
    found: Found

    def replay(self, spoilt: dict[str, bytes] | None = None) -> Found:
        """Discover and pull everything again from the recorded answers, some of them spoilt."""

        def answer(request: Request) -> Response:
            told = self.answers.get(request.url)
            if told is None:  # a spoilt id led astray: a 404, which ends a run
                assert self.connector.classify(NOT_FOUND).kind is VerdictKind.CONTRACT
                raise ContractBroken
            body = (spoilt or {}).get(request.url, told.body)
            return Response(told.status, told.headers, body, told.url)

        _, discovery = by_hand(self.connector.discover(), answer)
        found: Found = []
        for stream in self.connector.streams(discovery):
            found += by_hand(self.connector.pull(stream, None), answer)[0]
        return found


class Recorder(Driver):
    """A driver that keeps what it was told."""

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401  Driver's own
        super().__init__(*parts)
        self.answers: dict[str, Response] = {}

    async def send(self, request: Request) -> Response:
        response = await super().send(request)
        self.answers[request.url] = response
        return response


@cache
def recorded(name: str) -> Recording:
    """Return what the connector's face tells of a world that has moved a little."""

    async def story() -> Recording:
        async with visiting(transactions=30, page_size=40) as visitor:
            path, get_access = FACES[name]
            url = visitor.bank.url
            settings = ConnectorSettings(sandbox_url=url, starling_url=f"{url}{path}")
            connector = build(settings)[name]
            visitor.bank.world.settle("tx-ada-00000028")
            visitor.bank.world.remove("tx-ada-00000004")
            driver = Recorder(connector, visitor.http, await get_access(visitor))
            ledger = Ledger()
            came = await driver.update(ledger)
            found = [step for _, steps in came for step in steps]
            assert ledger.discovery is not None
            return Recording(connector, driver.answers, ledger.discovery, found)

    return asyncio.run(story())


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401  JSON
    """Yield the path of every value in a JSON document."""
    yield path
    parts: Any = ()
    if isinstance(content, dict):
        parts = content.items()
    elif isinstance(content, list):
        parts = enumerate(content[:3])
    for key, part in parts:
        yield from places(part, (*path, key))


def replaced(content: Any, path: tuple[Any, ...], garbage: Any) -> Any:  # noqa: ANN401  JSON
    """Return a document with one value replaced, or left out where the garbage is an ellipsis."""
    if not path:
        return None if garbage is ... else garbage
    content = deepcopy(content)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    if garbage is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = garbage
    return content


def test_every_connector_has_a_face() -> None:
    """No connector is registered that the sandbox bank cannot play the provider for."""
    assert FACES.keys() == PLAIN.keys()


@pytest.mark.parametrize("name", NAMES)
def test_it_declares_itself(name: str) -> None:
    """Its name is its key; it says who it is, where its documents are, and how to link."""
    connector = PLAIN[name]
    assert connector.name == name
    assert connector.title
    assert connector.docs_url.startswith("http")
    assert connector.missing_settings == ()
    assert connector.link_plans
    for plan in connector.link_plans:
        assert isinstance(plan, OAuthPlan | TokenPlan)


@pytest.mark.parametrize("name", NAMES)
def test_its_secrets_are_not_seen(name: str) -> None:
    """K3: neither the connector nor its plans show a secret."""
    connector = PLAIN[name]
    assert "canary" not in f"{connector!r} {connector.link_plans!r} {connector}"


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_no_state(name: str) -> None:
    """A connector cannot be changed, and the same answers always give the same result."""
    recording = recorded(name)
    with pytest.raises((FrozenInstanceError, AttributeError)):
        recording.connector.name = "other"  # type: ignore[misc]
    assert recording.replay() == recording.replay() == recording.found


@pytest.mark.parametrize("name", NAMES)
def test_two_readings_do_not_disturb_each_other(name: str) -> None:
    """Two generators of one connector, run step by step in turn, each end as if alone."""
    recording = recorded(name)
    stream = recording.connector.streams(recording.discovery)[0]
    pulls = [recording.connector.pull(stream, None) for _ in range(2)]
    found: list[Found] = [[], []]
    steps: list[Any] = [next(pull) for pull in pulls]
    running = {0, 1}
    while running:
        for turn in sorted(running):
            told = None
            if isinstance(steps[turn], Request):
                told = recording.answers[steps[turn].url]
            else:
                found[turn].append(steps[turn])
            try:
                steps[turn] = pulls[turn].send(told)
            except StopIteration:
                running.discard(turn)
    assert (
        found[0]
        == found[1]
        == by_hand(
            recording.connector.pull(stream, None), lambda asked: recording.answers[asked.url]
        )[0]
    )


@pytest.mark.parametrize("name", NAMES)
def test_its_rows_are_sound(name: str) -> None:
    """Rows belong to a stream's accounts, amounts are canonical, posted rows have their day."""
    recording = recorded(name)
    streams = recording.connector.streams(recording.discovery)
    accounts = {account for stream in streams for account in stream.accounts}
    assert accounts == {each.external_id for each in recording.discovery.accounts}
    assert len({stream.key for stream in streams}) == len(streams)
    rows = [row for step in recording.found if isinstance(step, Page) for row in step.upserts]
    assert {row.status for row in rows} == set(Status)
    for row in rows:
        assert row.account in accounts
        assert str(row.amount) == str(canonical(row.amount, row.currency))
        assert row.status is Status.PENDING or row.booked_on is not None
    stated = [b for step in recording.found if isinstance(step, Balances) for b in step.balances]
    assert {each.account for each in stated} == accounts
    assert all(each.as_of.tzinfo is not None for each in stated)


@pytest.mark.parametrize("name", NAMES)
def test_balances_are_there_before_the_last_page(name: str) -> None:
    """Whoever commits at the last page has the balances that belong to it."""
    assert isinstance(recorded(name).found[-1], Page)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_whole_bodies_of_garbage_are_refused(name: str, body: bytes) -> None:
    """HTML, nothing, half of something, endless nesting: ContractBroken, and nothing else."""
    recording = recorded(name)
    for url in recording.answers:
        with suppress(ContractBroken):
            found = recording.replay({url: body})
            assert found != recording.found, url


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_one_wrong_value_is_refused_or_understood(name: str, data: st.DataObject) -> None:
    """Any single value replaced or left out: the rows that come are sound, or ContractBroken."""
    recording = recorded(name)
    url = data.draw(st.sampled_from(sorted(recording.answers)))
    content = json.loads(recording.answers[url].body)
    path = data.draw(st.sampled_from(list(places(content))))
    garbage = data.draw(st.sampled_from([..., *GARBAGE]))
    body = json.dumps(replaced(content, path, garbage)).encode()
    with suppress(ContractBroken):
        for step in recording.replay({url: body}):
            if isinstance(step, Page):
                for row in step.upserts:
                    assert str(row.amount) == str(canonical(row.amount, row.currency))
                    assert row.external_id.strip() not in {"", "0"}
                    assert "\x00" not in row.description


@pytest.mark.parametrize("name", NAMES)
@given(
    status=st.integers(100, 599),
    body=st.one_of(st.binary(max_size=60), st.sampled_from(BODIES)),
    headers=st.dictionaries(st.sampled_from(["retry-after", "consent-state"]), st.text()),
)
def test_any_answer_has_a_verdict(
    name: str, status: int, body: bytes, headers: dict[str, str]
) -> None:
    """classify() takes whatever comes; what is not 2xx is never well, 429 always throttled."""
    verdict = PLAIN[name].classify(Response(status, headers, body))
    assert isinstance(verdict, Verdict)
    assert (verdict.kind is VerdictKind.OK) == (200 <= status < 300)
    assert (verdict.kind is VerdictKind.THROTTLED) == (status == 429)
    assert verdict.consent is None or verdict.kind in {VerdictKind.CONSENT, VerdictKind.OK}


@pytest.mark.parametrize("name", NAMES)
def test_every_request_can_be_signed_and_others_cannot(name: str) -> None:
    """What it asks for stays at its provider; the token goes nowhere else."""
    recording = recorded(name)
    credentials = Credentials(CANARY)
    for url in recording.answers:
        signed = recording.connector.sign(Request("GET", url), credentials)
        assert signed.headers["Authorization"] == "Bearer canary-secret"
    with pytest.raises(ContractBroken):
        recording.connector.sign(Request("GET", "https://elsewhere.example/"), credentials)


@pytest.mark.parametrize("name", NAMES)
def test_a_driver_that_answers_nothing_is_told_so(name: str) -> None:
    """A request is answered with a response: anything else is a bug in the driver."""
    recording = recorded(name)
    reading = recording.connector.pull(recording.connector.streams(recording.discovery)[0], None)
    next(reading)
    with pytest.raises(TypeError):
        reading.send(None)
