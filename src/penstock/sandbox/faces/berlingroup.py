"""The world as a European bank would tell it through NextGenPSD2 (version 1.3.12).

    POST   /berlingroup/v1/consents                        arranges a visit: `scaRedirect`
    GET    /berlingroup/v1/consents/{consent}
    GET    /berlingroup/v1/consents/{consent}/status
    DELETE /berlingroup/v1/consents/{consent}
    GET    /berlingroup/v1/accounts
    GET    /berlingroup/v1/accounts/{account}/balances
    GET    /berlingroup/v1/accounts/{account}/transactions?dateFrom=…&bookingStatus=…&pageIndex=…

What the protocol cannot say is left out: cards (they have endpoints of their own), bitcoin, the day
on which something was bought, categories, what it was abroad, and which pending row a posted one
was. The Reply is in NextGenPSD2's words, errors too, and repeats the request's id.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from email.utils import format_datetime
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from penstock.domain.balance import BalanceKind
from penstock.domain.transaction import Status
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import Refusal, Reply, refuse_dead
from penstock.sandbox.faces.berlin_books import TYPES, Readings, Told, accounts_of, newest_first
from penstock.sandbox.faces.berlingroup_consents import PREFIX, REQUEST_ID, Consents, complain
from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.resource import resource
from penstock.sandbox.faults import Place
from penstock.sandbox.plan import AccountPlan
from penstock.sandbox.world import World

STATUSES = {"both", "booked", "pending", "information", "all"}
Shape = dict[str, object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Tell = Callable[[Grant, web.Request], Shape]


class BerlinGroupFace:
    """The routes below /berlingroup."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._consents = Consents(bank)
        self._readings = Readings(bank)

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        account = f"{PREFIX}/v1/accounts/{{account}}"
        return [
            *self._consents.routes(),
            web.get(f"{PREFIX}/v1/accounts", self._handler(Place.ACCOUNTS, self._accounts)),
            web.get(f"{account}/balances", self._handler(Place.BALANCES, self._balances)),
            web.get(
                f"{account}/transactions", self._handler(Place.TRANSACTIONS, self._transactions)
            ),
        ]

    def _handler(self, place: Place, tell: Tell) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            reply = Reply(
                place,
                lambda grant: msgspec.json.encode(tell(grant, request)),
                complain,
                headers=_headers,
                admit=lambda _bank, asked: self._consents.admitted(asked),
            )
            response = await resource(request, reply)
            if not response.prepared:
                response.headers[REQUEST_ID] = request.headers.get(REQUEST_ID, "")
            return response

        return handle

    def _accounts(self, grant: Grant, request: web.Request) -> Shape:
        self._readings.count(grant, "accounts", attended=_attended(request))
        self._bank.begin_update(grant)
        refuse_dead(self._bank, grant)
        grant.updates += 1
        world = self._bank.desk_of(grant).world
        return {"accounts": [_account(each) for each in accounts_of(world)]}

    def _balances(self, grant: Grant, request: web.Request) -> Shape:
        world = self._bank.desk_of(grant).world
        account = _asked(world, request)
        self._readings.count(grant, "balances", account.external_id, attended=_attended(request))
        stated = {each.kind: each.amount for each in world.balances_of(account)}
        kinds = {
            "interimBooked": stated[BalanceKind.CURRENT],
            "interimAvailable": stated[BalanceKind.AVAILABLE],
            "expected": stated[BalanceKind.AVAILABLE],
        }
        return {
            "account": _reference(account),
            "balances": [
                {
                    "balanceAmount": {"currency": account.currency, "amount": f"{amount:f}"},
                    "balanceType": kind,
                    "creditLimitIncluded": False,
                    "referenceDate": world.today.isoformat(),
                }
                for kind, amount in kinds.items()
            ],
        }

    def _transactions(self, grant: Grant, request: web.Request) -> Shape:
        world = self._bank.desk_of(grant).world
        account, asked = _asked(world, request), _query(request)
        if asked.page == 0:
            self._readings.count(
                grant, "transactions", account.external_id, attended=_attended(request)
            )
        told = [
            one
            for one in newest_first(world, account, asked.since, grant)
            if one.row.status in asked.wanted
        ]
        size = self._bank.options.page_size
        page = told[asked.page * size : (asked.page + 1) * size]
        here = f"/v1/accounts/{account.external_id}"
        links = {"account": {"href": here}}
        if len(told) > (asked.page + 1) * size:
            query = urlencode({**request.query, "pageIndex": asked.page + 1})
            links["next"] = {"href": f"{here}/transactions?{query}"}
        report: Shape = {"_links": links}
        for name, status in (("booked", Status.POSTED), ("pending", Status.PENDING)):
            if status in asked.wanted:
                report[name] = [_row(one) for one in page if one.row.status is status]
        return {"account": _reference(account), "transactions": report}


class _Query(NamedTuple):
    """What was asked for; `page` counts from 0."""

    since: date | None
    wanted: frozenset[Status]
    page: int


def _query(request: web.Request) -> _Query:
    status = request.query.get("bookingStatus", "")
    page = request.query.get("pageIndex", "0")
    if status not in STATUSES or not (page.isascii() and page.isdecimal()):
        raise Refusal(400, "format_error", "A parameter is none.")
    try:
        since = date.fromisoformat(request.query["dateFrom"])
    except (KeyError, ValueError):
        raise Refusal(400, "format_error", "dateFrom is a day.") from None
    wanted = {"booked": {Status.POSTED}, "pending": {Status.PENDING}, "information": set()}
    return _Query(since, frozenset(wanted.get(status, set(Status))), int(page))


def _asked(world: World, request: web.Request) -> AccountPlan:
    for each in accounts_of(world):
        if each.external_id == request.match_info["account"]:
            return each
    raise Refusal(404, "resource_unknown", "There is no such account.")


def _attended(request: web.Request) -> bool:
    return "PSU-IP-Address" in request.headers


def _reference(account: AccountPlan) -> Shape:
    return {"iban": account.identity, "currency": account.currency}


def _account(account: AccountPlan) -> Shape:
    here = f"/v1/accounts/{account.external_id}"
    return {
        "resourceId": account.external_id,
        **_reference(account),
        "name": account.name,
        "product": "Girokonto",
        "cashAccountType": TYPES[account.type],
        "status": "enabled",
        "usage": "PRIV",
        "_links": {
            "balances": {"href": f"{here}/balances"},
            "transactions": {"href": f"{here}/transactions"},
        },
    }


def _row(one: Told) -> Shape:
    row = one.row
    name = "creditorName" if row.amount < 0 else "debtorName"
    written: Shape = {
        "entryReference": one.id,
        "endToEndId": row.reference,
        "bookingDate": row.booked_on if row.status is Status.POSTED else None,
        "valueDate": row.value_on,
        "transactionAmount": {"currency": row.currency, "amount": f"{row.amount:f}"},
        name: row.counterparty,
        "remittanceInformationUnstructured": row.description,
        "bankTransactionCode": "PMNT-RCDT-ESCT" if row.amount > 0 else "PMNT-ICDT-ESCT",
    }
    return {key: value for key, value in written.items() if value is not None}


def _headers(bank: Bank, grant: Grant) -> Mapping[str, str]:
    """Say as of when it is, by the bank's own clock."""
    return {"Date": format_datetime(bank.desk_of(grant).world.now, usegmt=True)}


def _routes(bank: Bank) -> list[web.RouteDef]:
    return BerlinGroupFace(bank).routes()


FACE = Face("berlingroup", _routes, lambda url: {"url": f"{url}{PREFIX}", "bank_name": "Sandbox"})
