"""The world as Enable Banking would tell it (https://enablebanking.com/docs/api/reference/).

    GET    /enablebanking/aspsps?country=…
    POST   /enablebanking/auth                    arranges a visit: `url`
    POST   /enablebanking/sessions                a session for the code that came of it
    GET    /enablebanking/sessions/{session}
    DELETE /enablebanking/sessions/{session}
    GET    /enablebanking/accounts/{uid}/details
    GET    /enablebanking/accounts/{uid}/balances
    GET    /enablebanking/accounts/{uid}/transactions?strategy=…&date_from=…&continuation_key=…

Requests are signed with the application's key, which is made anew each time the sandbox starts.
Accounts have another `uid` in each session, and transactions another `transaction_id` in each
answer. A list begins with an empty page that has a key. What the protocol cannot say is left out:
bitcoin, categories, credit lines, opening balances, and which pending row a posted one was.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from email.utils import format_datetime
from hashlib import sha256

import msgspec
from aiohttp import web

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.transaction import Status
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import Refusal, Reply, refuse_dead
from penstock.sandbox.faces.berlin_books import TYPES, Readings, Told, newest_first
from penstock.sandbox.faces.enablebanking_sessions import (
    APPLICATION,
    PREFIX,
    Sessions,
    application_key,
    complain,
    hash_of,
)
from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.resource import resource
from penstock.sandbox.faults import Place
from penstock.sandbox.plan import ZONE, AccountPlan

KINDS = {**TYPES, AccountType.CREDIT_CARD: "CARD", AccountType.OTHER: "OTHR"}
BALANCES = {"ITBD": BalanceKind.CURRENT, "ITAV": BalanceKind.AVAILABLE}
Shape = dict[str, object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Tell = Callable[[Grant, AccountPlan, web.Request], Shape]


class EnableBankingFace:
    """The routes below /enablebanking."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._sessions = Sessions(bank, KINDS)
        self._readings = Readings(bank)

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        account = f"{PREFIX}/accounts/{{uid}}"
        return [
            *self._sessions.routes(),
            web.get(f"{PREFIX}/sessions/{{session}}", self._session),
            web.get(f"{account}/details", self._handler(Place.ACCOUNTS, self._details)),
            web.get(f"{account}/balances", self._handler(Place.BALANCES, self._balances)),
            web.get(f"{account}/transactions", self._handler(Place.TRANSACTIONS, self._rows)),
        ]

    async def _session(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["session"]
        reply = Reply(
            Place.ANY,
            lambda _grant: msgspec.json.encode(self._sessions.told(name)),
            complain,
            headers=_headers,
            admit=lambda _bank, asked: self._sessions.admitted(asked),
        )
        return await resource(request, reply)

    def _handler(self, place: Place, tell: Tell) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            def answer(grant: Grant) -> bytes:
                account = self._sessions.account(request.match_info["uid"])
                return msgspec.json.encode(tell(grant, account, request))

            reply = Reply(
                place,
                answer,
                complain,
                headers=_headers,
                admit=lambda _bank, asked: self._sessions.admitted_to_account(asked),
            )
            return await resource(request, reply)

        return handle

    def _count(
        self, grant: Grant, endpoint: str, account: AccountPlan, request: web.Request
    ) -> None:
        attended = "Psu-Ip-Address" in request.headers
        self._readings.count(grant, endpoint, account.external_id, attended=attended)

    def _details(self, grant: Grant, account: AccountPlan, request: web.Request) -> Shape:
        self._count(grant, "details", account, request)
        if self._sessions.is_first(request.match_info["uid"]):
            self._bank.begin_update(grant)
            refuse_dead(self._bank, grant)
            grant.updates += 1
        return {
            "uid": request.match_info["uid"],
            "account_id": {"iban": account.identity},
            "name": "Ada Weir",
            "details": account.name,
            "usage": "PRIV",
            "cash_account_type": KINDS[account.type],
            "currency": account.currency,
            "identification_hash": hash_of(account),
            "identification_hashes": [hash_of(account)],
        }

    def _balances(self, grant: Grant, account: AccountPlan, request: web.Request) -> Shape:
        self._count(grant, "balances", account, request)
        world = self._bank.desk_of(grant).world
        stated = {each.kind: each.amount for each in world.balances_of(account)}
        return {
            "balances": [
                {
                    "name": "Balance",
                    "balance_amount": {
                        "currency": account.currency,
                        "amount": f"{stated[kind]:f}",
                    },
                    "balance_type": code,
                    "reference_date": world.today,
                }
                for code, kind in BALANCES.items()
            ]
        }

    def _rows(self, grant: Grant, account: AccountPlan, request: web.Request) -> Shape:
        key = request.query.get("continuation_key")
        if key is None:
            self._count(grant, "transactions", account, request)
            if request.query.get("strategy") == "longest":
                return {"transactions": [], "continuation_key": "0"}
        place = _place(key or "0")
        world = self._bank.desk_of(grant).world
        told = newest_first(world, account, _since(request), grant)
        size = self._bank.options.page_size
        more = len(told) > place + size
        return {
            "transactions": [
                _row(one, place + number) for number, one in enumerate(told[place : place + size])
            ],
            "continuation_key": str(place + size) if more else None,
        }


def _place(key: str) -> int:
    if not (key.isascii() and key.isdecimal()):
        raise Refusal(422, "wrong_continuation_key", "The continuation key is of no list.")
    return int(key)


def _since(request: web.Request) -> date | None:
    text = request.query.get("date_from")
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise Refusal(422, "wrong_request_parameters", "date_from is a day.") from None


def _row(one: Told, number: int) -> Shape:
    row = one.row
    away = row.amount < 0
    party = {"name": row.counterparty} if row.counterparty else None
    instructed = None
    if row.original_amount is not None:
        amount = f"{abs(row.original_amount):f}"
        instructed = {"currency": row.original_currency, "amount": amount}
    return {
        "entry_reference": one.id,
        "transaction_id": sha256(f"{number} {one.row.external_id}".encode()).hexdigest()[:16],
        "transaction_amount": {"currency": row.currency, "amount": f"{abs(row.amount):f}"},
        "credit_debit_indicator": "DBIT" if away else "CRDT",
        "status": "BOOK" if row.status is Status.POSTED else "PDNG",
        "creditor": party if away else None,
        "debtor": None if away else party,
        "booking_date": row.booked_on if row.status is Status.POSTED else None,
        "value_date": row.value_on,
        "transaction_date": row.authorized_on,
        "remittance_information": [row.description],
        "reference_number": row.reference,
        "exchange_rate": {"instructed_amount": instructed} if instructed else None,
    }


def _headers(bank: Bank, grant: Grant) -> Mapping[str, str]:
    """Say as of when it is, by the bank's own clock."""
    return {"Date": format_datetime(bank.desk_of(grant).world.now, usegmt=True)}


def _routes(bank: Bank) -> list[web.RouteDef]:
    return EnableBankingFace(bank).routes()


FACE = Face(
    "enablebanking",
    _routes,
    lambda url: {
        "url": f"{url}{PREFIX}",
        "application_id": APPLICATION,
        "key": application_key(),
        "country": "DE",
        "zone": ZONE,
    },
)
