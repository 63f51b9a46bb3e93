"""The world as a SimpleFIN server would tell it (https://www.simplefin.org/protocol.html, 1.0.7).

    GET  /simplefin/info
    POST /simplefin/claim/{token}     once: answers with the Access URL
    GET  /simplefin/accounts?start-date=…&end-date=…&pending=1&account=…&balances-only=1
    GET  /simplefin/currencies/{code}

Every account is there, of whatever kind. Bitcoin is no currency of ISO 4217: it has an address.
Who asks more than 24 times a day is warned in `errors`, as the bridge does it; a queued fault "not
ready" is one of the person's banks that wants them to sign in again.

What the protocol cannot say is left out: kinds of accounts, limits and opening balances, value
days, categories, other currencies, days to come, and which pending row a posted one was.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from penstock.domain.balance import BalanceKind
from penstock.domain.errors import OAuthError
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import Refusal, Reply, Scheme, json_bytes, refuse_dead
from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.resource import resource
from penstock.sandbox.faults import Place
from penstock.sandbox.plan import AccountPlan
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World

PREFIX = "/simplefin"
A_DAY = 24
LONGEST = 90 * 86_400
WARNING = "You have made more than 24 requests today. Please slow down."
CAPPED = "Requested date range exceeds limit of 90 days and was capped."
SIGN_IN = "Connection to <b>Mill & Weir</b> may need attention"
NAME = "reader"


class SimpleFINFace:
    """The routes below /simplefin, and how often each access was used on each day."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._days: Counter[tuple[int, date]] = Counter()

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        return [
            web.get(f"{PREFIX}/info", self._info),
            web.get(f"{PREFIX}/currencies/{{code}}", self._currency),
            web.post(f"{PREFIX}/claim/{{token}}", self._claim),
            web.get(f"{PREFIX}/accounts", self._accounts),
        ]

    async def _info(self, _request: web.Request) -> web.Response:
        return json_bytes(msgspec.json.encode({"versions": ["1.0"]}))

    async def _currency(self, request: web.Request) -> web.Response:
        code = request.match_info["code"]
        return json_bytes(msgspec.json.encode({"name": code.title(), "abbr": code}))

    async def _claim(self, request: web.Request) -> web.Response:
        """Answer with the Access URL; a token that was claimed before is forbidden."""
        try:
            access = self._bank.authority.claim(request.match_info["token"])
        except OAuthError as refused:
            return web.Response(text=refused.message, status=403)
        url = urlsplit(self._bank.url)
        return web.Response(text=f"{url.scheme}://{NAME}:{access}@{url.netloc}{PREFIX}")

    async def _accounts(self, request: web.Request) -> web.StreamResponse:
        balances_only = request.query.get("balances-only") == "1"
        place = Place.ACCOUNTS if balances_only else Place.TRANSACTIONS

        def answer(grant: Grant) -> bytes:
            today = self._bank.options.clock().date()
            self._days[grant.number, today] += 1
            errors = [WARNING] if self._days[grant.number, today] > A_DAY else []
            if balances_only:
                self._bank.begin_update(grant)
                refuse_dead(self._bank, grant)
                grant.updates += 1
            return self._told(self._bank.desk_of(grant).world, request, errors)

        unready = msgspec.json.encode({"errors": [SIGN_IN], "accounts": []})
        reply = Reply(
            place, answer, complain, unready, headers=_none, scheme=Scheme.BASIC, unauthorized=403
        )
        return await resource(request, reply)

    def _told(self, world: World, request: web.Request, errors: list[str]) -> bytes:
        start, end = (_seconds(request, name) for name in ("start-date", "end-date"))
        if start is not None and end is not None and end - start > LONGEST:
            start, errors = end - LONGEST, [*errors, CAPPED]
        asked = request.query.getall("account", [])
        accounts = [
            self._account(world, each)
            | {"transactions": list(_rows(world, each, request, start, end))}
            for each in world.accounts
            if not asked or each.external_id in asked
        ]
        return msgspec.json.encode({"errors": errors, "accounts": accounts})

    def _account(self, world: World, account: AccountPlan) -> dict[str, object]:
        stated = {each.kind: each for each in world.balances_of(account)}
        current = stated[BalanceKind.CURRENT]
        here = f"{self._bank.url}{PREFIX}"
        iso = account.currency != "BTC"
        return {
            "org": {"domain": "mill-and-weir.example", "name": "Mill & Weir", "sfin-url": here},
            "id": account.external_id,
            "name": account.name,
            "currency": account.currency if iso else f"{here}/currencies/{account.currency}",
            "balance": f"{current.amount:f}",
            "available-balance": f"{stated[BalanceKind.AVAILABLE].amount:f}",
            "balance-date": int(current.as_of.timestamp()),
        }


def _rows(
    world: World, account: AccountPlan, request: web.Request, start: int | None, end: int | None
) -> Iterator[dict[str, object]]:
    """Yield the transactions of an account that were asked for: without a start, none."""
    if request.query.get("balances-only") == "1" or start is None:
        return
    told = [
        (_instant(row, world), row) for row in world.live() if row.account == account.external_id
    ]
    for at, row in sorted(told, key=lambda one: one[0]):
        wanted = row.status is Status.POSTED or "pending" in request.query
        if wanted and start <= at and (end is None or at < end):
            yield _row(row, at)


def _row(row: TransactionSeen, at: int) -> dict[str, object]:
    written: dict[str, object] = {
        "id": row.external_id,
        "posted": at,
        "amount": f"{row.amount:f}",
        "description": row.description,
    }
    if row.authorized_on is not None:
        written["transacted_at"] = _noon(row.authorized_on)
    if row.status is Status.PENDING:
        written |= {"posted": 0, "pending": True}
    return written


def _instant(row: TransactionSeen, world: World) -> int:
    """Return when a row is dated: a pending one by when it happened."""
    booked = row.booked_on if row.status is Status.POSTED else None
    return _noon(booked or row.authorized_on or world.today)


def _noon(day: date) -> int:
    return int(datetime.combine(day, time(12), UTC).timestamp())


def _seconds(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.removeprefix("-").isdecimal()):
        raise Refusal(400, "bad_request", f"{name} is a number of seconds.")
    return int(text)


def complain(_status: int, _code: str, message: str) -> bytes:
    """Write an error in this protocol's words."""
    return msgspec.json.encode({"errors": [message], "accounts": []})


def _none(_bank: Bank, _grant: Grant) -> Mapping[str, str]:
    return {}


def _routes(bank: Bank) -> list[web.RouteDef]:
    return SimpleFINFace(bank).routes()


def _pasted(bank: Bank, person: str, scenario: Scenario) -> str:
    token = bank.authority.personal_token(person, scenario)
    return b64encode(f"{bank.url}{PREFIX}/claim/{token}".encode()).decode()


FACE = Face("simplefin", _routes, lambda url: {"url": f"{url}{PREFIX}"}, _pasted)
