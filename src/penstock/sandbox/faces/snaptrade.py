"""The world as SnapTrade would tell it (https://docs.snaptrade.com, its OpenAPI file version 1).

    GET /snaptrade/accounts
    GET /snaptrade/accounts/{account}
    GET /snaptrade/accounts/{account}/activities?offset=…&limit=…&startDate=…&endDate=…
    GET /snaptrade/accounts/{account}/balances
    GET /snaptrade/accounts/{account}/positions/all
    GET /snaptrade/authorizations
    GET /snaptrade/authorizations/{connection}
    GET /snaptrade/brokerages

who may ask (snaptrade_oauth.py), and webhooks (snaptrade_webhooks.py). All accounts are at one
broker, through one connection, which is disabled where the person has to sign in again: what is
known of it goes on being told. In the scenario `mutation` rows come and go between two pages.

What SnapTrade's protocol cannot say is left out: pending rows, opening balances, credit lines, what
was paid abroad, the day of a purchase beside that of its booking.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import date

from aiohttp import web

from penstock.domain.consent import ConsentState
from penstock.sandbox import steps
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import SNAPTRADE_SECRET, Bank
from penstock.sandbox.faces import snaptrade_shapes as shapes
from penstock.sandbox.faces.answers import Refusal, Reply
from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.resource import resource
from penstock.sandbox.faces.snaptrade_limits import Limits
from penstock.sandbox.faces.snaptrade_oauth import (
    ENDED,
    PREFIX,
    SnapTradeOAuth,
    admit,
    consumer_key,
    is_signed,
)
from penstock.sandbox.faces.snaptrade_webhooks import CONSUMER_KEY, WebhookFace
from penstock.sandbox.faults import Place
from penstock.sandbox.plan import ZONE, AccountPlan
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World

CLIENT_ID = "penstock-snaptrade"
MOST_ROWS = 1000

Describe = Callable[[World, Grant, web.Request], object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _routes(bank: Bank) -> list[web.RouteDef]:
    limits: defaultdict[str, Limits] = defaultdict(Limits)
    of = "accounts/{account}"
    described: dict[str, tuple[Place, Describe]] = {
        "accounts": (Place.ACCOUNTS, _accounts),
        of: (Place.ACCOUNTS, _account),
        f"{of}/activities": (Place.TRANSACTIONS, _activities),
        f"{of}/balances": (Place.BALANCES, _balances),
        f"{of}/positions/all": (Place.HOLDINGS, _positions),
        "authorizations": (Place.ACCOUNTS, _connections),
        "authorizations/{connection}": (Place.ACCOUNTS, _connection),
        "brokerages": (Place.ANY, _brokers),
    }
    return [
        *SnapTradeOAuth(bank).routes(),
        *WebhookFace(bank).routes(),
        *(
            web.get(f"{PREFIX}/{path}", _handler(bank, limits, place, describe))
            for path, (place, describe) in described.items()
        ),
    ]


def _handler(bank: Bank, limits: Mapping[str, Limits], place: Place, describe: Describe) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        account = request.match_info.get("account", "")
        counted = limits[request.query.get("clientId", "")] if is_signed(request) else None

        def admitted(bank: Bank, request: web.Request) -> Grant:
            grant = admit(bank, request)
            if counted is not None:
                counted.spend(account, bank.options.clock())
            return grant

        def answer(grant: Grant) -> bytes:
            if describe is _activities:
                _move(bank, grant, request)
            return shapes.encode(describe(bank.desk_of(grant).world, grant, request))

        reply = Reply(
            place, answer, shapes.complain, headers=lambda _bank, _grant: {}, admit=admitted
        )
        response = await resource(request, reply)
        if counted is not None and not response.prepared:
            response.headers.update(counted.headers(account, bank.options.clock()))
        return response

    return handle


def _move(bank: Bank, grant: Grant, request: web.Request) -> None:
    """Let happen what happens as an update begins, or between two of its pages."""
    world = bank.desk_of(grant).world
    if _number(request, "offset", 0):
        if grant.scenario is Scenario.MUTATION and not grant.faults:
            grant.faults += 1
            steps.shifting(world)
    elif request.match_info["account"] == shapes.uid(world.accounts[0].external_id):
        bank.begin_update(grant)
        _refuse_ended(bank, grant)
        grant.updates += 1


def _refuse_ended(bank: Bank, grant: Grant) -> None:
    if bank.authority.state(grant) in ENDED:
        raise Refusal(401, "invalid_token", "The access token is no longer good.")


def _accounts(world: World, _grant: Grant, _request: web.Request) -> object:
    return [shapes.account(world, each) for each in world.accounts]


def _account(world: World, _grant: Grant, request: web.Request) -> object:
    return shapes.account(world, _asked(world, request))


def _balances(world: World, _grant: Grant, request: web.Request) -> object:
    return shapes.balances(world, _asked(world, request))


def _positions(world: World, _grant: Grant, request: web.Request) -> object:
    return shapes.positions(world, _asked(world, request))


def _connections(world: World, grant: Grant, _request: web.Request) -> object:
    return [shapes.connection(world, disabled=_is_disabled(grant))]


def _connection(world: World, grant: Grant, request: web.Request) -> object:
    if request.match_info["connection"] != shapes.connection_id(world):
        raise Refusal(404, "not_found", "There is no such connection.")
    return shapes.connection(world, disabled=_is_disabled(grant))


def _is_disabled(grant: Grant) -> bool:
    return grant.state is ConsentState.LOGIN_REQUIRED


def _brokers(_world: World, _grant: Grant, _request: web.Request) -> object:
    return [shapes.broker()]


def _activities(world: World, _grant: Grant, request: web.Request) -> object:
    account = _asked(world, request)
    days = _day(request, "startDate", date.min), _day(request, "endDate", date.max)
    rows = shapes.newest_first(world, account.external_id, days)
    offset = _number(request, "offset", 0)
    limit = min(max(1, _number(request, "limit", MOST_ROWS)), MOST_ROWS)
    return {
        "data": list(shapes.activities(rows[offset : offset + limit])),
        "pagination": {"offset": offset, "limit": limit, "total": len(rows)},
    }


def _asked(world: World, request: web.Request) -> AccountPlan:
    for each in world.accounts:
        if shapes.uid(each.external_id) == request.match_info["account"]:
            return each
    raise Refusal(404, "not_found", "There is no such account.")


def _number(request: web.Request, name: str, usual: int) -> int:
    text = request.query.get(name, str(usual))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004  an int32
        raise Refusal(400, "invalid_request", f"{name} is a number.")
    return int(text)


def _day(request: web.Request, name: str, usual: date) -> date:
    try:
        return date.fromisoformat(request.query[name]) if name in request.query else usual
    except ValueError:
        raise Refusal(400, "invalid_request", f"{name} is a day.") from None


def _pasted(bank: Bank, person: str, scenario: Scenario) -> str:
    client_id = bank.authority.personal_token(person, scenario)
    return f"{client_id}:{consumer_key(client_id)}"


FACE = Face(
    "snaptrade",
    _routes,
    lambda url: {
        "url": f"{url}{PREFIX}",
        "client_id": CLIENT_ID,
        "client_secret": SNAPTRADE_SECRET,
        "consumer_key": CONSUMER_KEY,
        "zone": ZONE,
    },
    _pasted,
)
