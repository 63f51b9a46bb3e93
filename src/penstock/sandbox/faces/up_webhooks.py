"""Up's webhooks: made, listed and deleted by a program; each event signed with the key of its own.

GET    /up/api/v1/webhooks
POST   /up/api/v1/webhooks               {"data": {"attributes": {"url": …}}}: the key, once
DELETE /up/api/v1/webhooks/{webhook}
POST   /up/api/v1/webhooks/{webhook}/ping
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
from aiohttp import web

from penstock.domain.clock import Clock
from penstock.domain.transaction import Status
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import BANK, Refusal, admitted
from penstock.sandbox.faces.up_feed import uid
from penstock.sandbox.hooks import Posted
from penstock.sandbox.log import Change

MOST = 10
SIGNATURE = "X-Up-Authenticity-Signature"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Address(msgspec.Struct):
    url: str
    description: str | None = None


class _Attributes(msgspec.Struct):
    attributes: _Address


class _New(msgspec.Struct):
    data: _Attributes


@dataclass(frozen=True, slots=True)
class _Webhook:
    """A webhook, and the events that it writes."""

    id: str
    url: str
    description: str | None
    key: str
    created: datetime
    api: str
    clock: Clock

    def told(self, *, with_key: bool) -> object:
        attributes: dict[str, object] = {
            "url": self.url,
            "description": self.description,
            "createdAt": self.created.isoformat(),
        }
        if with_key:
            attributes["secretKey"] = self.key
        here = f"{self.api}/webhooks/{self.id}"
        return {
            "type": "webhooks",
            "id": self.id,
            "attributes": attributes,
            "relationships": {"logs": {"links": {"related": f"{here}/logs"}}},
            "links": {"self": here},
        }

    def write(self, news: list[Change]) -> Iterator[Posted]:
        for change in news:
            yield self.event(_kind(change), f"{change.number}", change.row.external_id)

    def event(self, kind: str, number: str, row: str | None = None) -> Posted:
        related: dict[str, object] = {
            "webhook": {
                "data": {"type": "webhooks", "id": self.id},
                "links": {"related": f"{self.api}/webhooks/{self.id}"},
            }
        }
        if row is not None:
            related["transaction"] = {"data": {"type": "transactions", "id": uid(row)}}
        body = msgspec.json.encode(
            {
                "data": {
                    "type": "webhook-events",
                    "id": uid(f"{self.id}:{kind}:{number}"),
                    "attributes": {"eventType": kind, "createdAt": self.clock().isoformat()},
                    "relationships": related,
                }
            }
        )
        return Posted(
            {SIGNATURE: hmac.new(self.key.encode(), body, hashlib.sha256).hexdigest()}, body
        )


def _kind(change: Change) -> str:
    if change.gone:
        return "TRANSACTION_DELETED"
    if change.number == change.born:
        return "TRANSACTION_CREATED"
    posted = change.row.status is Status.POSTED
    return "TRANSACTION_SETTLED" if posted else "TRANSACTION_CREATED"


class WebhookFace:
    """The endpoints."""

    def __init__(self, bank: Bank, prefix: str, complain: Callable[[int, str, str], bytes]) -> None:
        self._bank = bank
        self._prefix = prefix
        self._complain = complain
        self._made: dict[str, tuple[Grant, _Webhook]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        here = f"{self._prefix}/webhooks"
        return [
            web.get(here, self._handler(self._list)),
            web.post(here, self._handler(self._make)),
            web.delete(f"{here}/{{webhook}}", self._handler(self._delete)),
            web.post(f"{here}/{{webhook}}/ping", self._handler(self._ping)),
        ]

    def _handler(self, act: Callable[[web.Request, Grant], Awaitable[web.Response]]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                grant = admitted(request.app[BANK], request)
                return await act(request, grant)
            except Refusal as refusal:
                body = self._complain(refusal.status, refusal.code, refusal.message)
                return _json(refusal.status, msgspec.Raw(body))

        return handle

    async def _list(self, _request: web.Request, grant: Grant) -> web.Response:
        mine = [made for whose, made in self._made.values() if whose is grant]
        links = {"prev": None, "next": None}
        return _json(200, {"data": [each.told(with_key=False) for each in mine], "links": links})

    async def _make(self, request: web.Request, grant: Grant) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read(), type=_New).data.attributes
        except msgspec.MsgspecError as wrong:
            raise Refusal(422, "invalid", str(wrong)) from None
        if sum(whose is grant for whose, _ in self._made.values()) >= MOST:
            raise Refusal(422, "too_many", f"There can be {MOST} webhooks.")
        made = _Webhook(
            id=uid(self._bank.options.mint()),
            url=wanted.url,
            description=wanted.description,
            key=self._bank.options.mint(),
            created=self._bank.options.clock(),
            api=f"{self._bank.url}{self._prefix}",
            clock=self._bank.options.clock,
        )
        self._made[made.id] = grant, made
        self._bank.hooks.add(made.id, grant, made.url, made.write)
        return _json(201, {"data": made.told(with_key=True)})

    async def _delete(self, request: web.Request, grant: Grant) -> web.Response:
        made = self._one(request, grant)
        del self._made[made.id]
        self._bank.hooks.subscriptions.pop(made.id, None)
        return web.Response(status=204)

    async def _ping(self, request: web.Request, grant: Grant) -> web.Response:
        made = self._one(request, grant)
        event = made.event("PING", self._bank.options.mint())
        await self._bank.hooks.post(made.url, event)
        return _json(201, msgspec.Raw(event.body))

    def _one(self, request: web.Request, grant: Grant) -> _Webhook:
        whose, made = self._made.get(request.match_info["webhook"], (None, None))
        if made is None or whose is not grant:
            raise Refusal(404, "not_found", "There is no such webhook.")
        return made


def _json(status: int, content: object) -> web.Response:
    body = msgspec.json.encode(content)
    return web.Response(status=status, body=body, content_type="application/json")
