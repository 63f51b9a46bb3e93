"""NextGenPSD2's quirks, one by one: consents, reports, errors."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from penstock.connectors.berlingroup import KIND, BerlinGroup
from penstock.connectors.berlingroup_bank import Bank
from penstock.connectors.berlingroup_rows import parse_aside, parse_report
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.link_plan import Errand, Return
from penstock.domain.option import Given
from penstock.domain.protocol import PendingRule, VerdictKind
from penstock.domain.request import Response
from penstock.domain.secret import Secret
from penstock.domain.transaction import Status
from penstock.domain.update import Absence, Balances, Page, Stream
from tests.connectors.berlin_samples import (
    BOOKED,
    HELD,
    NOON,
    PLACES,
    STANDING_ORDER,
    Told,
    body,
    refusal,
    report,
)
from tests.connectors.driving import Found, by_hand
from tests.sandbox.visitor import REDIRECT, Watch

URL = "https://xs2a.bank.test/psd2"
WATCH = Watch(NOON)
BERLIN_GROUP = BerlinGroup(Bank(URL, clock=WATCH))
STREAM = Stream("acc-1", ("acc-1/EUR",))
OPENED = Credentials(Secret("consent-1"))
ERRAND = Errand(REDIRECT, "s&1", {})
BACK = Return({}, REDIRECT, Secret("consent-1"))
CREATED: dict[str, Any] = {
    "consentStatus": "received",
    "consentId": "consent-1",
    "_links": {"scaRedirect": {"href": "https://bank.test/sca"}},
}


def test_what_it_declares() -> None:
    """Unlinked, ids reused and re-issued, absence ends what is pending; nothing by itself."""
    one = BERLIN_GROUP
    assert (one.pending_rule, one.absence) == (PendingRule.UNLINKED, Absence.PENDING_GONE)
    assert (one.reuses_ids, one.reissues_ids, one.sends_removals) == (True, True, False)
    assert {(each.calls, each.endpoint) for each in one.budgets} == {
        (4, "accounts"),
        (4, "balances"),
        (4, "transactions"),
    }


def test_every_request_has_an_id_of_its_own() -> None:
    """A UUID made of what is asked, and when: the same moment gives the same, the next another."""
    request = BERLIN_GROUP.bank.get("/v1/accounts")
    first = BERLIN_GROUP.sign(request, OPENED).headers
    assert first == BERLIN_GROUP.sign(request, OPENED).headers
    assert (first["Consent-ID"], len(first["X-Request-ID"])) == ("consent-1", 36)
    assert "PSU-IP-Address" not in first, "nobody is there"
    later = Bank(URL, clock=Watch(NOON + timedelta(seconds=1))).sign(request, OPENED).headers
    assert later["X-Request-ID"] != first["X-Request-ID"]


@pytest.mark.parametrize(
    "href",
    [f"{URL}/v1/x", "/v1/x", "/psd2/v1/x", "v1/x"],
)
def test_links_are_followed_however_they_are_written(href: str) -> None:
    """Whole, from the server's root, or from where the interface begins."""
    assert BERLIN_GROUP.bank.url(href) == f"{URL}/v1/x"


@pytest.mark.parametrize("href", ["https://elsewhere.test/v1/x", "//elsewhere.test/v1", "../../x"])
def test_links_that_lead_elsewhere_are_not(href: str) -> None:
    """The consent stays with the bank."""
    with pytest.raises(ContractBroken, match="leads away"):
        BERLIN_GROUP.bank.url(href if not href.startswith("//") else f"https:{href}")


def pull(*answers: bytes, cursor: str | None = None) -> tuple[Found, Told]:
    """Read an account."""
    told = Told(*answers)
    return by_hand(BERLIN_GROUP.pull(STREAM, cursor), told)[0], told


BALANCES = body(
    {"balances": [{"balanceAmount": {"currency": "EUR", "amount": "9.00"},
                   "balanceType": "interimBooked"}]}
)  # fmt: skip


def test_pages_are_followed_and_only_the_first_is_a_reading() -> None:
    """An empty page may have another after it; balances come before the last page."""
    more = {"next": {"href": "/v1/accounts/acc-1/transactions?page=2"}}
    found, told = pull(report(links=more), report(BOOKED), BALANCES)
    assert [type(one) for one in found] == [Page, Balances, Page]
    assert [one.endpoint for one in told.asked] == ["transactions", "more", "balances"]
    assert "dateFrom=2024-11-20&bookingStatus=both" in told.asked[0].url
    last = found[-1]
    assert isinstance(last, Page)
    assert (last.next_cursor, last.covered) == ('{"read_to":"2026-11-20"}', ())
    found, told = pull(report(), BALANCES, cursor=last.next_cursor)
    assert "dateFrom=2026-10-21" in told.asked[0].url, "a month again, its first day included"
    last = found[-1]
    assert isinstance(last, Page)
    assert [(one.since, one.until) for one in last.covered] == [(date(2026, 10, 21), date.max)]


def test_the_next_page_may_be_named_beside_the_report() -> None:
    """Banks write `next` where the other links of the answer are: less than all is no success."""
    answer = json.loads(report(HELD))
    answer["_links"] = {"next": {"href": "/v1/accounts/acc-1/transactions?page=2"}}
    assert parse_report(body(answer), PLACES).next == answer["_links"]["next"]["href"]
    answer["transactions"]["booked"].append({"odd": True})
    assert parse_report(body(answer), PLACES).next == answer["_links"]["next"]["href"]


def test_pages_that_lead_in_a_circle_are_refused() -> None:
    """sync.md 5: less than all is no success."""
    more = {"next": {"href": "/v1/accounts/acc-1/transactions?page=2"}}
    with pytest.raises(ContractBroken, match="leads back"):
        pull(report(links=more), report(links=more))


def test_the_sign_is_the_amounts_own() -> None:
    """Creditor and debtor infer nothing: the official examples contradict each other."""
    for amount in ("-42.50", "42.50", "0.00", "42.5"):
        row = {**BOOKED, "transactionAmount": {"currency": "EUR", "amount": amount}}
        (seen,) = parse_report(report(row), PLACES).rows
        assert seen.amount == msgspec.convert(amount, type=type(seen.amount), strict=False)


def test_what_a_row_says() -> None:
    """Both ids, both days, the words of a list, and the one that was paid."""
    (held, booked) = parse_report(report(BOOKED, pending=(HELD,)), PLACES).rows
    assert (booked.account, booked.external_id) == ("acc-1/EUR", "2026-11-18-00017")
    assert (booked.booked_on, booked.value_on) == (date(2026, 11, 18), date(2026, 11, 19))
    assert booked.description == "Danke für Ihren Einkauf"
    assert (booked.counterparty, booked.reference) == ("Mühlenbäckerei", None)
    assert (held.status, held.external_id, held.booked_on) == (Status.PENDING, "", None)


def test_only_the_amount_has_to_be_there() -> None:
    """A booked row still needs its day; the value day will do, and no day is set aside."""
    least = {"transactionAmount": {"currency": "EUR", "amount": "1"}}
    found = parse_report(report({**least, "valueDate": "2026-11-18"}, least), PLACES)
    assert [row.booked_on for row in found.rows] == [date(2026, 11, 18)]
    (aside,) = found.unmapped
    assert "has no day" in aside.reason
    with pytest.raises(ContractBroken, match="has no day"):
        parse_aside(aside.raw)


def test_standing_orders_are_no_movements() -> None:
    """What stands under `information` will be paid one day, and is a row then."""
    assert parse_report(report(information=[STANDING_ORDER]), PLACES).rows == []


def test_a_row_in_a_currency_that_the_account_has_not_is_set_aside() -> None:
    """USD 1 is not booked as EUR 1 (actual#5666)."""
    row = {**BOOKED, "transactionAmount": {"currency": "USD", "amount": "1.00"}}
    found = parse_report(report(row, BOOKED), PLACES)
    assert (len(found.rows), len(found.unmapped)) == (1, 1)
    assert "no money in 'USD'" in found.unmapped[0].reason


@pytest.mark.parametrize("amount", ["1,00", "+1.00", "1e3", "NaN", "", 1.5])
def test_amounts_that_are_none_are_set_aside(amount: object) -> None:
    """And the others of the page are not lost by it."""
    row = {**BOOKED, "transactionAmount": {"currency": "EUR", "amount": amount}}
    found = parse_report(report(row, BOOKED, pending=(HELD,)), PLACES)
    assert (len(found.rows), len(found.unmapped)) == (2, 1)


def test_a_file_to_download_is_refused_by_name() -> None:
    """Nobody is to believe that there were no rows."""
    with pytest.raises(ContractBroken, match="file to download"):
        parse_report(body({"_links": {"download": {"href": "/v1/file"}}}), PLACES)
    file = {"download": {"href": "/v1/file"}}
    for answer in (
        {"transactions": {"booked": [], "pending": []}, "_links": file},
        {"transactions": {"booked": [], "_links": file}},
    ):
        with pytest.raises(ContractBroken, match="file to download"):
            parse_report(body(answer), PLACES)
    assert parse_report(body({**json.loads(report(BOOKED)), "_links": file}), PLACES).rows
    with pytest.raises(ContractBroken, match="holds none"):
        parse_report(b"{}", PLACES)


def test_an_account_of_several_currencies_is_several_accounts() -> None:
    """Its balances say which; rows go to the one of their currency; a deleted one is gone."""
    listed = [
        {"resourceId": "m", "iban": "DE2", "currency": "XXX", "product": "Multi"},
        {"resourceId": "old", "iban": "DE3", "currency": "EUR", "status": "deleted"},
    ]
    several = [
        {"balanceAmount": {"currency": code, "amount": "1.00"}, "balanceType": "interimBooked"}
        for code in ("EUR", "USD")
    ]
    told = Told(body({"accounts": listed}), body({"balances": several}))
    discovery = by_hand(BERLIN_GROUP.discover(), told)[1]
    assert [(one.external_id, one.identity) for one in discovery.accounts] == [
        ("m/EUR", "DE2 EUR"),
        ("m/USD", "DE2 USD"),
    ]
    (stream,) = BERLIN_GROUP.streams(discovery)
    assert stream == Stream("m", ("m/EUR", "m/USD"))
    dollars = {**BOOKED, "transactionAmount": {"currency": "USD", "amount": "1.00"}}
    told = Told(report(BOOKED, dollars), body({"balances": several}))
    _, page = by_hand(BERLIN_GROUP.pull(stream, None), told)[0]
    assert isinstance(page, Page)
    assert [row.account for row in page.upserts] == ["m/EUR", "m/USD"]
    with pytest.raises(ContractBroken, match="no balance says which"):
        by_hand(BERLIN_GROUP.discover(), Told(body({"accounts": listed}), body({"balances": []})))


@pytest.mark.parametrize(
    ("status_code", "code", "state"),
    [
        (401, "CONSENT_EXPIRED", ConsentState.EXPIRED),
        (401, "CONSENT_INVALID", ConsentState.LOGIN_REQUIRED),
        (403, "CONSENT_UNKNOWN", ConsentState.REVOKED),
        (400, "CONSENT_UNKNOWN", ConsentState.REVOKED),
        (401, "TOKEN_EXPIRED", ConsentState.LOGIN_REQUIRED),
        (401, "SOMETHING", ConsentState.LOGIN_REQUIRED),
    ],
)
def test_consents_that_are_over(status_code: int, code: str, state: ConsentState) -> None:
    """In either form of an error."""
    problem = body({"type": "https://x.test", "code": code})
    for text in (refusal(code), problem):
        verdict = BERLIN_GROUP.classify(Response(status_code, {}, text))
        assert (verdict.kind, verdict.consent) == (VerdictKind.CONSENT, state)


def test_the_days_readings_are_spent_until_tomorrow() -> None:
    """ACCESS_EXCEEDED waits for the bank's next day; any other 429 for what it says."""
    verdict = BERLIN_GROUP.classify(Response(429, {}, refusal("ACCESS_EXCEEDED")))
    assert (verdict.kind, verdict.wait) == (VerdictKind.THROTTLED, 11 * 3600 + 300)
    assert BERLIN_GROUP.classify(Response(429, {}, refusal("OTHER"))).wait is None


@pytest.mark.parametrize(
    "code", ["CERTIFICATE_EXPIRED", "PERIOD_INVALID", "SERVICE_INVALID", "SESSIONS_NOT_SUPPORTED"]
)
def test_what_is_ours_to_mend_is_said(code: str) -> None:
    """A certificate, the days that were asked for: no consent is asked of the person."""
    verdict = BERLIN_GROUP.classify(Response(401, {}, refusal(code)))
    assert verdict.kind is VerdictKind.CONTRACT
    assert code in verdict.message


@pytest.mark.parametrize(
    ("option", "text"),
    [("zone", "Nowhere"), ("access", "some"), ("booking_status", "x"), ("history_days", "-1")],
)
def test_options_that_cannot_be_used_are_named(option: str, text: str) -> None:
    """With the name that is set in the environment."""
    given = Given(KIND.name, KIND.options, {f"berlingroup_{option}": Secret(text)})
    with pytest.raises(InvalidInput, match=f"PENSTOCK_BERLINGROUP_{option.upper()}"):
        KIND.make(given, WATCH)


def test_a_bank_that_tells_nothing_pending_is_asked_for_what_it_has() -> None:
    """`booked` alone; and those accounts alone that the person chooses."""
    connector = replace(BERLIN_GROUP, booking_status="booked", access="chosen")
    told = Told(report(BOOKED), BALANCES)
    by_hand(connector.pull(STREAM, None), told)
    assert "bookingStatus=booked" in told.asked[0].url
    (plan,) = connector.link_plans
    told = Told(body(CREATED))
    by_hand(plan.begin(ERRAND), told)
    wanted = msgspec.json.decode(told.asked[0].body or b"")["access"]
    assert wanted == {"accounts": [], "balances": [], "transactions": []}
