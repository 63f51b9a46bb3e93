"""The sandbox connector, on answers written by hand: what each field becomes."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from penstock.connectors.sandbox import Sandbox
from penstock.connectors.sandbox_wire import parse_accounts, parse_balances, parse_page
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.consent import ConsentState
from penstock.domain.errors import ContractBroken
from penstock.domain.link_plan import ClientAuth, OAuthPlan, Rotation
from penstock.domain.protocol import PendingRule, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.transaction import Removal, Status, TransactionSeen
from penstock.domain.update import Balances, Page, Stream
from tests.connectors.driving import by_hand

BANK = Sandbox("http://127.0.0.1:1")
STREAM = Stream("transactions", ("a",))
ROW: dict[str, Any] = {
    "id": "t1",
    "account_id": "a",
    "status": "posted",
    "amount": "-12.5",
    "currency": "EUR",
    "description": "Café",
    "booked_on": "2026-11-20",
    "value_on": "2026-11-21",
    "authorized_on": "2026-11-19",
    "counterparty": "Café Zürich",
    "category": "eating out",
    "reference": "r-1",
    "original_amount": "-2031",
    "original_currency": "JPY",
    "pending_id": "t0",
}


def page(*added: dict[str, Any], cursor: str = "c1", more: bool = False, **parts: Any) -> bytes:
    """Return a page of the delta as bytes."""
    content = {"added": added, "modified": [], "removed": [], "next_cursor": cursor, **parts}
    return msgspec.json.encode({**content, "has_more": more})


def test_every_field_of_a_row() -> None:
    """Amounts are exact and canonical in their currency, days are kept apart (sync.md 15, 16)."""
    (row,) = parse_page(page(ROW)).upserts
    assert row == TransactionSeen(
        account="a",
        external_id="t1",
        status=Status.POSTED,
        amount=Decimal("-12.50"),
        currency="EUR",
        booked_on=date(2026, 11, 20),
        value_on=date(2026, 11, 21),
        authorized_on=date(2026, 11, 19),
        description="Café",
        counterparty="Café Zürich",
        category="eating out",
        reference="r-1",
        original_amount=Decimal(-2031),
        original_currency="JPY",
        pending_external_id="t0",
    )
    assert isinstance(row, TransactionSeen)
    assert str(row.amount) == "-12.50"


def test_what_is_left_out_is_none() -> None:
    """A pending row needs no day of booking; optional fields default to nothing."""
    names = ("id", "account_id", "amount", "currency", "description")
    bare = {name: ROW[name] for name in names} | {"status": "pending"}
    (row,) = parse_page(page(bare)).upserts
    assert row[5:8] == (None, None, None)
    assert row[9:] == (None,) * 6


def test_added_and_modified_are_upserts_and_removed_comes_after() -> None:
    """sync.md 7, 9: one list of upserts, then the removals, and where to go on."""
    body = page(
        ROW, cursor="c2", more=True, modified=[{**ROW, "id": "t2"}],
        removed=[{"account_id": "a", "id": "t3"}],
    )  # fmt: skip
    assert parse_page(body) == Page(
        upserts=[*parse_page(page(ROW)).upserts, *parse_page(page({**ROW, "id": "t2"})).upserts],
        removed=[Removal("a", "t3")],
        next_cursor="c2",
        more=True,
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": "1,50"}, "amount"),
        ({"amount": 12.5}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"original_amount": "1e3"}, "amount"),
        ({"original_currency": None}, "original_currency"),
        ({"status": "maybe"}, "status"),
        ({"booked_on": "2026-02-30"}, "booked_on"),
        ({"booked_on": None}, "booked_on"),
        ({"currency": None}, "currency"),
        ({"account_id": 7}, "account_id"),
    ],
    ids=range(10),
)
def test_a_row_that_cannot_be_mapped_is_named(change: dict[str, Any], field: str) -> None:
    """sync.md 8: it goes along whole, with what is wrong; the other rows are mapped."""
    found = parse_page(page({**ROW, "id": "fine"}, {**ROW, "id": "culprit", **change}))
    (bad,) = found.unmapped
    assert [row.external_id for row in found.upserts] == ["fine"]
    assert (bad.external_id, msgspec.json.decode(bad.raw)) == (
        "culprit",
        {**ROW, "id": "culprit", **change},
    )
    assert field in bad.reason
    with pytest.raises(ContractBroken):
        BANK.remap(Stream("transactions", ("a",)), bad.raw)


@pytest.mark.parametrize("name", ["", "0", " ", None], ids=["empty", "zero", "space", "null"])
def test_a_row_without_a_usable_id_is_refused(name: str | None) -> None:
    """sync.md 13: a placeholder is no id, in a row and in a removal."""
    found = parse_page(page({**ROW, "id": name}, removed=[{"account_id": "a", "id": name}]))
    assert not found.upserts
    assert not found.removed
    assert [(bad.account, bad.external_id) for bad in found.unmapped] == [("a", None)] * 2


def test_a_row_that_can_be_mapped_by_now_is() -> None:
    """sync.md 8: what was kept in quarantine is mapped by itself, a removal too."""
    stream = Stream("transactions", ("a",))
    assert [BANK.remap(stream, msgspec.json.encode(ROW))] == parse_page(page(ROW)).upserts
    gone = msgspec.json.encode({"account_id": "a", "id": "t3"})
    assert BANK.remap(stream, gone) == Removal("a", "t3")


@pytest.mark.parametrize("field", ["amount", "status", "description"])
def test_a_row_that_lacks_a_field_is_no_removal(field: str) -> None:
    """sync.md 8: what names its row and says more of it does not take it away."""
    raw = msgspec.json.encode({name: value for name, value in ROW.items() if name != field})
    with pytest.raises(ContractBroken):
        BANK.remap(Stream("transactions", ("a",)), raw)


def test_balances_and_their_days() -> None:
    """sync.md 17: each balance has its instant and the bank's day, the opening one its own."""
    body = msgspec.json.encode(
        {
            "balances": [
                {
                    "account_id": "card",
                    "currency": "EUR",
                    "as_of": "2026-11-19T23:30:00Z",
                    "as_of_on": "2026-11-20",
                    "current": "-250.1",
                    "available": "1749.90",
                    "limit": "2000",
                    "opening": {
                        "amount": "0",
                        "as_of": "2026-01-01T00:00:00+01:00",
                        "as_of_on": "2026-01-01",
                    },
                }
            ]
        }
    )
    current, available, limit, opening = parse_balances(body)
    at, day = datetime(2026, 11, 19, 23, 30, tzinfo=UTC), date(2026, 11, 20)
    assert current == BalanceSeen("card", BalanceKind.CURRENT, Decimal("-250.10"), "EUR", at, day)
    assert (available.kind, limit.kind) == (BalanceKind.AVAILABLE, BalanceKind.LIMIT)
    assert str(limit.amount) == "2000.00"
    assert (opening.kind, opening.as_of_on) == (BalanceKind.OPENING, date(2026, 1, 1))
    with pytest.raises(ContractBroken, match="offset"):
        parse_balances(body.replace(b"23:30:00Z", b"23:30:00"))
    with pytest.raises(ContractBroken, match="card"):
        parse_balances(body.replace(b'"-250.1"', b'"1e9"'))


def test_accounts() -> None:
    """An account keeps what a renewed consent would know it by."""
    body = msgspec.json.encode(
        {
            "institution": {"id": "i", "name": "Bank"},
            "holder": {"id": "x"},
            "accounts": [
                {"id": "a", "name": "Card", "type": "credit_card", "currency": "EUR",
                 "mask": "4134", "iban": "XB00"}
            ],
        }
    )  # fmt: skip
    discovery = parse_accounts(body)
    assert discovery.institution.name == "Bank"
    assert list(discovery.accounts) == [
        AccountSeen("a", "Card", AccountType.CREDIT_CARD, "EUR", "4134", "XB00")
    ]
    assert BANK.streams(discovery) == (STREAM,)


def test_the_whole_of_an_update() -> None:
    """Pages from the cursor on; the balances are there before the last page is handed over."""
    bodies = {
        "": page(ROW, cursor="c1", more=True),
        "c1": page(cursor="c2"),
    }
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.url.removeprefix("http://127.0.0.1:1/v1/"))
        if "balances" in request.url:
            return Response(200, {}, b'{"balances":[]}')
        return Response(200, {}, bodies[request.url.partition("cursor=")[2]])

    found, _ = by_hand(BANK.pull(STREAM, None), answer)
    assert asked == ["transactions", "transactions?cursor=c1", "balances"]
    assert [type(step) for step in found] == [Page, Balances, Page]


def test_an_empty_cursor_is_handed_over_as_it_is() -> None:
    """sync.md 1: the bank is not ready: one page with an empty cursor, and no balances."""
    body = page(cursor="")
    found, _ = by_hand(BANK.pull(STREAM, None), lambda _: Response(200, {}, body))
    assert found == [Page([], [], "", more=False)]


def test_cursors_and_page_sizes_are_encoded() -> None:
    """A cursor is opaque: whatever it holds arrives as it was."""
    bank = Sandbox("http://127.0.0.1:1", page_size=500)
    request = next(bank.pull(STREAM, "a&b=c /+#"))
    assert isinstance(request, Request)
    assert request.url.endswith("/v1/transactions?cursor=a%26b%3Dc+%2F%2B%23&limit=500")


@pytest.mark.parametrize(
    ("status", "code", "kind", "state"),
    [
        (200, "", VerdictKind.OK, None),
        (400, "mutation_during_pagination", VerdictKind.RESTART, None),
        (400, "cursor_not_associated", VerdictKind.CURSOR_LOST, None),
        (400, "invalid_request", VerdictKind.CONTRACT, None),
        (401, "invalid_token", VerdictKind.UNAUTHORIZED, None),
        (401, "login_required", VerdictKind.CONSENT, ConsentState.LOGIN_REQUIRED),
        (403, "consent_required", VerdictKind.CONSENT, ConsentState.LOGIN_REQUIRED),
        (403, "consent_expired", VerdictKind.CONSENT, ConsentState.EXPIRED),
        (403, "consent_revoked", VerdictKind.CONSENT, ConsentState.REVOKED),
        (403, "something else", VerdictKind.CONTRACT, None),
        (404, "", VerdictKind.CONTRACT, None),
        (302, "", VerdictKind.CONTRACT, None),
        (408, "", VerdictKind.TRANSIENT, None),
        (429, "rate_limited", VerdictKind.THROTTLED, None),
        (500, "server_error", VerdictKind.TRANSIENT, None),
        (503, "mutation_during_pagination", VerdictKind.TRANSIENT, None),
    ],
)
def test_what_answers_mean(
    status: int, code: str, kind: VerdictKind, state: ConsentState | None
) -> None:
    """sync.md 21: an outcome is a value, told by the status and the code in the body."""
    body = msgspec.json.encode({"error": {"code": code, "message": "x"}})
    verdict = BANK.classify(Response(status, {}, body))
    assert (verdict.kind, verdict.consent) == (kind, state)


def test_a_consent_that_ends_soon_is_noticed() -> None:
    """sync.md 26: a good answer can say that the consent is about to end."""
    verdict = BANK.classify(Response(200, {"consent-state": "expiring"}, b"{}"))
    assert (verdict.kind, verdict.consent) == (VerdictKind.OK, ConsentState.EXPIRING)
    assert BANK.classify(Response(200, {"consent-state": "active"}, b"{}")).consent is None


def test_how_to_link() -> None:
    """PKCE, `iss` demanded, a public client, and the scenario handed on where one is chosen."""
    bank = Sandbox("http://127.0.0.1:1", scenario="flaky", rotation=Rotation.GRACE)
    (plan,) = bank.link_plans
    assert isinstance(plan, OAuthPlan)
    assert plan.pkce
    assert plan.iss_required
    assert plan.client_auth is ClientAuth.NONE
    assert (plan.issuer, plan.parameters) == ("http://127.0.0.1:1", {"scenario": "flaky"})
    assert plan.rotation is Rotation.GRACE
    assert bank.pending_rule is PendingRule.LINKED
    assert Sandbox("").missing_settings == ("sandbox_url",)


@pytest.mark.parametrize("currency", ["NaN", "", "eur", "EUR ", "E" * 13, "null"])
def test_an_account_in_no_currency_is_refused(currency: str) -> None:
    """sync.md 15: what a garbled answer calls a currency is never stored as one."""
    account = {"id": "a", "name": "Main", "type": "checking", "currency": currency}
    body = {"institution": {"id": "b", "name": "Bank"}, "accounts": [account]}
    with pytest.raises(ContractBroken):
        parse_accounts(msgspec.json.encode(body))
