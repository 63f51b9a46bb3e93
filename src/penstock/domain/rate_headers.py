"""What a provider says of its limits in the headers of an answer.

Read are `X-RateLimit-Limit / -Remaining / -Reset` (also with `X-RateLimit-Account-…` and the like
between, and as some spell it: `HTTP_X_RATELIMIT_ACCOUNT_SUCCESS_REMAINING`), the same without
`X-`, and both forms of the IETF draft (draft-ietf-httpapi-ratelimit-headers): one header
`RateLimit: limit=…, remaining=…, reset=…`, or `RateLimit: "name";r=…;t=…`.

Whatever is no plain number of a sane size says nothing: a wrong header must not stop us for ever.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

GENERAL: Final = ""
"""The family of headers without a word of their own."""

_LIMIT_NAME: Final = re.compile(
    r"(?:http-)?(?:x-)?rate-?limit-(?:(?P<family>[a-z0-9-]{1,40})-)?(?P<what>limit|remaining|reset)"
)
_PAIR: Final = re.compile(r"\s*(?P<what>limit|remaining|reset|r|t|q)\s*=\s*(?P<number>\d{1,16})\s*")
_WORDS: Final = {"q": "limit", "r": "remaining", "t": "reset"}
_MOST_CALLS: Final = 10**9
_LONGEST_VALUE: Final = 256
_LONGEST: Final = timedelta(days=31)
_MILLISECONDS: Final = 10**12
_EPOCH: Final = 10**9
"""A reset of this size or more is no span but an instant, in seconds since 1970."""


class Told(NamedTuple):
    """So many calls are left of `limit` (None: it does not say), until it `resets`, from now."""

    family: str
    limit: int | None
    left: int
    resets: timedelta


def read_told(headers: Mapping[str, str], now: datetime) -> tuple[Told, ...]:
    """Return what the headers (names in lower case) say of each family of limits.

    A family is the word between: `account-success` of `X-RateLimit-Account-Success-Reset`. It
    must tell both how much is left and when that ends, or it says nothing.
    """
    families: dict[str, dict[str, int]] = {}
    for name, value in headers.items():
        if "ratelimit" not in name and "rate-limit" not in name and "rate_limit" not in name:
            continue
        for family, what, number in _numbers(name.replace("_", "-"), value[:_LONGEST_VALUE]):
            families.setdefault(family, {}).setdefault(what, number)
    told = (_told(family, numbers, now) for family, numbers in families.items())
    return tuple(one for one in told if one is not None)


def _numbers(name: str, value: str) -> Iterator[tuple[str, str, int]]:
    if name == "ratelimit":
        first = value.partition('"')[2] and value.split(",", maxsplit=1)[0]
        for part in re.split("[,;]", first or value):
            if pair := _PAIR.fullmatch(part):
                what = pair["what"]
                yield GENERAL, _WORDS.get(what, what), int(pair["number"])
        return
    named = _LIMIT_NAME.fullmatch(name)
    text = re.split("[,;]", value)[0].strip()
    if named and text.isascii() and text.isdigit() and len(text) <= 16:  # noqa: PLR2004 - as _PAIR
        yield named["family"] or GENERAL, named["what"], int(text)


def _told(family: str, numbers: Mapping[str, int], now: datetime) -> Told | None:
    calls_left, limit = numbers.get("remaining"), numbers.get("limit")
    resets = _span(numbers.get("reset"), now)
    if calls_left is None or resets is None or calls_left > _MOST_CALLS:
        return None
    if limit is not None and not 0 < limit <= _MOST_CALLS:
        limit = None
    return Told(family, limit, calls_left, resets)


def _span(reset: int | None, now: datetime) -> timedelta | None:
    """Return in how long it resets; None for what is over, too far away, or not said."""
    if reset is None:
        return None
    seconds: float = reset
    if reset >= _EPOCH:
        seconds = (reset / 1000 if reset >= _MILLISECONDS else reset) - now.timestamp()
    if not 0 < seconds <= _LONGEST.total_seconds():
        return None
    return timedelta(seconds=seconds)
