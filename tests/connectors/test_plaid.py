"""The Plaid connector: its pages, its limits, and what its errors mean."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from penstock.connectors import build
from penstock.connectors.plaid import PRODUCTION, Plaid
from penstock.connectors.plaid_app import App
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import ContractBroken, InvalidInput, OAuthError
from penstock.domain.institution import Institution
from penstock.domain.limit import Scope
from penstock.domain.protocol import PendingRule, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Absence, Balances, Page, Stream
from tests.connectors.driving import Driver, Ledger, by_hand
from tests.connectors.linking import connector_at, link
from tests.connectors.plaid_samples import (
    ACCOUNT,
    GONE,
    ITEM,
    ROW,
    STATUS,
    UPDATED,
    accounts,
    body,
    error,
    page,
    row,
)
from tests.sandbox.visitor import NOON, Watch, visiting

CANARY = "canary-secret"
PLAID = Plaid(App(PRODUCTION, "me", Secret(CANARY)), clock=Watch(NOON))
STREAM = Stream("transactions", ("acc-1",))


class Answers:
    """Answers by endpoint, each in its turn; remembers what was asked."""

    def __init__(self, **answers: list[bytes]) -> None:
        self.answers = {name.replace("__", "/"): list(told) for name, told in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append((request.endpoint, msgspec.json.decode(request.body or b"{}")))
        return Response(200, {}, self.answers[request.endpoint].pop(0))

    @property
    def endpoints(self) -> list[str]:
        return [endpoint for endpoint, _ in self.asked]


def test_pages_are_read_to_the_end_from_where_the_cursor_is() -> None:
    """sync.md 1, 2: no cursor at first, then each page's; the balances come before the last."""
    told = Answers(
        transactions__sync=[page(row(), more=True), page(removed=[GONE], cursor="c2")],
        item__get=[body(item=ITEM, status=STATUS)],
        accounts__get=[accounts(ACCOUNT)],
    )
    found, _ = by_hand(PLAID.pull(STREAM, None), told)
    first, balances, last = found
    assert isinstance(first, Page)
    assert isinstance(balances, Balances)
    assert isinstance(last, Page)
    assert (first.more, last.more, last.next_cursor) == (True, False, "c2")
    assert {one.as_of for one in balances.balances} == {datetime.fromisoformat(UPDATED)}
    sync = [content for endpoint, content in told.asked if endpoint == "transactions/sync"]
    assert [content.get("cursor") for content in sync] == [None, "c1"]
    assert all(content["count"] == 500 for content in sync)
    assert all(content["options"]["include_original_description"] for content in sync)


def test_an_item_that_was_never_updated_is_as_of_now() -> None:
    """sync.md 17: where Plaid does not say when, it is when we asked."""
    told = Answers(
        transactions__sync=[page(row())],
        item__get=[body(item=ITEM, status=None)],
        accounts__get=[accounts(ACCOUNT)],
    )
    balances = by_hand(PLAID.pull(STREAM, "c0"), told)[0][0]
    assert isinstance(balances, Balances)
    assert {one.as_of for one in balances.balances} == {NOON}


@pytest.mark.parametrize("more", [False, True])
def test_an_empty_cursor_is_not_ready(*, more: bool) -> None:
    """sync.md 1: it is handed on as it is, and nothing more is asked."""
    told = Answers(transactions__sync=[page(cursor="", more=more)])
    (only,), _ = by_hand(PLAID.pull(STREAM, None), told)
    assert isinstance(only, Page)
    assert only.next_cursor == ""
    assert told.endpoints == ["transactions/sync"]


def test_the_institution_is_named_by_the_item_or_asked_for() -> None:
    """Older Items do not name theirs, and some have none at all."""
    told = Answers(accounts__get=[accounts(ACCOUNT)])
    _, discovery = by_hand(PLAID.discover(), told)
    assert discovery.institution == Institution("ins_1", "Mill Bank")
    (stream,) = PLAID.streams(discovery)
    assert stream == STREAM
    told = Answers(
        accounts__get=[accounts(ACCOUNT, institution_name=None)],
        institutions__get_by_id=[body(institution={"institution_id": "ins_1", "name": "Mill"})],
    )
    _, discovery = by_hand(PLAID.discover(), told)
    assert discovery.institution == Institution("ins_1", "Mill")
    asked = {"institution_id": "ins_1", "country_codes": ["US"]}
    assert told.asked[-1] == ("institutions/get_by_id", asked)
    told = Answers(accounts__get=[accounts(ACCOUNT, institution_id=None, institution_name=None)])
    assert by_hand(PLAID.discover(), told)[1].institution == Institution("plaid", "Plaid")


def test_institutions_are_found_by_their_names() -> None:
    """By words within a country, or the first of all; an answer that refuses us says so."""
    listed = body(institutions=[{"institution_id": "ins_1", "name": "Mill Bank"}])
    told = Answers(institutions__search=[listed], institutions__get=[listed])
    for words, country in (("mill", "CA"), ("", "")):
        assert by_hand(PLAID.search(words, country), told)[1] == [Institution("ins_1", "Mill Bank")]
    (search, asked), (listing, _) = told.asked
    assert (search, listing) == ("institutions/search", "institutions/get")
    assert (asked["query"], asked["country_codes"]) == ("mill", ["CA"])
    refused = Response(400, {}, error("INVALID_INPUT", "INVALID_API_KEYS"))
    with pytest.raises(OAuthError):
        by_hand(PLAID.search("mill", ""), lambda _: refused)


def test_wrong_keys_are_mended_in_the_settings() -> None:
    """A sync whose keys Plaid refuses says what to check, for nothing else helps."""
    refused = Response(400, {}, error("INVALID_INPUT", "INVALID_API_KEYS"))
    assert "Check the client id, the secret" in PLAID.classify(refused).message


def test_keys_go_into_headers_and_the_token_into_the_body() -> None:
    """The token is nowhere before it is signed, and nowhere but at Plaid."""
    request = next(PLAID.discover())
    assert request.headers["PLAID-CLIENT-ID"] == "me"
    assert request.headers["PLAID-SECRET"] == CANARY
    assert request.headers["Plaid-Version"] == "2020-09-14"
    signed = PLAID.sign(request, Credentials(Secret("access-1")))
    assert signed.body == b'{"access_token":"access-1"}'
    assert "access-1" not in f"{signed.url} {signed.headers}"
    assert CANARY not in f"{PLAID!r} {request!r}"
    for elsewhere in ("https://plaid.example/x", f"{PRODUCTION}.example/x"):
        with pytest.raises(ContractBroken):
            PLAID.sign(replace(request, url=elsewhere), Credentials(Secret("access-1")))


LOGIN, REVOKED, EXPIRED = (
    ConsentState.LOGIN_REQUIRED,
    ConsentState.REVOKED,
    ConsentState.EXPIRED,
)
KINDS = VerdictKind


@pytest.mark.parametrize(
    ("status", "told", "kind", "consent"),
    [
        (400, error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED"), KINDS.CONSENT, LOGIN),
        (400, error("ITEM_ERROR", "ITEM_LOCKED"), KINDS.CONSENT, LOGIN),
        (400, error("ITEM_ERROR", "ACCESS_NOT_GRANTED"), KINDS.CONSENT, LOGIN),
        (400, error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED", error_code_reason="OAUTH_CONSENT_EXPIRED"),
         KINDS.CONSENT, EXPIRED),
        (400, error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED", error_code_reason="OAUTH_USER_REVOKED"),
         KINDS.CONSENT, REVOKED),
        (400, error("ITEM_ERROR", "USER_PERMISSION_REVOKED"), KINDS.CONSENT, REVOKED),
        (400, error("ITEM_ERROR", "ITEM_NOT_FOUND"), KINDS.CONSENT, REVOKED),
        (400, error("INVALID_INPUT", "INVALID_ACCESS_TOKEN"), KINDS.CONSENT, REVOKED),
        (400, error("ITEM_ERROR", "PRODUCT_NOT_READY"), KINDS.NOT_READY, None),
        (400, error("ITEM_ERROR", "PRODUCTS_NOT_SUPPORTED"), KINDS.CONTRACT, None),
        (400, error("TRANSACTIONS_ERROR", "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"),
         KINDS.RESTART, None),
        (400, body(error_type="INVALID_REQUEST", error_code="INVALID_FIELD",
                   error_message="cursor not associated with access_token"),
         KINDS.CURSOR_LOST, None),
        (400, error("INVALID_REQUEST", "INVALID_FIELD"), KINDS.CONTRACT, None),
        (429, error("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT"), KINDS.THROTTLED, None),
        (400, error("RATE_LIMIT_EXCEEDED", "RATE_LIMIT"), KINDS.THROTTLED, None),
        (400, error("INSTITUTION_ERROR", "INSTITUTION_DOWN"), KINDS.TRANSIENT, None),
        (400, error("INSTITUTION_ERROR", "INSTITUTION_NO_LONGER_SUPPORTED"), KINDS.CONTRACT, None),
        (500, error("API_ERROR", "INTERNAL_SERVER_ERROR"), KINDS.TRANSIENT, None),
        (503, b"<html>", KINDS.TRANSIENT, None),
        (400, error("INVALID_INPUT", "INVALID_API_KEYS"), KINDS.CONTRACT, None),
        (401, error("INVALID_INPUT", "INVALID_API_KEYS"), KINDS.CONTRACT, None),
        (401, b"", KINDS.UNAUTHORIZED, None),
        (400, error("NEW_ERROR", "NEVER_HEARD_OF"), KINDS.CONTRACT, None),
        (404, b"<html>", KINDS.CONTRACT, None),
    ],
    ids=range(24),
)  # fmt: skip
def test_what_errors_mean(
    status: int, told: bytes, kind: VerdictKind, consent: ConsentState | None
) -> None:
    """sync.md 21, 26: the code says it, the status only where there is none that we know."""
    verdict = PLAID.classify(Response(status, {}, told))
    assert (verdict.kind, verdict.consent) == (kind, consent)


def test_a_strangers_words_are_not_ours() -> None:
    """An error's code is shown only if it looks like one."""
    verdict = PLAID.classify(Response(400, {}, error("ITEM_ERROR", "<script>alert(1)</script>")))
    assert "<" not in verdict.message


def test_trouble_of_the_item_inside_a_good_answer() -> None:
    """Plaid goes on answering for an Item that needs its person: the Item says so."""
    login = {"error_type": "ITEM_ERROR", "error_code": "ITEM_LOGIN_REQUIRED"}
    verdict = PLAID.classify(Response(200, {}, accounts(ACCOUNT, error=login)))
    assert (verdict.kind, verdict.consent) == (VerdictKind.CONSENT, LOGIN)
    down = {"error_type": "INSTITUTION_ERROR", "error_code": "INSTITUTION_DOWN"}
    verdict = PLAID.classify(Response(200, {}, accounts(ACCOUNT, error=down)))
    assert (verdict.kind, verdict.consent) == (VerdictKind.OK, None)


@pytest.mark.parametrize(("days", "warned"), [(13, True), (15, False), (-1, True)])
def test_a_consent_that_ends_soon_is_told_ahead(days: int, *, warned: bool) -> None:
    """sync.md 26: a week ahead, as Plaid's own webhook does."""
    ends = (NOON + timedelta(days=days)).astimezone(UTC).isoformat()
    told = accounts(ACCOUNT, consent_expiration_time=ends)
    verdict = PLAID.classify(Response(200, {}, told))
    assert verdict.kind is VerdictKind.OK
    assert (verdict.consent is ConsentState.EXPIRING) == warned


def test_a_row_out_of_the_quarantine_is_read_by_what_it_is() -> None:
    """A row that stands, or a removal, which says no more than who it is."""
    assert isinstance(PLAID.remap(STREAM, msgspec.json.encode(ROW)), TransactionSeen)
    gone = PLAID.remap(STREAM, msgspec.json.encode(GONE))
    assert gone == Removal("acc-1", "p-9aXkTqR4v")
    for bad in (msgspec.json.encode(row(amount=None)), b"[]", b'"x"', b"{"):
        with pytest.raises(ContractBroken):
            PLAID.remap(STREAM, bad)


def test_it_declares_what_plaid_documents() -> None:
    """Posted rows name their pending ones, removals are told, and every endpoint has its limits."""
    assert PLAID.pending_rule is PendingRule.LINKED
    assert PLAID.sends_removals
    assert PLAID.absence is Absence.REMOVED
    limits = {(one.endpoint, one.scope): one.calls for one in PLAID.budgets}
    assert limits["transactions/sync", Scope.CONNECTION] == 50
    assert limits["transactions/sync", Scope.APP] == 2_500
    assert limits["accounts/get", Scope.CONNECTION] == 15


def test_settings() -> None:
    """Without keys it is not ready; countries and zone are checked at once."""
    plain = build({})["plaid"]
    assert plain.missing_settings == ("plaid_client_id", "plaid_secret")
    keys = {"plaid_client_id": Secret("me"), "plaid_secret": Secret(CANARY)}
    made = build({**keys, "plaid_countries": Secret("us, ca"), "plaid_zone": Secret("UTC")})
    plaid = made["plaid"]
    assert isinstance(plaid, Plaid)
    assert (plaid.countries, plaid.zone.key, plaid.missing_settings) == (("US", "CA"), "UTC", ())
    assert plaid.app.base_url == PRODUCTION
    for wrong in ({"plaid_countries": "USA"}, {"plaid_zone": "Nowhere"}, {"plaid_zone": "../x"}):
        with pytest.raises(InvalidInput):
            build({**keys, **{name: Secret(text) for name, text in wrong.items()}})


def test_deltas_over_the_face() -> None:
    """Pages of three rows; what settled, was taken back or came back is all that comes then."""

    async def story() -> None:
        async with visiting(transactions=20) as visitor:
            made = connector_at("plaid", visitor.bank.url)
            assert isinstance(made, Plaid)
            connector = replace(made, page_size=3)
            credentials = await link(connector, visitor.bank, visitor.http)
            driver, ledger = Driver(connector, visitor.http, credentials), Ledger()
            world = visitor.bank.world
            ((_, first),) = await driver.update(ledger)
            assert len([step for step in first if isinstance(step, Page)]) == 7
            held = world.hold("card", -world.history.row(0).amount, "Ferry")
            taken = world.remove("tx-ada-00000003")
            await driver.update(ledger)
            posted = world.settle(held.external_id)
            world.revive(taken.external_id)
            ((_, last),) = await driver.update(ledger)
            rows = [one for step in last if isinstance(step, Page) for one in step.upserts]
            assert {one.external_id for one in rows} == {posted.external_id, taken.external_id}
            assert {row.external_id for row in world.live()} == {key[1] for key in ledger.rows}

    asyncio.run(story())
