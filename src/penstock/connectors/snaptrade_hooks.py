"""SnapTrade's webhooks (https://docs.snaptrade.com/docs/webhooks).

A customer of SnapTrade sets one address in the dashboard. `Signature` is the base64 of an
HMAC-SHA256 with the consumer key, not over the bytes that came but over the same JSON written the
canonical way: names in order, no spaces. What is older than five minutes is no news. Both shapes
are read: that of API keys and `oauth_v1`.
"""

import hmac
import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, NoReturn

import msgspec

from penstock.connectors.snaptrade_key import signed
from penstock.domain.errors import HookRefused
from penstock.domain.hook import Delivery, Event, Hooks
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret

SIGNATURE: Final = "signature"
OLDEST: Final = timedelta(minutes=5)
NO_NEWS: Final = frozenset(
    {"USER_REGISTERED", "USER_DELETED", "CONNECTION_ATTEMPTED", "CONNECTION_FAILED"}
)

_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Event(msgspec.Struct, rename="camel"):
    webhook_id: _Short
    event_type: _Short
    event_timestamp: Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Knowing what SnapTrade sends by the consumer key."""

    consumer_key: Secret
    dashboard: str

    def declared(self) -> Hooks:
        """Return the declaration. Only a person can tell SnapTrade our address."""
        return Hooks(self._verify, (SIGNATURE,), where=f"{self.dashboard}/settings, Webhooks")

    def _verify(self, delivery: Delivery, _: Secret | None) -> Generator[Request, Response, Event]:
        """Read an event. Raises HookRefused."""
        yield from ()  # there is nothing to ask for
        content = _object(delivery.body)
        made = signed(content, self.consumer_key).encode()
        if not hmac.compare_digest(made, delivery.headers.get(SIGNATURE, "").encode()):
            raise HookRefused("The signature is not SnapTrade's.")
        try:
            event = msgspec.convert(content, _Event)
        except msgspec.ValidationError:
            raise HookRefused("That is no event of SnapTrade's.") from None
        if abs(delivery.received_at - event.event_timestamp) > OLDEST:
            raise HookRefused("It is more than five minutes old.")
        return Event(event.webhook_id, event.event_type, news=event.event_type not in NO_NEWS)


def _object(body: bytes) -> dict[str, object]:
    """Return a JSON object that has but one canonical form. Raises HookRefused."""
    try:
        content = json.loads(body, object_pairs_hook=_distinct, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise HookRefused("That is no webhook of SnapTrade's.") from None
    if not isinstance(content, dict):
        raise HookRefused("That is no webhook of SnapTrade's.")
    return content


def _distinct(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
