"""The driver sends what generators ask for, and takes each answer as it must be taken."""

import contextlib
from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.consent import ConsentState
from penstock.domain.errors import DestinationRefused, RowsMoved, TransportFailure
from penstock.domain.limit import quota, rate
from penstock.domain.outcome import Halt, Outcome
from penstock.domain.protocol import Verdict
from penstock.domain.remedy import RemedyKind
from penstock.domain.request import Request, Response
from penstock.engine.drive import ATTEMPTS, CursorLost, Limits, Restart
from tests.engine.fake_bank import URL, FakeBank
from tests.engine.house import play
from tests.engine.road import GET, NOW, Road, Said, answer


class Wordy(FakeBank):
    """A bank that says in its answers' words, and not in a header, how long to wait."""

    def classify(self, response: Response) -> Verdict:
        return replace(super().classify(response), wait=7.0)


def test_what_is_asked_is_signed_and_counted() -> None:
    """sync.md 31: each request and byte is counted; only what wants credentials carries them."""
    road = Road([200, 200])
    assert road.ask().body == b"body"
    road.ask(Request("GET", URL, authorized=False))
    assert [dict(request.headers) for request in road.sent] == [{"authorization": "token 1"}, {}]
    assert (road.driver.tally.requests, road.driver.tally.received_bytes) == (2, 8)
    assert road.slept == []


def test_what_a_request_takes_is_its_answer() -> None:
    """A status that it names is given to whoever asked, and to no other request.

    Whatever it means to others, the consent's end too: a part that is not told ends no whole.
    """
    refused = Request("POST", URL, takes=(409, 403))
    road = Road([409])
    assert road.ask(refused).status == 409
    assert Road([403]).ask(refused).status == 403
    assert Road([422]).halt(refused).outcome is Outcome.CONTRACT
    with pytest.raises(Restart):
        Road([409]).ask()
    road = Road([503, 409])
    assert road.ask(refused).status == 409
    assert road.driver.tally.retries == 1


def test_what_is_kept_of_an_answer_names_no_secret() -> None:
    """K4: where a credential is put into an address, the archive has the address without it."""

    def reading() -> Generator[Any, Any, None]:
        yield GET

    async def read(road: Road) -> list[Response]:
        heard: list[Response] = []
        async for _ in road.driver.pull(reading(), heard.append):
            raise AssertionError
        return heard

    (kept,) = play(read(Road([Response(200, {}, b"body", f"{URL}/canary")])))
    assert (kept.url, kept.body) == (GET.url, b"body")


def test_rows_that_moved_are_read_again() -> None:
    """sync.md 3: a pull starts over; a discovery ends the run, which is tried again by itself."""

    async def read(road: Road) -> None:
        async for _ in road.driver.pull(moving()):
            raise AssertionError

    def moving() -> Generator[Any, Any, None]:
        yield Request("GET", URL)
        raise RowsMoved

    with pytest.raises(Restart, match="moved"):
        play(read(Road([200])))
    with pytest.raises(Halt) as caught:
        play(Road([200]).driver.run(moving()))
    assert caught.value.ending.outcome is Outcome.TRANSIENT


TROUBLE: list[Said] = [429, 503, TransportFailure("cut off"), answer(503, retry_after="soon")]


@pytest.mark.parametrize("trouble", TROUBLE, ids=str)
def test_what_often_mends_itself_is_tried_again(trouble: Said) -> None:
    """sync.md 22: exponential, with full jitter; the credentials are looked at anew each time."""
    road = Road([trouble, trouble, trouble, 200])
    assert road.ask().status == 200
    assert road.slept == [1.0, 2.0, 4.0]
    tally = road.driver.tally
    assert (tally.requests, tally.retries, tally.waited_ms) == (4, 3, 7000)
    assert tally.throttled == (3 if trouble == 429 else 0)
    assert road.tokens.looked == 4


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        (format_datetime(NOW + timedelta(seconds=9), usegmt=True), 9),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_what_the_bank_says_is_obeyed(said: str, seconds: float, status: int) -> None:
    """sync.md 22: Retry-After in seconds and as a date, on 429 and 503 alike, not a moment less."""
    road = Road([answer(status, retry_after=said), 200])
    road.ask()
    assert road.slept == [seconds]


def test_a_wait_that_the_connector_reads_is_obeyed_too() -> None:
    """sync.md 22: where the bank says it in words of its own; its `Retry-After` goes before."""
    for said, seconds in ((answer(429), 7), (answer(429, retry_after="3"), 3)):
        road = Road([said, 200])
        road.driver.connector = Wordy()
        road.ask()
        assert road.slept == [seconds]


def test_a_long_wait_is_not_slept() -> None:
    """sync.md 22: more than a run may wait ends it with the instant, a day at most."""
    for said, wait in (("61", 61), ("86400", 86_400), ("9" * 11, 86_400), ("9" * 40, 86_400)):
        for status in (429, 503):
            road = Road([answer(status, retry_after=said)])
            ending = road.halt()
            assert ending.outcome is Outcome.THROTTLED
            assert ending.until == NOW + timedelta(seconds=wait)
            assert road.slept == []


def test_the_waits_of_a_run_add_up() -> None:
    """sync.md 22: what a run may wait is counted over all of its requests together."""
    road = Road([answer(429, retry_after="40"), 200, answer(429, retry_after="21")])
    road.ask()
    ending = road.halt()
    assert (ending.outcome, road.slept) == (Outcome.THROTTLED, [40.0])
    assert ending.until == road.now + timedelta(seconds=21)


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (503, Outcome.TRANSIENT),
        (TransportFailure("no answer"), Outcome.TRANSIENT),
        (429, Outcome.THROTTLED),
    ],
)
def test_trying_again_ends(trouble: Said, outcome: Outcome) -> None:
    """sync.md 21, 22: after five times it is an ending, which says whether the bank is busy."""
    road = Road([trouble] * (ATTEMPTS + 1))
    ending = road.halt()
    assert ending.outcome is outcome
    assert ending.message
    assert len(road.sent) == ATTEMPTS
    assert (ending.until is not None) == (outcome is Outcome.THROTTLED)


def test_of_few_calls_a_day_none_is_spent_on_haste() -> None:
    """23: where a bank may be asked four times a day, one bad minute does not take them all."""
    road = Road([503] * ATTEMPTS)
    road.driver.connector = FakeBank(budgets=(quota(4),))
    assert road.halt().outcome is Outcome.TRANSIENT
    assert len(road.sent) == 2
    road = Road([503] * ATTEMPTS)
    road.driver.connector = FakeBank(budgets=(quota(24), rate(4, timedelta(days=1))))
    road.halt()
    assert len(road.sent) == ATTEMPTS


def test_an_address_we_do_not_talk_to_is_not_tried_again() -> None:
    """security.md X2: a refused destination ends the run at once, for somebody to look at."""
    road = Road([DestinationRefused("That is a private address.")])
    ending = road.halt()
    assert (ending.outcome, len(road.sent)) == (Outcome.CONTRACT, 1)
    assert ending.message == "That is a private address."


def test_a_refused_token_is_renewed_once() -> None:
    """sync.md 25: after a 401 with newer credentials; a second 401 asks the person: no loop."""
    road = Road([401, 200, 401, 401])
    road.ask()
    assert road.tokens.refused == ["token 1"]
    assert road.sent[1].headers["authorization"] == "token 2"
    ending = road.halt()
    assert (ending.outcome, ending.consent) == (Outcome.CONSENT, ConsentState.LOGIN_REQUIRED)
    assert road.tokens.refused == ["token 1", "token 2"]
    assert len(road.sent) == 4


def test_a_token_that_ends_while_we_wait_is_noticed() -> None:
    """sync.md 25: after each wait the credentials are those of that moment."""
    road = Road([503, 200])

    async def renewed_meanwhile(_seconds: float) -> None:
        road.tokens.number = 7

    road.driver.sleep = renewed_meanwhile
    road.ask()
    assert road.sent[1].headers["authorization"] == "token 7"


def test_final_answers_end_the_run() -> None:
    """sync.md 21: consent and contract are not tried again, and say what the bank said."""
    ending = Road([403]).halt()
    assert (ending.outcome, ending.consent) == (Outcome.CONSENT, ConsentState.REVOKED)
    assert ending.message == "The bank said 403."
    assert Road([422]).halt().outcome is Outcome.CONTRACT
    with pytest.raises(CursorLost):
        Road([404]).ask()
    with pytest.raises(Restart):
        Road([409]).ask()


def test_who_has_something_to_do_at_the_bank_is_told() -> None:
    """sync.md 21: a bank that waits for the person is not ready, and its word is what to do."""
    ending = Road([425]).halt()
    assert ending.outcome is Outcome.NOT_READY
    assert ending.remedy is not None
    assert (ending.remedy.kind, ending.remedy.text) == (RemedyKind.ASK_PERSON, "The bank said 425.")


def test_a_consent_that_ends_soon_is_remembered() -> None:
    """sync.md 26: one answer that warns is enough, whatever the others say."""
    road = Road([200, 203, 200])
    for _ in range(3):
        road.ask()
    assert road.driver.consent_ends_soon


@given(
    st.lists(st.sampled_from([200, 401, 429, 503]), max_size=30),
    st.integers(1, 6),
    st.floats(0, 100),
)
def test_no_mixture_of_troubles_loops(answers: list[int], attempts: int, patience: float) -> None:
    """sync.md 21, 22: whatever the bank says, asking ends, within its attempts and its patience."""
    road = Road([*answers, 200], Limits(wait_at_most=patience, attempts=attempts))
    with contextlib.suppress(Halt):
        assert road.ask().status == 200
    assert len(road.sent) <= attempts + 1
    assert len(road.tokens.refused) <= 1
    assert sum(road.slept) <= patience + 0.001
