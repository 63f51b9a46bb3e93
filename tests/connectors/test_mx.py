"""MX: a job that is waited for, statuses that mean something, and pages that are counted."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from penstock.connectors.mx import BUSY, NOT_YET, PAUSES
from penstock.connectors.mx_app import Login
from penstock.connectors.mx_reading import Mark
from penstock.connectors.mx_status import MEANINGS, Sense
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.consent import ConsentState
from penstock.domain.errors import ContractBroken
from penstock.domain.protocol import Pause, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.update import Balances, Page, Stream
from tests.connectors.driving import by_hand
from tests.connectors.mx_samples import (
    ACCOUNT,
    CARD,
    CHECKING,
    CONNECTOR,
    MEMBER,
    STREAM,
    URL,
    USER,
    Bank,
    ended,
    login,
    one_after_another,
    paged,
    pull,
    row,
)

DAY = date(2026, 11, 20)
READ = Mark(DAY - timedelta(days=1), (CHECKING, CARD), late=3, early=0)
CREDENTIALS = Login(USER, MEMBER).as_credentials()


def cursor(mark: Mark = READ) -> str:
    """Write a cursor."""
    return msgspec.json.encode(mark).decode()


def steps_of(bank: Bank) -> Iterator[object]:
    """Yield everything that a pull yields, and answer its requests."""
    reading = CONNECTOR.pull(STREAM, None)
    step: Any = next(reading)
    while True:
        yield step
        try:
            step = reading.send(bank(step) if isinstance(step, Request) else None)
        except StopIteration:
            return


def test_a_job_is_asked_for_and_waited_for() -> None:
    """The login is looked at, with pauses, until the job has ended; then it is read."""
    works = login(is_being_aggregated=True)
    bank = Bank(row(), status=one_after_another(works, works, works, login()))
    pauses = [step.seconds for step in steps_of(bank) if isinstance(step, Pause)]
    assert pauses == [1, 2, 3]
    assert [name for name, _ in bank.asked] == [
        *("aggregate", "status", "status", "status", "status"),
        *("accounts", "transactions", "status"),
    ]


def test_a_job_that_does_not_end_is_not_ready() -> None:
    """sync.md 1: bounded; nothing is read meanwhile, and nothing counts as done."""
    bank = Bank(row(), status=login(is_being_aggregated=True))
    steps = [step for step in steps_of(bank) if not isinstance(step, Request)]
    assert steps == [*map(Pause, PAUSES), NOT_YET]
    assert sum(PAUSES) < 60, "a run waits for a minute at most"
    assert "transactions" not in dict(bank.asked)


@pytest.mark.parametrize("status", [s for s, m in MEANINGS.items() if m.sense is Sense.UNDER_WAY])
def test_a_login_on_its_way_is_not_ready(status: str) -> None:
    """CREATED, PENDING, RESUMED, UPDATED: no job has come to its end yet."""
    assert pull(Bank(row(), status=login(connection_status=status))) == [NOT_YET]


def test_a_login_that_was_never_read_is_not_ready() -> None:
    """Nor is one whose accounts have only now become known."""
    never = login(successfully_aggregated_at=None, aggregated_at=None)
    assert pull(Bank(row(), status=never)) == [NOT_YET]
    found, _ = by_hand(CONNECTOR.pull(Stream("transactions", ()), None), Bank(row()))
    assert found == [NOT_YET]


def test_a_job_that_mx_does_not_begin_is_no_reason_not_to_read() -> None:
    """It answers 202, and begins none so soon after the last: rows and balances are of that one."""
    balances, page = pull(Bank(row(), aggregate=login()))
    assert isinstance(balances, Balances)
    assert {each.as_of.isoformat() for each in balances.balances} == {"2026-11-20T03:30:00+00:00"}
    assert isinstance(page, Page)
    assert (len(page.upserts), page.said) == (1, ())


def test_a_job_that_is_refused_is_said() -> None:
    """409: another kind of job is under way. What there is is read, and is not called fresh."""
    refused = Response(409, {}, b'{"error":{"message":"..."}}', URL)
    page = ended(Bank(row(), aggregate=refused), cursor())
    assert (len(page.upserts), page.said, page.covered) == (1, (BUSY,), ())


@pytest.mark.parametrize("status", [s for s, m in MEANINGS.items() if m.sense is Sense.STALE])
def test_what_mx_could_not_renew_is_read_and_said(status: str) -> None:
    """DEGRADED, DISCONNECTED, DELAYED, FAILED, DISABLED, DISCONTINUED: it is as old as it says."""
    page = ended(Bank(row(), status=login(connection_status=status)), cursor())
    assert (len(page.upserts), page.covered) == (1, ())
    (said,) = page.said
    assert said.startswith(f"MX says {status}: ")
    assert said.endswith("What it knows is of 2026-11-20 03:30 UTC.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aggregated_at": "2026-11-20T09:00:00Z"}, "MX's last attempt to read the bank failed."),
        ({"successfully_aggregated_at": "2026-11-16T03:30:00Z"}, "attempt to read the bank failed"),
        (
            dict.fromkeys(("aggregated_at", "successfully_aggregated_at"), "2026-11-17T03:30:00Z"),
            "MX has not heard from the bank for a long time.",
        ),
        ({"connection_status": "SOMETHING_NEW"}, "MX says SOMETHING_NEW: nobody here knows"),
        ({"connection_status": "<b>"}, "nobody here knows what that means."),
        ({"connection_status": None}, "MX does not read this login by itself."),
    ],
)
def test_old_news_is_said(changes: dict[str, Any], words: str) -> None:
    """Whatever the status: a failed attempt, days without success, a word that nobody knows."""
    found = pull(Bank(row(), status=login(**changes)))
    assert isinstance(found[-1], Page)
    (said,) = found[-1].said
    assert words in said
    assert "<b>" not in said


def test_a_first_reading_that_failed_is_said() -> None:
    """There is nothing to read, and that is no success."""
    failed = login(connection_status="FAILED", successfully_aggregated_at=None)
    (page,) = pull(Bank(row(), status=failed))
    assert isinstance(page, Page)
    assert page.said == ("MX says FAILED: MX could not read the bank.",)
    assert page.next_cursor is None


PERSONS = [s for s, m in MEANINGS.items() if m.sense is Sense.PERSON]


def test_every_status_that_a_person_can_act_on_is_known() -> None:
    """Those that MX lists as such, and one whose credentials were never entered."""
    assert set(PERSONS) == {
        *("CHALLENGED", "DENIED", "EXPIRED", "IMPAIRED", "IMPEDED", "LOCKED", "PREVENTED"),
        *("REJECTED", "IMPORTED"),
    }
    assert all(MEANINGS[status].words for status in PERSONS)


@pytest.mark.parametrize("status", PERSONS)
def test_what_needs_the_person_asks_the_person(status: str) -> None:
    """sync.md 21: a consent problem with words for what to do, at every answer that tells it."""
    verdict = CONNECTOR.classify(Response(200, {}, login(connection_status=status)))
    assert (verdict.kind, verdict.consent) == (VerdictKind.CONSENT, ConsentState.LOGIN_REQUIRED)
    assert verdict.message == f"MX says {status}: {MEANINGS[status].words}."


@pytest.mark.parametrize("status", PERSONS)
def test_a_status_of_before_the_job_is_none_of_now(status: str) -> None:
    """While a job is under way, only a question that the bank asks now (MFA) needs the person."""
    body = login(connection_status=status, is_being_aggregated=True)
    needs = CONNECTOR.classify(Response(200, {}, body)).kind is VerdictKind.CONSENT
    assert needs is (status == "CHALLENGED")


def test_a_closed_login_is_linked_anew() -> None:
    """So is one that MX does not know any more; another 404 is none of that."""
    closed = CONNECTOR.classify(Response(200, {}, login(connection_status="CLOSED")))
    gone = CONNECTOR.classify(Response(404, {}, b"", f"{URL}/users/{USER}/members/{MEMBER}/status"))
    assert closed.consent is gone.consent is ConsentState.REVOKED
    assert CONNECTOR.classify(Response(404, {}, b"", URL)).kind is VerdictKind.CONTRACT


@pytest.mark.parametrize("status", [401, 403])
def test_keys_that_mx_does_not_take_are_no_consent_problem(status: int) -> None:
    """No person can mend them: whoever runs the installation has to."""
    verdict = CONNECTOR.classify(Response(status, {}, b""))
    assert verdict.kind is VerdictKind.CONTRACT
    assert "check the client id" in verdict.message or "dashboard" in verdict.message


def test_accounts_and_what_stands_on_them() -> None:
    """What is owed is negative; a card's available credit is what can be spent."""
    _, discovery = by_hand(CONNECTOR.discover(), Bank())
    assert discovery.institution.name == "Mill Bank"
    assert [(each.type, each.mask) for each in discovery.accounts] == [
        (AccountType.CHECKING, "0042"),
        (AccountType.CREDIT_CARD, "0077"),
    ]
    balances = pull(Bank())[0]
    assert isinstance(balances, Balances)
    stated = {(each.account, each.kind): str(each.amount) for each in balances.balances}
    assert stated == {
        (CHECKING, BalanceKind.CURRENT): "120.10",
        (CHECKING, BalanceKind.AVAILABLE): "110.94",
        (CARD, BalanceKind.CURRENT): "-327.01",
        (CARD, BalanceKind.AVAILABLE): "1672.99",
        (CARD, BalanceKind.LIMIT): "2000.00",
    }
    assert {each.as_of_on for each in balances.balances} == {date(2026, 11, 19)}, "in New York"


@pytest.mark.parametrize(
    ("kind", "type_", "current"),
    [
        ("LOAN", AccountType.LOAN, "-120.10"),
        ("MORTGAGE", AccountType.LOAN, "-120.10"),
        ("LINE_OF_CREDIT", AccountType.LOAN, "-120.10"),
        ("INVESTMENT", AccountType.INVESTMENT, "120.10"),
        ("PROPERTY", AccountType.OTHER, "120.10"),
        (None, AccountType.OTHER, "120.10"),
    ],
)
def test_the_sign_is_that_of_the_kind(kind: str | None, type_: AccountType, current: str) -> None:
    """sync.md 15: per account type; one that nobody knows is taken as it is written."""
    bank = Bank(accounts=paged("accounts", [{**ACCOUNT, "type": kind}]))
    balances = pull(bank)[0]
    assert isinstance(balances, Balances)
    assert str(balances.balances[0].amount) == current
    assert by_hand(CONNECTOR.discover(), bank)[1].accounts[0].type is type_


def test_an_account_without_a_currency_is_in_the_usual_one() -> None:
    """MX need not name one: the installation says which it is then."""
    bank = Bank(accounts=paged("accounts", [{**ACCOUNT, "currency_code": None}]))
    _, discovery = by_hand(replace(CONNECTOR, usual_currency="CAD").discover(), bank)
    assert discovery.accounts[0].currency == "CAD"
    with pytest.raises(ContractBroken, match="no currency"):
        by_hand(replace(CONNECTOR, usual_currency="?").discover(), bank)


def test_a_row_set_aside_is_mapped_later() -> None:
    """sync.md 8: whole, with what its account is in."""
    bad, good = row(type="SIDEWAYS"), row(guid="TRN-2")
    page = ended(Bank(bad, good))
    (aside,) = page.unmapped
    assert (aside.account, aside.external_id) == (CHECKING, "TRN-1")
    with pytest.raises(ContractBroken, match="SIDEWAYS"):
        CONNECTOR.remap(STREAM, aside.raw)
    mended = aside.raw.replace(b"SIDEWAYS", b"DEBIT")
    assert CONNECTOR.remap(STREAM, mended).currency == "USD"


def test_the_keys_stay_at_home() -> None:
    """They open all logins of all our users: no request leaves MX with them."""
    request = CONNECTOR.app.ask_login("GET", "status")
    signed = CONNECTOR.sign(request, CREDENTIALS)
    assert signed.url == f"{URL}/users/{USER}/members/{MEMBER}/status"
    assert signed.headers["Authorization"].startswith("Basic ")
    assert "Authorization" not in request.headers
    for url in ("https://elsewhere.test/", f"{URL}.evil/users/-/members/-", f"{request.url[:-7]}x"):
        with pytest.raises(ContractBroken, match="leads away"):
            CONNECTOR.sign(replace(request, url=url), CREDENTIALS)
    for names in (("../x", MEMBER), (USER, "MBR-1/..")):
        with pytest.raises(ContractBroken, match="no login"):
            CONNECTOR.sign(request, Login(*names).as_credentials())


def test_institutions_are_searched_for() -> None:
    """By words of the name and a country; one without a code cannot be chosen, and is left out."""
    asking = CONNECTOR.search("mill", "US")
    request = next(asking)
    assert "name=mill" in request.url
    assert "iso_country_code%5B%5D=US" in request.url
    told = paged("institutions", [{"code": "mill", "name": "Mill Bank"}, {"code": None}])
    with pytest.raises(StopIteration) as end:
        asking.send(Response(200, {}, told))
    (found,) = end.value.value
    assert (found.external_id, found.name) == ("mill", "Mill Bank")
