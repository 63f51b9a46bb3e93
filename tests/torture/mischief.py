"""What goes wrong at sources, and which errors are right where it did."""

import gzip
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from random import Random
from typing import Final

from tests.torture.shops import HTML, Told

CHALLENGE: Final = '<html><form action="/sorry/index">Are you a robot? 12.50 USD</form></html>'
CONSENT: Final = (
    '<html><form action="https://consent.google.com/save">'
    "https://consent.yahoo.com/v2/collectConsent?price=12.50</form></html>"
)
WALLS: Final = ("https://consent.google.com/ml", "https://guce.yahoo.com/consent")
LONG_AGO: Final = timedelta(days=40)

Figures = Callable[[Sequence[Told], Sequence[Told], Random], Sequence[Told]]
"""Makes other figures of true ones; the second are of other things."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answers, and how its line behaves."""

    status: int
    type: str
    body: bytes
    headers: Mapping[str, str]
    how: str = "whole"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong. `right` are the codes of the errors that tell it.

    `prices`: what is told may be a price that is not true, which nothing in the answer gives away.
    """

    right: frozenset[str]
    figures: Figures | None = None
    page: Callable[[Reply, datetime, Random], Reply] | None = None
    prices: bool = False


def _times(factor: str) -> Figures:
    def change(told: Sequence[Told], _: Sequence[Told], random: Random) -> Sequence[Told]:
        return [_changed(one, factor) if _hit(told, random) else one for one in told]

    return change


def _changed(one: Told, factor: str) -> Told:
    return replace(one, price=f"{Decimal(one.price) * Decimal(factor):f}")


def _hit(told: Sequence[Told], random: Random) -> bool:
    return len(told) == 1 or random.random() < 0.3


def _flipped(told: Sequence[Told], _: Sequence[Told], random: Random) -> Sequence[Told]:
    """Pence are called pounds, and all else another currency."""
    return [
        replace(one, unit=_OTHER.get(one.unit, "CHF"))
        if not one.thing.is_pair and _hit(told, random)
        else one
        for one in told
    ]


_OTHER: Final = {"GBX": "GBP", "ILA": "ILS", "ZAC": "ZAR", "USD": "EUR", "EUR": "USD"}


def _as(text: str) -> Figures:
    def change(told: Sequence[Told], _: Sequence[Told], random: Random) -> Sequence[Told]:
        return [replace(one, price=text) if _hit(told, random) else one for one in told]

    return change


def _no_unit(told: Sequence[Told], _: Sequence[Told], random: Random) -> Sequence[Told]:
    return [
        replace(one, unit="") if not one.thing.is_pair and _hit(told, random) else one
        for one in told
    ]


def _old(told: Sequence[Told], _: Sequence[Told], random: Random) -> Sequence[Told]:
    long_ago = int(LONG_AGO.total_seconds())
    return [replace(one, at=one.at - long_ago) if _hit(told, random) else one for one in told]


def _others(told: Sequence[Told], others: Sequence[Told], _: Random) -> Sequence[Told]:
    """Another's page, which only links to what was asked for."""
    return [*others[: len(told)], *(replace(one, price="-") for one in told[:1])]


def _others_first(told: Sequence[Told], others: Sequence[Told], _: Random) -> Sequence[Told]:
    return [*others[:1], *told]


def _under_our_name(told: Sequence[Told], others: Sequence[Told], _: Random) -> Sequence[Told]:
    """One of them twice, with two prices."""
    return [told[0], _changed(told[0], "1.07"), *told[1:], *others[:1]]


def _fewer(told: Sequence[Told], _: Sequence[Told], random: Random) -> Sequence[Told]:
    return [one for one in told if random.random() < 0.5]


def _shuffled(told: Sequence[Told], _: Sequence[Told], random: Random) -> Sequence[Told]:
    return random.sample(told, len(told))


def _replied(
    status: int, body: str = "", how: str = "whole", **headers: str
) -> Callable[..., Reply]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}

    def page(_: Reply, now: datetime, random: Random) -> Reply:
        filled = {
            name: text.replace(
                "DATE", format_datetime(now + timedelta(seconds=90), usegmt=True)
            ).replace("WALL", random.choice(WALLS))
            for name, text in named.items()
        }
        return Reply(status, HTML, body.encode(), filled, how)

    return page


def _walled(text: str) -> Callable[[Reply, datetime, Random], Reply]:
    def page(reply: Reply, _: datetime, __: Random) -> Reply:
        return replace(reply, body=text.encode())

    return page


def _on_the_line(how: str) -> Callable[[Reply, datetime, Random], Reply]:
    def page(reply: Reply, _: datetime, __: Random) -> Reply:
        return replace(reply, how=how)

    return page


def _redesigned(reply: Reply, _: datetime, __: Random) -> Reply:
    """All names are others; the addresses stay."""
    names = r"data-last-price|regularMarketPrice|\blast\b|\bLast\b|\brate\b|Corp"
    body = re.sub(names, "redesigned", reply.body.decode())
    return replace(reply, body=body.replace('",0,"', '","').replace("3,null", "4,1").encode())


def _mistyped(reply: Reply, _: datetime, __: Random) -> Reply:
    return replace(reply, type="image/png")


def _bombed(reply: Reply, _: datetime, __: Random) -> Reply:
    body = gzip.compress(b" " * 3_000_000)
    return replace(reply, body=body, headers={"Content-Encoding": "gzip"})


def _empty(reply: Reply, _: datetime, __: Random) -> Reply:
    return replace(reply, body=b"")


def _unmodified(reply: Reply, _: datetime, __: Random) -> Reply:
    return Reply(304, reply.type, b"", {})


def _unmodified_but(reply: Reply, _: datetime, __: Random) -> Reply:
    return Reply(304, reply.type, b"", {"ETag": reply.headers["ETag"]})


def _right(*codes: str) -> frozenset[str]:
    return frozenset(codes)


_DOWN: Final = _right("source_unavailable")
_LOST: Final = _right("layout_changed", "symbol_not_found")
_ODD: Final = _right("suspicious100x", "suspicious_jump")

# A table of rates that states two for one currency is none that is as declared.
_DOUBLE: Final = _right("wrong_symbol", "ambiguous_number", "layout_changed")
FAULTS: Final[Mapping[str, Fault]] = {
    "429, seconds": Fault(_right("rate_limited"), page=_replied(429, retry_after="45")),
    "429, date": Fault(_right("rate_limited"), page=_replied(429, retry_after="DATE")),
    "429, bare": Fault(_right("rate_limited"), page=_replied(429)),
    "503, seconds": Fault(_DOWN, page=_replied(503, retry_after="20")),
    "500": Fault(_DOWN, page=_replied(500, "<h1>12.50</h1>")),
    "502": Fault(_DOWN, page=_replied(502)),
    "consent page": Fault(_right("consent_wall"), page=_walled(CONSENT)),
    "consent elsewhere": Fault(
        _right("consent_wall", "layout_changed"), page=_replied(302, location="WALL")
    ),
    "challenge": Fault(_right("bot_challenge", "layout_changed"), page=_walled(CHALLENGE)),
    "redesign": Fault(_LOST, page=_redesigned),
    "another's page": Fault(
        _right("wrong_symbol", "layout_changed", "symbol_not_found"), figures=_others
    ),
    "another's price first": Fault(_DOUBLE, _others_first),
    "times 100": Fault(_ODD, _times("100"), prices=True),
    "a hundredth": Fault(_ODD, _times("0.01"), prices=True),
    "another currency": Fault(_ODD | {"layout_changed"}, _flipped, prices=True),
    "no currency": Fault(_right("layout_changed"), _no_unit),
    "zero": Fault(_LOST, _as("0")),
    "null": Fault(_LOST, _as("null")),
    "N/D": Fault(_LOST | {"ambiguous_number"}, _as("N/D")),
    "old": Fault(_right("stale"), _old),
    "cut, by its length": Fault(_DOWN, page=_on_the_line("short")),
    "cut, without a length": Fault(_DOWN | _LOST, page=_on_the_line("open")),
    "trickle": Fault(_DOWN, page=_on_the_line("trickle")),
    "hang": Fault(_DOWN, page=_on_the_line("hang")),
    "reset": Fault(_DOWN, page=_on_the_line("reset")),
    "bomb": Fault(_DOWN, page=_bombed),
    "other type": Fault(_right("layout_changed"), page=_mistyped),
    "empty": Fault(_LOST | {"wrong_symbol"}, page=_empty),
    "twice": Fault(_DOUBLE, _under_our_name),
    "fewer": Fault(_LOST | {"wrong_symbol"}, _fewer),
    "shuffled": Fault(frozenset(), _shuffled),
    "304 untrue": Fault(_DOWN, page=_unmodified),
    "304 of another": Fault(_DOWN, page=_unmodified_but),
}
CLOSING: Final = {"429, seconds": 45.0, "429, date": 90.0, "429, bare": 60.0, "503, seconds": 20.0}
"""For how many seconds nobody may ask after these."""
TROUBLE: Final = _DOWN | {"consent_wall", "bot_challenge"}
"""After errors such as these a host may be left alone for a while."""
RARE: Final = frozenset(CLOSING)
