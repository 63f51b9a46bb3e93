"""Webhooks: what a provider sends us by itself, and how we know that it was the provider.

A delivery is a hint that there is something to read, never the data itself (sync.md 28). Whether
it is genuine a connector finds out from the delivery alone; only where the provider's key has to be
fetched first does it yield a request, and then for nothing that is wrong at first sight.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime

from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came in: the headers that the connector reads (names in small letters), and the body."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """What a genuine delivery says.

    `id` is the same when the same event is delivered again, and of no other event of its
    connection. `kind` is the provider's own word. `news`: there may be something to read.
    """

    id: str
    kind: str
    news: bool = True


Verify = Callable[[Delivery, Secret | None], Generator[Request, Response, Event]]
"""Finds out what a delivery says, given the secret of its subscription if there is one.

Raises HookRefused for what the provider did not send, sent too long ago, or nobody can read.
"""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription at the provider: its id there, and the secret that it signs with, if any."""

    external_id: str
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """How a provider's webhooks are asked for, and known as its own.

    `headers` are those that `verify` reads; no others are kept. `where` is where a person tells the
    provider our address, where it has no way for programs. With one, `subscribe` asks for
    deliveries to an address in the name of a connection, and `unsubscribe` ends that; their
    requests are signed with the connection's credentials. Either raises ContractBroken.
    """

    verify: Verify
    headers: tuple[str, ...]
    where: str = ""
    subscribe: Callable[[str], Generator[Request, Response, Subscribed]] | None = None
    unsubscribe: Callable[[str], Generator[Request, Response, None]] | None = None
