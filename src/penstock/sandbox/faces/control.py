"""The levers behind the bank, for tests and demos: move the world, break things, tell the truth.

Everything is POST with a JSON object (an empty body is an empty object), but for the two that read:

    GET  /control/truth                 accounts, transactions, balances and holdings, in our words
    GET  /control/counters              what was asked of the bank, and what went wrong
    POST /control/step        {"name": "demo"}
    POST /control/post        {"account": "checking", "amount": "-1.00", "description": "Tea"}
    POST /control/hold        the same, as a pending row
    POST /control/settle      {"id": …, "amount": optional}
    POST /control/remove      {"id": …}
    POST /control/revive      {"id": …}
    POST /control/amend       {"id": …, "description": optional, "amount": optional}
    POST /control/rekey       {"id": …}
    POST /control/trade       {"symbol": "WEIR", "quantity": "-2"}: buy, or sell where negative
    POST /control/advance     {"days": 1}
    POST /control/consent     {"state": "expired" | "revoked" | "login_required" | "active"}
    POST /control/expire-access         every access token is too old now
    POST /control/forget-cursors        every cursor is unknown now
    POST /control/personal-token  {"person": "ada", "scenario": "calm"}: a token made by hand
    POST /control/faults      {"kind": "throttled", "place": "any", "times": 1, …}

`?person=ada&scenario=calm` picks the world; without it, it is the default one.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import msgspec
from aiohttp import web

from penstock.domain.consent import ConsentState
from penstock.domain.errors import PenstockError
from penstock.domain.transaction import TransactionSeen
from penstock.sandbox.bank import PEOPLE, Bank, Desk
from penstock.sandbox.faces.answers import json_bytes
from penstock.sandbox.faults import Fault, FaultKind, Place, RetryAfter
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.steps import STEPS

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Named(msgspec.Struct, forbid_unknown_fields=True):
    """A row, and what may be changed of it."""

    id: str
    amount: Decimal | None = None
    description: str | None = None


class New(msgspec.Struct, forbid_unknown_fields=True):
    """A row that is not there yet."""

    amount: Decimal
    account: str = "checking"
    description: str = "Moved by hand"


class Step(msgspec.Struct, forbid_unknown_fields=True):
    """A named move of the world."""

    name: str = "demo"


class Trade(msgspec.Struct, forbid_unknown_fields=True):
    """Something bought, or sold."""

    symbol: str
    quantity: Decimal


class Days(msgspec.Struct, forbid_unknown_fields=True):
    """Time that goes by at the bank."""

    days: int = 1


class Consent(msgspec.Struct, forbid_unknown_fields=True):
    """How all consents stand from now on; one alone if its number is given."""

    state: ConsentState
    grant: int | None = None


class Who(msgspec.Struct, forbid_unknown_fields=True):
    """A person who makes a token, and how the bank treats it."""

    person: str = next(iter(PEOPLE))
    scenario: Scenario = Scenario.CALM


class Queued(msgspec.Struct, forbid_unknown_fields=True):
    """What goes wrong with the next requests."""

    kind: FaultKind
    place: Place = Place.ANY
    times: int = 1
    status: int = 503
    retry_after: RetryAfter = RetryAfter.SECONDS
    seconds: int = 1


class ControlFace:
    """The routes below /control."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        moves: dict[str, Callable[[Desk, bytes], object]] = {
            "step": self._step,
            "post": lambda desk, body: _row(desk.world.post(*_new(body))),
            "hold": lambda desk, body: _row(desk.world.hold(*_new(body))),
            "settle": self._settle,
            "remove": lambda desk, body: _row(desk.world.remove(_named(body).id)),
            "revive": lambda desk, body: _row(desk.world.revive(_named(body).id)),
            "rekey": lambda desk, body: _row(desk.world.rekey(_named(body).id)),
            "amend": self._amend,
            "trade": self._trade,
            "advance": self._advance,
            "consent": self._consent,
            "expire-access": self._expire_access,
            "forget-cursors": self._forget_cursors,
            "faults": self._faults,
            "personal-token": self._personal_token,
        }
        return [
            web.get("/control/truth", self._truth),
            web.get("/control/counters", self._counters),
            *(web.post(f"/control/{name}", self._handler(move)) for name, move in moves.items()),
        ]

    def _handler(self, move: Callable[[Desk, bytes], object]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            try:
                done = move(self._desk(request), await request.read() or b"{}")
            except (PenstockError, msgspec.DecodeError, ValueError) as refused:
                return _json({"error": {"code": "invalid_request", "message": str(refused)}}, 400)
            return _json(done)

        return handle

    def _desk(self, request: web.Request) -> Desk:
        person = request.query.get("person", next(iter(PEOPLE)))
        scenario = Scenario(request.query.get("scenario", self._bank.options.scenario))
        return self._bank.desk(person, scenario)

    async def _truth(self, request: web.Request) -> web.Response:
        truth = self._desk(request).world.truth()
        return _json(
            {
                "accounts": [asdict(each) for each in truth.accounts],
                "transactions": [_row(each) for each in truth.transactions],
                "balances": [asdict(each) for each in truth.balances],
                "holdings": [asdict(each) for each in truth.holdings],
            }
        )

    async def _counters(self, _request: web.Request) -> web.Response:
        return _json(dict(self._bank.counters))

    def _step(self, desk: Desk, body: bytes) -> object:
        name = msgspec.json.decode(body, type=Step).name
        if name not in STEPS:
            raise ValueError(f"There is no step {name!r}: {', '.join(STEPS)}.")
        STEPS[name](desk.world)
        return {"version": desk.world.version, "today": desk.world.today}

    def _settle(self, desk: Desk, body: bytes) -> object:
        named = _named(body)
        return _row(desk.world.settle(named.id, named.amount))

    def _amend(self, desk: Desk, body: bytes) -> object:
        named = _named(body)
        row = desk.world.amend(named.id, description=named.description, amount=named.amount)
        return _row(row)

    def _trade(self, desk: Desk, body: bytes) -> object:
        wanted = msgspec.json.decode(body, type=Trade)
        return _row(desk.world.trade(wanted.symbol, wanted.quantity))

    def _advance(self, desk: Desk, body: bytes) -> object:
        desk.world.advance(msgspec.json.decode(body, type=Days).days)
        return {"today": desk.world.today}

    def _consent(self, _desk: Desk, body: bytes) -> object:
        wanted = msgspec.json.decode(body, type=Consent)
        grants = [
            each for each in self._bank.authority.grants if wanted.grant in {None, each.number}
        ]
        for grant in grants:
            if wanted.state is ConsentState.EXPIRING:
                grant.consent_ends = self._bank.options.clock() + timedelta(days=3)
            else:
                grant.state = wanted.state
        return {"grants": len(grants)}

    def _expire_access(self, _desk: Desk, _body: bytes) -> object:
        for grant in self._bank.authority.grants:
            self._bank.authority.expire_access(grant)
        return {"grants": len(self._bank.authority.grants)}

    def _forget_cursors(self, desk: Desk, _body: bytes) -> object:
        desk.cursors.forget()
        return {"generation": desk.cursors.generation}

    def _personal_token(self, _desk: Desk, body: bytes) -> object:
        who = msgspec.json.decode(body, type=Who)
        self._bank.desk(who.person, who.scenario)
        return {"token": self._bank.authority.personal_token(who.person, who.scenario)}

    def _faults(self, _desk: Desk, body: bytes) -> object:
        queued = msgspec.json.decode(body, type=Queued)
        fault = Fault(queued.kind, queued.status, queued.retry_after, queued.seconds)
        self._bank.queue(fault, place=queued.place, times=queued.times)
        return {"queued": queued.times}


def _new(body: bytes) -> tuple[str, Decimal, str]:
    new = msgspec.json.decode(body, type=New)
    return new.account, new.amount, new.description


def _named(body: bytes) -> Named:
    return msgspec.json.decode(body, type=Named)


def _row(row: TransactionSeen) -> dict[str, object]:
    return row._asdict()


def _json(content: object, status: int = 200) -> web.Response:
    return json_bytes(msgspec.json.encode(content), status=status)
