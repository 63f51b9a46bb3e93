"""The world as Monzo would tell it (https://docs.monzo.com).

    GET /monzo/ping/whoami
    GET /monzo/accounts
    GET /monzo/balance?account_id=…
    GET /monzo/pots?current_account_id=…
    GET /monzo/transactions?account_id=…&since=…&before=…&limit=…&expand[]=merchant

and the way in, with the approval in the app (monzo_login.py). Within five minutes of that, by the
bank's own clock, all transactions are told, a year at a time; later only those of ninety days.

What Monzo's protocol cannot say is left out: credit cards and wallets, current and opening
balances, value days, when a payment is due, an id of its own for a row that settled, and a word
about what was taken back. Savings are a pot of the first account, whose own rows are not told.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, time, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Annotated

import msgspec
from aiohttp import web

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import Refusal, Reply
from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.monzo_feed import Told, minor, oldest_first, transaction, uid, written
from penstock.sandbox.faces.monzo_login import CLIENT_ID, SECRET, MonzoLogin, complain
from penstock.sandbox.faces.resource import resource
from penstock.sandbox.faults import Place
from penstock.sandbox.plan import AccountPlan
from penstock.sandbox.world import World

PREFIX = "/monzo"
ALWAYS = timedelta(days=90)
USUALLY = timedelta(days=30)
A_WEEK = timedelta(days=7)
LONGEST = timedelta(hours=8760)
USUAL_ROWS, MOST_ROWS = 30, 100
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class MonzoFace:
    """What is told, and to whom."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.login = MonzoLogin(bank)

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        told: dict[str, tuple[Place, Callable[[World, web.Request], object]]] = {
            "accounts": (Place.ACCOUNTS, _accounts),
            "balance": (Place.BALANCES, _balance),
            "pots": (Place.BALANCES, _pots),
        }
        return [
            *self.login.routes(PREFIX),
            web.get(f"{PREFIX}/ping/whoami", self._handler(Place.ANY, self._whoami)),
            web.get(
                f"{PREFIX}/transactions", self._handler(Place.TRANSACTIONS, self._transactions)
            ),
            *(
                web.get(f"{PREFIX}/{path}", self._handler(place, self._of_world(tell)))
                for path, (place, tell) in told.items()
            ),
        ]

    def _handler(self, place: Place, tell: Callable[[Grant, web.Request], object]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            def answer(grant: Grant) -> bytes:
                return msgspec.json.encode(tell(grant, request))

            reply = Reply(place, answer, complain, headers=_date, admit=self.login.admit)
            return await resource(request, reply)

        return handle

    def _of_world(
        self, tell: Callable[[World, web.Request], object]
    ) -> Callable[[Grant, web.Request], object]:
        return lambda grant, request: tell(self.bank.desk_of(grant).world, request)

    def _whoami(self, grant: Grant, _request: web.Request) -> object:
        return {
            "authenticated": True,
            "client_id": grant.asked.client_id,
            "user_id": f"user_{grant.person}",
        }

    def _transactions(self, grant: Grant, request: web.Request) -> object:
        world = self.bank.desk_of(grant).world
        account = _asked(world, request.query.get("account_id", ""))
        if _begins_update(world, account, request):
            self.bank.begin_update(grant)
            self.login.refuse_dead(grant)
            grant.updates += 1
        listed = oldest_first(world, account.external_id)
        rows = _window(listed, request.query, world.now, tells_all=self.login.tells_all(grant))
        page = rows[: min(_limit(request.query), self.bank.options.page_size)]
        expanded = request.query.get("expand[]") == "merchant"
        name = uid("acc", account.external_id)
        return {"transactions": [transaction(each, name, expanded=expanded) for each in page]}


def _begins_update(world: World, account: AccountPlan, request: web.Request) -> bool:
    """Tell whether this is the list with which an update begins: the first account's newest."""
    newest = "before" not in request.query
    first_page = not request.query.get("since", "").startswith("tx_")
    return account is world.accounts[0] and newest and first_page


def _date(bank: Bank, grant: Grant) -> Mapping[str, str]:
    """Say as of when it is by the bank's own clock: a balance does not."""
    return {"Date": format_datetime(bank.desk_of(grant).world.now, usegmt=True)}


def _accounts(world: World, _request: web.Request) -> object:
    opened = datetime.combine(world.plan.first_day, time(), world.now.tzinfo) - A_WEEK
    return {
        "accounts": [
            {
                "id": uid("acc", each.external_id),
                "closed": False,
                "created": written(opened),
                "description": each.name,
                "type": "uk_retail",
                "currency": each.currency,
                "country_code": "GB",
                "owners": [{"user_id": f"user_{world.plan.person}", "preferred_name": "Ada Weir"}],
                "account_number": f"0000{each.mask}",
                "sort_code": "040004",
            }
            for each in _of_type(world, AccountType.CHECKING)
        ]
    }


def _balance(world: World, request: web.Request) -> object:
    account = _asked(world, request.query.get("account_id", ""))
    available = _stated(world, account, BalanceKind.AVAILABLE)
    pots = [_stated(world, each, BalanceKind.CURRENT) for each in _pots_of(world, account)]
    return {
        "balance": minor(available, account.currency),
        "total_balance": minor(available + sum(pots), account.currency),
        "currency": account.currency,
        "spend_today": 0,
    }


def _pots(world: World, request: web.Request) -> object:
    account = _asked(world, request.query.get("current_account_id", ""))
    opened = f"{world.plan.first_day}T00:00:00.000Z"
    return {
        "pots": [
            {
                "id": uid("pot", "savings"),
                "name": each.name,
                "style": "beach_ball",
                "balance": minor(_stated(world, each, BalanceKind.CURRENT), each.currency),
                "currency": each.currency,
                "created": opened,
                "updated": opened,
                "deleted": False,
            }
            for each in _pots_of(world, account)
        ]
    }


def _window(
    rows: list[Told], query: Mapping[str, str], now: datetime, *, tells_all: bool
) -> list[Told]:
    """Return what was created in the window that is asked for. Raises Refusal."""
    since, until = query.get("since"), _instant(query, "before") or now
    if since is not None and since.startswith("tx_"):
        after = next((each for each in rows if each.uid == since), None)
        if after is None:
            raise Refusal(400, "bad_request.bad_param.since", "There is no such transaction.")
        start, rows = after.created, [each for each in rows if each[:2] > after[:2]]
    else:
        start = _instant(query, "since") or now - USUALLY
        rows = [each for each in rows if each.created >= start]
    if until - start > LONGEST:
        message = "The time range you have requested is too large."
        raise Refusal(400, "bad_request.invalid_time_range", message)
    if start < now - ALWAYS and not tells_all:
        raise Refusal(403, "forbidden.verification_required", "Verification required")
    return [each for each in rows if "before" not in query or each.created < until]


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(USUAL_ROWS))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_ROWS):
        raise Refusal(400, "bad_request.bad_param.limit", "limit is a number from 1 to 100.")
    return int(text)


def _instant(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return msgspec.convert(text, Instant)
    except msgspec.ValidationError:
        raise Refusal(400, f"bad_request.bad_param.{name}", "It is no instant.") from None


def _asked(world: World, name: str) -> AccountPlan:
    for each in _of_type(world, AccountType.CHECKING):
        if uid("acc", each.external_id) == name:
            return each
    raise Refusal(404, "not_found.account_not_found", "There is no such account.")


def _pots_of(world: World, account: AccountPlan) -> list[AccountPlan]:
    if account is not world.accounts[0]:
        return []
    saved = _of_type(world, AccountType.SAVINGS)
    return [each for each in saved if each.currency == account.currency]


def _of_type(world: World, kind: AccountType) -> list[AccountPlan]:
    return [each for each in world.accounts if each.type is kind]


def _stated(world: World, account: AccountPlan, kind: BalanceKind) -> Decimal:
    return next(each.amount for each in world.balances_of(account) if each.kind is kind)


def _options(url: str) -> Mapping[str, str]:
    return {"url": f"{url}{PREFIX}", "client_id": CLIENT_ID, "client_secret": SECRET}


FACE = Face("monzo", lambda bank: MonzoFace(bank).routes(), _options)
