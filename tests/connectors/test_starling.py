"""The Starling connector, on the bank's own sample answers and on answers written by hand."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from penstock.connectors.answer import answered_at
from penstock.connectors.starling import SCOPES, Starling
from penstock.connectors.starling_accounts import (
    parse_accounts,
    parse_balance,
    parse_identifiers,
    parse_spaces,
)
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import ContractBroken
from penstock.domain.link_plan import ClientAuth, OAuthPlan, Rotation, TokenPlan
from penstock.domain.protocol import PendingRule, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.update import Balances, Page, Stream
from tests.connectors.driving import by_hand
from tests.connectors.starling_samples import DATE, ITEM, PLACE, feed, sample

BANK = Starling()


def test_official_account_samples() -> None:
    """Account and identifiers give one account with its last digits and its IBAN."""
    (account,) = parse_accounts(sample("v2-get-accounts"))
    seen = parse_identifiers(sample("v2-get-account-identifiers"), account)
    uid, category = "b0b20c9d-3b6b-42f1-a7d0-e70d4538e0d9", "cc2d03f9-9438-4c7b-a426-ba3199740d73"
    assert seen.external_id == f"{uid}/{category}"
    assert (seen.type, seen.currency, seen.mask) == (AccountType.CHECKING, "GBP", "4567")
    assert seen.identity == "GB63SRLG60837101234567"


def test_official_balance_sample() -> None:
    """Cleared leaves pending out and is current; effective is available; the overdraft a limit."""
    balances = parse_balance(sample("v2-get-account-balance"), DATE, PLACE)
    assert [(each.kind, str(each.amount)) for each in balances] == [
        (BalanceKind.CURRENT, "11.11"),
        (BalanceKind.AVAILABLE, "22.22"),
        (BalanceKind.LIMIT, "44.44"),
    ]
    assert {each.as_of for each in balances} == {datetime(2026, 11, 20, 12, tzinfo=UTC)}


def test_official_savings_goal_samples() -> None:
    """The older list of goals reads like the newer list of spaces."""
    goals = parse_spaces(sample("v2-get-savings-goals"))
    assert [(goal.name, goal.balance.minor_units) for goal in goals] == [
        ("Trip to Paris", 11_223_344),
        ("Bike maintenance", 6_798),
    ]
    feed_item = msgspec.json.decode(sample("v2-get-feed-items"))["feedItems"][1]
    assert feed_item["counterPartyUid"] == goals[0].uid, "a space is a category"


def answers(items: bytes) -> dict[str, bytes]:
    """Return an answer for each path of an account with one space."""
    spaces = {
        "savingsGoals": [
            {"savingsGoalUid": "goal", "name": "Trip",
             "totalSaved": {"currency": "GBP", "minorUnits": 100}}
        ],
        "spendingSpaces": [
            {"spaceUid": "bills", "name": "Bills",
             "balance": {"currency": "GBP", "minorUnits": 200}}
        ],
    }  # fmt: skip
    money = {"currency": "GBP", "minorUnits": -150}
    return {
        "accounts": msgspec.json.encode(
            {"accounts": [{"accountUid": "acc", "defaultCategory": "cat", "currency": "GBP"}]}
        ),
        "accounts/acc/identifiers": b'{"accountIdentifier":"01234567","iban":"GB63"}',
        "account/acc/spaces": msgspec.json.encode(spaces),
        "accounts/acc/balance": msgspec.json.encode(
            {"clearedBalance": money, "effectiveBalance": money}
        ),
        "feed/account/acc/category/cat": items,
        "feed/account/acc/category/goal": items,
        "feed/account/acc/category/bills": items,
    }


def answering(bodies: dict[str, bytes], asked: list[str]) -> Any:
    """Return a function that answers requests from a table of paths."""

    def answer(request: Request) -> Response:
        path = request.url.removeprefix("https://api.starlingbank.com/api/v2/")
        asked.append(path)
        return Response(200, DATE, bodies[path.partition("?")[0]])

    return answer


def test_spaces_are_sub_accounts_with_streams_of_their_own() -> None:
    """Each category has its feed, its cursor and its balance; a space names its account."""
    asked: list[str] = []
    bodies = answers(feed(ITEM))
    _, discovery = by_hand(BANK.discover(), answering(bodies, asked))
    assert [(each.external_id, each.parent) for each in discovery.accounts] == [
        ("acc/cat", None),
        ("acc/goal", "acc/cat"),
        ("acc/bills", "acc/cat"),
    ]
    streams = BANK.streams(discovery)
    assert [stream.accounts for stream in streams] == [("acc/cat",), ("acc/goal",), ("acc/bills",)]
    told = {}
    for stream in streams:
        found, _ = by_hand(BANK.pull(stream, None), answering(bodies, asked))
        balances, page = found
        assert isinstance(balances, Balances)
        assert isinstance(page, Page)
        assert {row.account for row in page.upserts} == set(stream.accounts)
        told[stream.accounts[0]] = str(balances.balances[0].amount)
    assert told == {"acc/cat": "-1.50", "acc/goal": "1.00", "acc/bills": "2.00"}


def test_the_watermark_is_the_newest_update_seen() -> None:
    """The cursor is an instant from the data; an hour is read again; it never goes back."""
    stream = Stream(PLACE, (PLACE,))
    asked: list[str] = []
    bodies = answers(feed(ITEM))
    found, _ = by_hand(BANK.pull(stream, None), answering(bodies, asked))
    assert asked[0].endswith("changesSince=2014-01-01T00%3A00%3A00.000Z")
    assert isinstance(found[-1], Page)
    cursor = found[-1].next_cursor
    assert cursor == "2026-07-01T22:37:51.094Z"
    asked.clear()
    found, _ = by_hand(BANK.pull(stream, cursor), answering(answers(feed()), asked))
    assert asked[0].endswith("changesSince=2026-07-01T21%3A37%3A51.094Z")
    assert isinstance(found[-1], Page)
    assert found[-1].next_cursor == cursor


def test_nothing_seen_leaves_the_cursor_alone() -> None:
    """sync.md 1: an empty feed, read from nothing, gives no cursor to store."""
    found, _ = by_hand(BANK.pull(Stream(PLACE, (PLACE,)), None), answering(answers(feed()), []))
    assert found[-1] == Page([], [], None, more=False)


@pytest.mark.parametrize("cursor", ["", "soon", "2026-07-01T22:37:51"])
def test_a_cursor_that_is_no_instant_is_refused(cursor: str) -> None:
    """A damaged watermark is an error, not a fresh start in silence."""
    with pytest.raises(ContractBroken):
        next(BANK.pull(Stream(PLACE, (PLACE,)), cursor))


def test_an_answer_without_a_date_is_refused() -> None:
    """A balance says not as of when it is; the answer's own date does (RFC 9110)."""
    assert answered_at({"date": "Fri, 20 Nov 2026 12:00:00 GMT"}, "balance").tzinfo is UTC
    for headers in ({}, {"date": "now"}, {"date": "Fri, 99 Nov 2026 12:00:00 GMT"}):
        with pytest.raises(ContractBroken):
            answered_at(headers, "balance")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"{}", VerdictKind.OK),
        (401, b"", VerdictKind.UNAUTHORIZED),
        (403, b'{"error":"invalid_token"}', VerdictKind.UNAUTHORIZED),
        (403, b"<html>", VerdictKind.UNAUTHORIZED),
        (403, b'{"error":"insufficient_scope"}', VerdictKind.CONSENT),
        (404, b"", VerdictKind.CONTRACT),
        (429, b"", VerdictKind.THROTTLED),
        (502, b"", VerdictKind.TRANSIENT),
    ],
    ids=range(8),
)
def test_what_answers_mean(status: int, body: bytes, kind: VerdictKind) -> None:
    """403 is an old token, unless it says that a scope is missing."""
    assert BANK.classify(Response(status, {}, body)).kind is kind


def test_how_to_link() -> None:
    """A personal token always; OAuth where this installation is registered."""
    (token,) = BANK.link_plans
    assert isinstance(token, TokenPlan)
    assert all(scope in token.where for scope in SCOPES)
    assert BANK.missing_settings == ()
    registered = Starling(client_id="me", client_secret=Secret("canary"))
    _, oauth = registered.link_plans
    assert isinstance(oauth, OAuthPlan)
    assert oauth.client_auth is ClientAuth.POST
    assert not oauth.pkce
    assert oauth.rotation is Rotation.GRACE
    assert oauth.token_url == "https://token-api.starlingbank.com/oauth/access-token"
    assert "canary" not in repr(registered)
    face = Starling("http://127.0.0.1:1/starling", client_id="me").link_plans[1]
    assert isinstance(face, OAuthPlan)
    assert face.token_url == "http://127.0.0.1:1/starling/oauth/access-token"
    assert BANK.pending_rule is PendingRule.SAME_ID
