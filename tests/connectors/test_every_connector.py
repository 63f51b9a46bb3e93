"""What every connector promises, whatever its protocol.

Each is driven with the answers that its own face of the sandbox bank gave, as they are and spoilt.
"""

import json
from contextlib import suppress
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors import KINDS, build
from penstock.connectors.kind import Kind
from penstock.domain.errors import ContractBroken, InvalidInput, RowsMoved
from penstock.domain.link_plan import OAuthPlan, TokenPlan, VisitPlan
from penstock.domain.money import canonical
from penstock.domain.protocol import PendingRule, Verdict, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.transaction import Status
from penstock.domain.update import Balances, Page
from penstock.sandbox.faces.enablebanking_sessions import application_key
from penstock.sandbox.faces.registry import FACES
from tests.connectors.driving import Found, by_hand
from tests.connectors.recording import BODIES, GARBAGE, asked_for, places, recorded, replaced

REFUSED = (ContractBroken, RowsMoved)
CANARY = Secret("canary-secret")
PLAIN = build(
    {
        "sandbox_url": Secret("http://127.0.0.1:1"),
        "starling_client_id": Secret("me"),
        "starling_client_secret": CANARY,
        "plaid_client_id": Secret("me"),
        "plaid_secret": CANARY,
        "monzo_client_id": Secret("me"),
        "monzo_client_secret": CANARY,
        "mx_client_id": Secret("me"),
        "mx_api_key": CANARY,
        "enablebanking_application_id": Secret("me"),
        "enablebanking_key": Secret(application_key()),
        "berlingroup_url": Secret("https://bank.example/psd2"),
        "snaptrade_client_id": Secret("me"),
        "snaptrade_client_secret": CANARY,
        "snaptrade_consumer_key": CANARY,
    }
)
NAMES = sorted(PLAIN)


def test_every_connector_has_a_face() -> None:
    """No connector is registered that the sandbox bank cannot play the provider for."""
    assert [face.name for face in FACES] == list(PLAIN)


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if "zone" in {o.name for o in kind.options}]
)
def test_a_zone_that_is_none_is_refused(kind: Kind) -> None:
    """By the name of its variable, with one that would do."""
    with pytest.raises(InvalidInput, match=f"PENSTOCK_{kind.name.upper()}_ZONE") as refused:
        build({f"{kind.name}_zone": Secret("Nowhere/At_All")})
    (zone,) = [option.default for option in kind.options if option.name == "zone"]
    assert zone in (refused.value.remedy.text if refused.value.remedy else "")


@pytest.mark.parametrize("name", NAMES)
def test_it_declares_itself(name: str) -> None:
    """Its name is its key; it says who it is, where its documents are, and how to link."""
    connector = PLAIN[name]
    assert connector.name == name
    assert connector.title
    assert connector.docs_url.startswith("http")
    assert connector.keys_url.startswith("http")
    assert connector.missing_settings == ()
    assert connector.link_plans
    for plan in connector.link_plans:
        assert isinstance(plan, OAuthPlan | TokenPlan | VisitPlan)


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
        recording.connector.name = "other"  # type: ignore[misc]  # that is the point
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
                told = recording.answers[asked_for(steps[turn])]
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
            recording.connector.pull(stream, None),
            lambda asked: recording.answers[asked_for(asked)],
        )[0]
    )


@pytest.mark.parametrize("name", NAMES)
def test_its_rows_are_sound(name: str) -> None:
    """Rows belong to a stream's accounts, amounts are canonical, posted rows have their day.

    Some are pending and some are posted, unless the connector says that none ever is pending.
    """
    recording = recorded(name)
    streams = recording.connector.streams(recording.discovery)
    accounts = {account for stream in streams for account in stream.accounts}
    assert accounts == {each.external_id for each in recording.discovery.accounts}
    assert len({stream.key for stream in streams}) == len(streams)
    rows = [row for step in recording.found if isinstance(step, Page) for row in step.upserts]
    never = recording.connector.pending_rule is PendingRule.NEVER
    assert {row.status for row in rows} == ({Status.POSTED} if never else set(Status))
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
    """HTML, nothing, half of something, endless nesting: refused by name, and nothing else."""
    recording = recorded(name)
    for url in recording.answers:
        with suppress(*REFUSED):
            found = recording.replay({url: body})
            assert found != recording.found, url


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_one_wrong_value_is_refused_or_understood(name: str, data: st.DataObject) -> None:
    """Any single value replaced or left out: the rows that come are sound, or it is refused."""
    recording = recorded(name)
    url = data.draw(st.sampled_from(sorted(recording.answers)))
    content = json.loads(recording.answers[url].body)
    path = data.draw(st.sampled_from(list(places(content))))
    garbage = data.draw(st.sampled_from([..., *GARBAGE]))
    body = json.dumps(replaced(content, path, garbage)).encode()
    with suppress(*REFUSED):
        for step in recording.replay({url: body}):
            if isinstance(step, Page):
                for row in step.upserts:
                    assert str(row.amount) == str(canonical(row.amount, row.currency))
                    nameless = recording.connector.reuses_ids and not row.external_id
                    assert nameless or row.external_id.strip() not in {"", "0"}
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
    credentials = recording.credentials
    for request in recording.requests:
        assert recording.connector.sign(request, credentials) != request
        moved = replace(request, url="https://elsewhere.example/")
        with pytest.raises(ContractBroken):
            recording.connector.sign(moved, credentials)


@pytest.mark.parametrize("name", NAMES)
def test_a_driver_that_answers_nothing_is_told_so(name: str) -> None:
    """A request is answered with a response: anything else is a bug in the driver."""
    recording = recorded(name)
    reading = recording.connector.pull(recording.connector.streams(recording.discovery)[0], None)
    next(reading)
    with pytest.raises(TypeError):
        reading.send(None)
