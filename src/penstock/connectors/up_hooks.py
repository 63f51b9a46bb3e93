"""Up's webhooks (https://developer.up.com.au/#callback_post_webhookURL).

A webhook is made by a program, for one address; its secret key is told once. Each event is signed
with it: HMAC-SHA256 over the body as it is sent, in hex. What an event says is its type and the id
of a transaction; it is sent again, under the same id, until it is answered with 200.
"""

import hashlib
import hmac
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final
from urllib.parse import quote

import msgspec

from penstock.connectors.wire import CANNOT_READ, decode
from penstock.domain.errors import HookRefused
from penstock.domain.hook import Delivery, Event, Hooks, Subscribed
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret

SIGNATURE: Final = "x-up-authenticity-signature"
OLDEST: Final = timedelta(days=7)
"""How old an event may be: Up delivers it again and again, longer and longer apart."""
_AHEAD: Final = timedelta(minutes=5)
_DESCRIPTION: Final = "Penstock"
_MOST: Final = 100


class _What(msgspec.Struct, rename="camel"):
    event_type: str
    created_at: Annotated[datetime, msgspec.Meta(tz=True)]


class _Event(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    attributes: _What


class _Delivered(msgspec.Struct):
    data: _Event


class _Address(msgspec.Struct):
    url: str


class _Known(msgspec.Struct):
    id: str
    attributes: _Address


class _List(msgspec.Struct):
    data: list[_Known]


class _Key(msgspec.Struct, rename="camel"):
    secret_key: Annotated[str, msgspec.Meta(min_length=16)]


class _Made(msgspec.Struct):
    id: str
    attributes: _Key


class _Answer(msgspec.Struct):
    data: _Made


_DELIVERED: Final = msgspec.json.Decoder(_Delivered)
_LIST: Final = msgspec.json.Decoder(_List)
_ANSWER: Final = msgspec.json.Decoder(_Answer)


def verify(delivery: Delivery, secret: Secret | None) -> Generator[Request, Response, Event]:
    """Read an event. Raises HookRefused."""
    yield from ()  # there is nothing to ask for
    if secret is None:
        raise HookRefused("Nothing was asked for here, so no key is known.")
    signed = hmac.new(secret.reveal().encode(), delivery.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signed.encode(), delivery.headers.get(SIGNATURE, "").encode()):
        raise HookRefused("The signature is not Up's.")
    try:
        event = _DELIVERED.decode(delivery.body).data
    except CANNOT_READ:
        raise HookRefused("That is no event of Up's.") from None
    what = event.attributes
    if not -_AHEAD <= delivery.received_at - what.created_at <= OLDEST:
        raise HookRefused("The event is too old.")
    return Event(event.id, what.event_type, news=what.event_type != "PING")


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Asking for webhooks below an address of the API, and no more."""

    base_url: str

    def declared(self) -> Hooks:
        """Return the declaration."""
        return Hooks(verify, (SIGNATURE,), subscribe=self._subscribe, unsubscribe=self._unsubscribe)

    def _subscribe(self, url: str) -> Generator[Request, Response, Subscribed]:
        """Make a webhook, in place of what leads here already: its key is told only now.

        There can be ten in all. Raises ContractBroken.
        """
        known = yield Request("GET", f"{self._address()}?page[size]={_MOST}")
        for each in decode(known.body, _LIST, "webhooks").data:
            if each.attributes.url == url:
                yield from self._unsubscribe(each.id)
        wanted = {"data": {"attributes": {"url": url, "description": _DESCRIPTION}}}
        answer = yield Request(
            "POST",
            self._address(),
            headers={"Content-Type": "application/json"},
            body=msgspec.json.encode(wanted),
        )
        made = decode(answer.body, _ANSWER, "webhook").data
        return Subscribed(made.id, Secret(made.attributes.secret_key))

    def _unsubscribe(self, external_id: str) -> Generator[Request, Response, None]:
        yield Request("DELETE", f"{self._address()}/{quote(external_id, safe='')}")

    def _address(self) -> str:
        return f"{self.base_url}/webhooks"
