"""SnapTrade's webhooks: one address for a customer, an event for each account that has news.

    POST /snaptrade/dashboard/webhook   {"url": …}: what a person does in SnapTrade's dashboard

Each event is signed with the customer's consumer key, over canonical JSON; it is about whoever let
the customer's application read and have `webhook`s.
"""

from collections.abc import Iterator

import msgspec
from aiohttp import web

from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces import snaptrade_shapes as shapes
from penstock.sandbox.faces.answers import json_bytes
from penstock.sandbox.faces.snaptrade_oauth import PREFIX, signature
from penstock.sandbox.hooks import Posted
from penstock.sandbox.log import Change

CONSUMER_KEY = "sandbox-snaptrade-consumer-key"
KIND = "ACCOUNT_TRANSACTIONS_UPDATED"


class _Address(msgspec.Struct):
    url: str


class WebhookFace:
    """The customer's address, and the events."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def routes(self) -> list[web.RouteDef]:
        """Return the one route."""
        return [web.post(f"{PREFIX}/dashboard/webhook", self._set)]

    async def _set(self, request: web.Request) -> web.Response:
        try:
            url = msgspec.json.decode(await request.read(), type=_Address).url
        except msgspec.MsgspecError:
            return json_bytes(shapes.complain(400, "invalid", "url is missing"), status=400)
        willing = [
            grant for grant in self._bank.authority.grants if "webhook" in grant.asked.scope.split()
        ]
        for grant in willing:
            self._tell_of(grant, url)
        return json_bytes(msgspec.json.encode({"users": len(willing)}))

    def _tell_of(self, grant: Grant, url: str) -> None:
        name = f"snaptrade:{grant.number}"
        self._bank.hooks.add(name, grant, url, lambda news: self._write(grant, news))

    def _write(self, grant: Grant, news: list[Change]) -> Iterator[Posted]:
        for account in dict.fromkeys(change.row.account for change in news):
            yield self.event(grant, KIND, account)

    def event(self, grant: Grant, kind: str, account: str) -> Posted:
        """Write an event, spaced as people write, and sign it as it is written canonically."""
        content = {
            "schemaVersion": "oauth_v1",
            "webhookId": shapes.uid(self._bank.options.mint()),
            "oauthClientId": grant.asked.client_id,
            "eventTimestamp": self._bank.options.clock().isoformat(),
            "userId": grant.person,
            "eventType": kind,
            "brokerageId": shapes.broker()["id"],
            "connectionId": shapes.connection_id(self._bank.desk_of(grant).world),
            "accountId": shapes.uid(account),
            "details": {},
        }
        body = msgspec.json.format(msgspec.json.encode(content), indent=2)
        return Posted({"Signature": signature(content, CONSUMER_KEY)}, body)
