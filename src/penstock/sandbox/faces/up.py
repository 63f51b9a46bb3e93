"""The world as Up would tell it (https://developer.up.com.au, API v1).

    GET /up/api/v1/util/ping
    GET /up/api/v1/accounts
    GET /up/api/v1/accounts/{account}
    GET /up/api/v1/accounts/{account}/transactions?filter[since]=…&filter[until]=…&page[size]=…

and webhooks (up_webhooks.py). A list has a `links.next` as long as there is more, whole, with a
`page[after]` that says after which row. A thousand requests an hour are answered, and each says
how many are left.

What Up's protocol cannot say is left out: credit cards and wallets, current and opening balances,
value days, an id of its own for a row that settled, and a word about what was taken back.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import Refusal, Reply, refuse_dead
from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.resource import resource
from penstock.sandbox.faces.up_feed import MELBOURNE, Told, money, newest_first, uid
from penstock.sandbox.faces.up_feed import resource as transaction
from penstock.sandbox.faces.up_webhooks import WebhookFace
from penstock.sandbox.faults import Place
from penstock.sandbox.plan import AccountPlan
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World

PREFIX = "/up/api/v1"
AN_HOUR = 1000
TYPES = {AccountType.CHECKING: "TRANSACTIONAL", AccountType.SAVINGS: "SAVER"}
TITLES = {
    400: "Bad Request",
    401: "Not Authorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Describe = Callable[[World, web.Request, Bank], object]


Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _After(msgspec.Struct, array_like=True):
    """Where a page ended."""

    created: Instant
    uid: str


def _routes(bank: Bank) -> list[web.RouteDef]:
    hours: Counter[tuple[int, str]] = Counter()
    described: dict[str, tuple[Place, Describe]] = {
        "util/ping": (Place.ANY, _ping),
        "accounts": (Place.ACCOUNTS, _accounts),
        "accounts/{account}": (Place.BALANCES, _account),
        "accounts/{account}/transactions": (Place.TRANSACTIONS, _transactions),
    }
    return [
        *(
            web.get(f"{PREFIX}/{path}", _handler(bank, place, describe, hours))
            for path, (place, describe) in described.items()
        ),
        *WebhookFace(bank, PREFIX, complain).routes(),
    ]


def complain(status: int, _code: str, message: str) -> bytes:
    """Write an error in this protocol's words."""
    title = TITLES.get(status, "Error")
    error = {"status": str(status), "title": title, "detail": message}
    return msgspec.json.encode({"errors": [error]})


def _handler(
    bank: Bank, place: Place, describe: Describe, hours: Counter[tuple[int, str]]
) -> Handler:
    def left(grant: Grant) -> int:
        return AN_HOUR - hours[grant.number, f"{bank.options.clock():%Y-%m-%dT%H}"]

    def headers(bank: Bank, grant: Grant) -> Mapping[str, str]:
        """Say what is left of the hour, and as of when it is by the bank's own clock."""
        now = bank.desk_of(grant).world.now
        date = format_datetime(now, usegmt=True)
        return {"Date": date, "X-RateLimit-Remaining": str(max(0, left(grant)))}

    async def handle(request: web.Request) -> web.StreamResponse:
        def answer(grant: Grant) -> bytes:
            hours[grant.number, f"{bank.options.clock():%Y-%m-%dT%H}"] += 1
            if left(grant) < 0:
                raise Refusal(429, "rate_limited", f"More than {AN_HOUR} requests in an hour.")
            if describe is _transactions and _begins_update(bank, grant, request):
                bank.begin_update(grant)
                refuse_dead(bank, grant)
                grant.updates += 1
            return msgspec.json.encode(describe(bank.desk_of(grant).world, request, bank))

        return await resource(request, Reply(place, answer, complain, headers=headers))

    return handle


def _begins_update(bank: Bank, grant: Grant, request: web.Request) -> bool:
    """Tell whether this is the list with which an update begins: the first account's first page."""
    first = bank.desk_of(grant).world.accounts[0]
    is_first = request.match_info["account"] == uid(first.external_id)
    return is_first and "page[after]" not in request.query


def _ping(world: World, _request: web.Request, _bank: Bank) -> object:
    return {"meta": {"id": uid(world.plan.person), "statusEmoji": "⚡️"}}


def _accounts(world: World, request: web.Request, bank: Bank) -> object:
    known = [each for each in world.accounts if each.type in TYPES]
    names = [uid(each.external_id) for each in known]
    after = request.query.get("page[after]", "")
    start = names.index(after) + 1 if after in names else 0
    size = _page_size(request, bank)
    page = known[start : start + size]
    more = start + size < len(known)
    link = _next(request, bank, uid(page[-1].external_id)) if more else None
    return {
        "data": [_described(world, each, bank) for each in page],
        "links": {"prev": None, "next": link},
    }


def _account(world: World, request: web.Request, bank: Bank) -> object:
    return {"data": _described(world, _asked(world, request), bank)}


def _described(world: World, account: AccountPlan, bank: Bank) -> object:
    stated = {each.kind: each.amount for each in world.balances_of(account)}
    here = f"{bank.url}{PREFIX}/accounts/{uid(account.external_id)}"
    opened = datetime.combine(world.plan.first_day, datetime.min.time(), MELBOURNE)
    return {
        "type": "accounts",
        "id": uid(account.external_id),
        "attributes": {
            "displayName": account.name,
            "accountType": TYPES[account.type],
            "ownershipType": "INDIVIDUAL",
            "balance": money(stated[BalanceKind.AVAILABLE], account.currency),
            "createdAt": opened.isoformat(),
        },
        "relationships": {"transactions": {"links": {"related": f"{here}/transactions"}}},
        "links": {"self": here},
    }


def _transactions(world: World, request: web.Request, bank: Bank) -> object:
    account = _asked(world, request)
    told = newest_first(world, account.external_id)
    since, until = (_instant(request, f"filter[{word}]") for word in ("since", "until"))
    told = [
        each
        for each in told
        if (since is None or each.created >= since) and (until is None or each.created <= until)
    ]
    if "page[after]" in request.query:
        after = _read(request.query["page[after]"])
        told = [each for each in told if each[:2] < (after.created, after.uid)]
    size = _page_size(request, bank)
    page, base, name = told[:size], f"{bank.url}{PREFIX}", uid(account.external_id)
    more = len(told) > size
    return {
        "data": [transaction(each, name, base) for each in page],
        "links": {"prev": None, "next": _next(request, bank, _write(page[-1])) if more else None},
    }


def _asked(world: World, request: web.Request) -> AccountPlan:
    for each in world.accounts:
        if each.type in TYPES and uid(each.external_id) == request.match_info["account"]:
            return each
    raise Refusal(404, "not_found", "There is no such account.")


def _page_size(request: web.Request, bank: Bank) -> int:
    """Return how many rows a page has: as many as were asked for, but not more than the bank's."""
    text = request.query.get("page[size]", str(bank.options.page_size))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 100):  # noqa: PLR2004  Up's
        raise Refusal(400, "bad_request", "page[size] is a number from 1 to 100.")
    return min(int(text), bank.options.page_size)


def _next(request: web.Request, bank: Bank, after: str) -> str:
    query = {**request.query, "page[after]": after}
    return f"{bank.url}{request.path}?{urlencode(query)}"


def _write(told: Told) -> str:
    return urlsafe_b64encode(msgspec.json.encode([told.created, told.uid])).decode()


def _read(text: str) -> _After:
    try:
        return msgspec.json.decode(urlsafe_b64decode(text), type=_After)
    except (msgspec.MsgspecError, NotBase64, ValueError):
        raise Refusal(400, "bad_request", "page[after] is of no page.") from None


def _instant(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return msgspec.convert(text, Instant)
    except msgspec.ValidationError:
        raise Refusal(400, "bad_request", f"{name} is an instant with its offset.") from None


def _pasted(bank: Bank, person: str, scenario: Scenario) -> str:
    return bank.authority.personal_token(person, scenario)


FACE = Face("up", _routes, lambda url: {"url": f"{url}{PREFIX}"}, _pasted)
