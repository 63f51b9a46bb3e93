"""The bank's own protocol: accounts, balances, holdings, and rows as a delta with a cursor.

    GET /v1/accounts
    GET /v1/balances
    GET /v1/holdings          what the investment accounts hold, whole; under the scope of balances
    GET /v1/transactions?cursor=…&limit=…     added / modified / removed, next_cursor, has_more

Decimals travel as texts, + towards the holder (what is owed on a card is negative); instants are
RFC 3339, days are the bank's own. Errors are `{"error": {"code", "message"}}` with the codes
rate_limited, server_error, mutation_during_pagination, cursor_not_associated, invalid_request,
invalid_token, login_required, consent_required, consent_expired and consent_revoked. An empty
`next_cursor` says that the bank is not ready. Each good answer says in `Consent-State` whether the
consent is active or expiring, and in `Consent-Ends` when it ends.
"""

from collections.abc import Callable

import msgspec
from aiohttp import web

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.holding import HoldingSeen
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import MOST_ROWS, PEOPLE, Bank, Desk
from penstock.sandbox.faces.answers import Refusal, Reply
from penstock.sandbox.faces.deltas import next_page
from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.own_oauth import OAuthFace
from penstock.sandbox.faces.own_rows import Pages
from penstock.sandbox.faces.resource import resource
from penstock.sandbox.faults import Place
from penstock.sandbox.scenario import Scenario

NOT_READY = b'{"added":[],"modified":[],"removed":[],"next_cursor":"","has_more":false}'
INSTITUTION = {"id": "sandbox", "name": "Sandbox Bank"}


class OwnFace:
    """The routes that read."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._pages: dict[int, Pages] = {}

    async def accounts(self, request: web.Request) -> web.StreamResponse:
        """List the accounts."""
        return await self._reply(request, Place.ACCOUNTS, self._accounts)

    async def balances(self, request: web.Request) -> web.StreamResponse:
        """List the balances of all accounts."""
        return await self._reply(request, Place.BALANCES, self._balances)

    async def holdings(self, request: web.Request) -> web.StreamResponse:
        """List what each investment account holds: all of it."""
        reply = Reply(Place.HOLDINGS, self._holdings, complain, scope=Place.BALANCES.value)
        return await resource(request, reply)

    async def transactions(self, request: web.Request) -> web.StreamResponse:
        """Give one page of what is new since the cursor."""

        def answer(grant: Grant) -> bytes:
            return self._transactions(grant, request.query.get("cursor"), _limit(request))

        return await self._reply(request, Place.TRANSACTIONS, answer, NOT_READY)

    async def _reply(
        self,
        request: web.Request,
        place: Place,
        answer: Callable[[Grant], bytes],
        unready: bytes = b"",
    ) -> web.StreamResponse:
        """Answer; each place is also the name of the scope that it needs."""
        return await resource(request, Reply(place, answer, complain, unready, scope=place.value))

    def _accounts(self, grant: Grant) -> bytes:
        world = self._bank.desk_of(grant).world
        return msgspec.json.encode(
            {
                "institution": INSTITUTION,
                "holder": {"id": grant.person, "name": PEOPLE[grant.person]},
                "accounts": [
                    {
                        "id": each.external_id,
                        "name": each.name,
                        "type": each.type,
                        "currency": each.currency,
                        "mask": each.mask,
                        "iban": each.identity,
                    }
                    for each in world.accounts
                ],
            }
        )

    def _balances(self, grant: Grant) -> bytes:
        world = self._bank.desk_of(grant).world
        return msgspec.json.encode(
            {
                "balances": [
                    {
                        "account_id": each.external_id,
                        "currency": each.currency,
                        "as_of": world.now,
                        "as_of_on": world.today,
                        **{
                            balance.kind.value: _stated(balance)
                            for balance in world.balances_of(each)
                        },
                    }
                    for each in world.accounts
                ]
            }
        )

    def _holdings(self, grant: Grant) -> bytes:
        world = self._bank.desk_of(grant).world
        held = world.holdings()
        return msgspec.json.encode(
            {
                "accounts": [
                    {
                        "account_id": each.external_id,
                        "as_of": world.now,
                        "holdings": [
                            _position(one) for one in held if one.account == each.external_id
                        ],
                    }
                    for each in world.accounts
                    if each.type is AccountType.INVESTMENT
                ]
            }
        )

    def _transactions(self, grant: Grant, cursor: str | None, limit: int | None) -> bytes:
        found, after = next_page(self._bank, grant, cursor, limit or self._bank.options.page_size)
        pages = self._pages_of(self._bank.desk_of(grant))
        if grant.scenario is Scenario.NO_IDS:
            return pages.nameless_page(found, after)
        return pages.page(found, after)

    def _pages_of(self, desk: Desk) -> Pages:
        pages = self._pages.get(id(desk))
        if pages is None:
            pages = self._pages[id(desk)] = Pages(desk.world.history)
        return pages


def complain(_status: int, code: str, message: str) -> bytes:
    """Write an error in this protocol's words."""
    return msgspec.json.encode({"error": {"code": code, "message": message}})


def _stated(balance: BalanceSeen) -> object:
    amount = f"{balance.amount:f}"
    if balance.kind is BalanceKind.OPENING:
        return {"amount": amount, "as_of": balance.as_of, "as_of_on": balance.as_of_on}
    return amount


def _position(held: HoldingSeen) -> dict[str, str]:
    """Write a position; what is not so is left out."""
    stated = {
        "id": held.external_id,
        "symbol": held.symbol,
        "isin": held.isin,
        "mic": held.mic,
        "figi": held.figi,
        "cusip": held.cusip,
        "security": held.security,
        "name": held.name,
        "type": held.type.value,
        "currency": held.currency,
    }
    numbers = {
        "quantity": held.quantity,
        "price": held.price,
        "value": held.value,
        "cost_basis": held.cost_basis,
    }
    written = {name: f"{each:f}" for name, each in numbers.items() if each is not None}
    return {name: text for name, text in stated.items() if text is not None} | written


def _limit(request: web.Request) -> int | None:
    text = request.query.get("limit")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_ROWS):
        raise Refusal(400, "invalid_request", f"limit is a number from 1 to {MOST_ROWS}.")
    return int(text)


def _routes(bank: Bank) -> list[web.RouteDef]:
    """Return what reads, and the authorization server."""
    own, oauth = OwnFace(bank), OAuthFace(bank, pkce=True)
    return [
        web.get("/.well-known/oauth-authorization-server", oauth.metadata),
        web.get("/oauth/authorize", oauth.ask),
        web.post("/oauth/authorize", oauth.decide),
        web.post("/oauth/token", oauth.token),
        web.post("/oauth/revoke", oauth.revoke),
        web.post("/oauth/introspect", oauth.introspect),
        web.get("/v1/accounts", own.accounts),
        web.get("/v1/balances", own.balances),
        web.get("/v1/holdings", own.holdings),
        web.get("/v1/transactions", own.transactions),
    ]


FACE = Face("sandbox", _routes, lambda url: {"url": url})
