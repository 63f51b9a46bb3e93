"""The world as Starling Bank would tell it (v2 reference, https://developer.starlingbank.com).

    GET /starling/api/v2/accounts
    GET /starling/api/v2/accounts/{account}/identifiers
    GET /starling/api/v2/accounts/{account}/balance
    GET /starling/api/v2/account/{account}/spaces
    GET /starling/api/v2/account/{account}/savings-goals
    GET /starling/api/v2/feed/account/{account}/category/{category}?changesSince=…

and the authorization server at /starling/oauth/authorize and /starling/oauth/access-token.

What Starling's protocol cannot say is left out: credit cards and wallets, opening balances, value
days, an id of its own for a row that settled. Savings are spaces of the first account.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime

import msgspec
from aiohttp import web

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import BANK, Refusal, Reply, refuse_dead
from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.own_oauth import OAuthFace
from penstock.sandbox.faces.resource import resource
from penstock.sandbox.faces.starling_feed import feed_items, money, uid
from penstock.sandbox.faults import Place
from penstock.sandbox.plan import AccountPlan
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World

PREFIX = "/starling"
Describe = Callable[[World, web.Request], object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _routes(bank: Bank) -> list[web.RouteDef]:
    """Return every route that reads, and the authorization server."""
    oauth = OAuthFace(bank, pkce=False)
    accounts, account = "accounts/{account}", "account/{account}"
    described: dict[str, tuple[Place, Describe]] = {
        "accounts": (Place.ACCOUNTS, _accounts),
        f"{accounts}/identifiers": (Place.ACCOUNTS, _identifiers),
        f"{accounts}/balance": (Place.BALANCES, _balance),
        f"{account}/spaces": (Place.ACCOUNTS, _spaces),
        f"{account}/savings-goals": (Place.ACCOUNTS, _savings_goals),
        f"feed/{account}/category/{{category}}": (Place.TRANSACTIONS, _feed),
    }
    return [
        web.get(f"{PREFIX}/oauth/authorize", oauth.ask),
        web.post(f"{PREFIX}/oauth/authorize", oauth.decide),
        web.post(f"{PREFIX}/oauth/access-token", oauth.token),
        *(
            web.get(f"{PREFIX}/api/v2/{path}", _handler(place, describe))
            for path, (place, describe) in described.items()
        ),
    ]


def complain(status: int, code: str, message: str) -> bytes:
    """Write an error in this protocol's words."""
    if status in {401, 403}:
        return msgspec.json.encode({"error": code, "error_description": message})
    return msgspec.json.encode({"errors": [{"message": message}], "success": False})


def _handler(place: Place, describe: Describe) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        bank = request.app[BANK]

        def answer(grant: Grant) -> bytes:
            if describe is _feed and _is_first(bank, grant, request):
                bank.begin_update(grant)
                refuse_dead(bank, grant)
                grant.updates += 1
            return msgspec.json.encode(describe(bank.desk_of(grant).world, request))

        return await resource(request, Reply(place, answer, complain, headers=_date))

    return handle


def _is_first(bank: Bank, grant: Grant, request: web.Request) -> bool:
    """Tell whether this is the feed with which an update begins."""
    first = bank.desk_of(grant).world.accounts[0]
    return request.match_info["category"] == _own_category(first)


def _date(bank: Bank, grant: Grant) -> dict[str, str]:
    """Say as of when it is by the bank's own clock: a balance does not."""
    return {"Date": format_datetime(bank.desk_of(grant).world.now, usegmt=True)}


def _accounts(world: World, _request: web.Request) -> object:
    return {
        "accounts": [
            {
                "accountUid": uid(each.external_id),
                "accountType": "PRIMARY" if each is world.accounts[0] else "ADDITIONAL",
                "defaultCategory": _own_category(each),
                "currency": each.currency,
                "createdAt": f"{world.plan.first_day}T00:00:00.000Z",
                "name": each.name,
            }
            for each in _of_type(world, AccountType.CHECKING)
        ]
    }


def _identifiers(world: World, request: web.Request) -> object:
    account = _asked(world, request)
    return {
        "accountIdentifier": f"0000{account.mask}",
        "bankIdentifier": "608371",
        "iban": account.identity,
        "bic": "SRLGGB2L",
    }


def _balance(world: World, request: web.Request) -> object:
    account = _asked(world, request)
    stated = {each.kind: each.amount for each in world.balances_of(account)}
    cleared, effective = stated[BalanceKind.CURRENT], stated[BalanceKind.AVAILABLE]
    return {
        "clearedBalance": money(cleared, account.currency),
        "effectiveBalance": money(effective, account.currency),
        "pendingTransactions": money(effective - cleared, account.currency),
        "acceptedOverdraft": {"currency": account.currency, "minorUnits": 0},
        "amount": money(effective, account.currency),
    }


def _spaces(world: World, request: web.Request) -> object:
    return {"savingsGoals": _goals(world, request), "spendingSpaces": []}


def _savings_goals(world: World, request: web.Request) -> object:
    return {"savingsGoalList": _goals(world, request)}


def _goals(world: World, request: web.Request) -> list[object]:
    if _asked(world, request) is not world.accounts[0]:
        return []
    return [
        {
            "savingsGoalUid": uid(each.external_id),
            "name": each.name,
            "totalSaved": money(_current(world, each), each.currency),
            "sortOrder": 0,
            "state": "ACTIVE",
        }
        for each in _of_type(world, AccountType.SAVINGS)
    ]


def _feed(world: World, request: web.Request) -> object:
    account = _asked(world, request)
    category = request.match_info["category"]
    places = {_own_category(account): account}
    if account is world.accounts[0]:
        places |= {uid(each.external_id): each for each in _of_type(world, AccountType.SAVINGS)}
    if category not in places:
        raise Refusal(404, "not_found", "There is no such category.")
    since = _since(request.query.get("changesSince", ""))
    items = feed_items(world, places[category].external_id, category, since)
    return {"feedItems": list(items)}


def _since(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, "bad_request", "changesSince is an instant.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _asked(world: World, request: web.Request) -> AccountPlan:
    for each in _of_type(world, AccountType.CHECKING):
        if uid(each.external_id) == request.match_info["account"]:
            return each
    raise Refusal(404, "not_found", "There is no such account.")


def _of_type(world: World, kind: AccountType) -> list[AccountPlan]:
    return [each for each in world.accounts if each.type is kind]


def _own_category(account: AccountPlan) -> str:
    return uid(f"{account.external_id}:own")


def _current(world: World, account: AccountPlan) -> Decimal:
    return next(
        each.amount for each in world.balances_of(account) if each.kind is BalanceKind.CURRENT
    )


def _pasted(bank: Bank, person: str, scenario: Scenario) -> str:
    return bank.authority.personal_token(person, scenario)


FACE = Face("starling", _routes, lambda url: {"url": f"{url}{PREFIX}"}, _pasted)
