"""On what terms a source gives prices, what its answers must be, and what its figures mean."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal
from zoneinfo import ZoneInfo

from penstock.domain.currency_codes import ISO
from penstock.quotes.declared.part import require
from penstock.quotes.manners import Strict

_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Tier(StrEnum):
    """On what terms a source gives its prices, the best first."""

    OFFICIAL = "official"
    KEYED = "keyed"
    UNOFFICIAL = "unofficial"
    SCRAPE = "scrape"
    MANUAL = "manual"


class Means(StrEnum):
    """What a page that comes instead of the price means."""

    CONSENT = "consent_wall"
    CHALLENGE = "bot_challenge"
    THROTTLED = "rate_limited"
    QUOTA = "quota_spent"
    UNKNOWN = "symbol_not_found"
    REFUSED = "source_unavailable"
    KEY = "key_refused"


class Blocked(Strict, frozen=True):
    """A sign that the answer is something else: an address it leads to, a text in it, a status.

    Of those that are named, one is enough; with `status`, the text counts in such answers only.
    """

    means: Means
    url: str | None = None
    text: str | None = None
    status: int | None = None

    def __post_init__(self) -> None:
        require(
            problems={
                "name a url or a text": not (self.url or self.text or self.status),
                "status is 100 to 599": self.status is not None and not 100 <= self.status <= 599,  # noqa: PLR2004 - said beside it
            }
        )


class Guards(Strict, frozen=True):
    """What an answer must be before anything is read from it."""

    type: str | None = None
    must_contain: tuple[str, ...] = ()
    blocked: tuple[Blocked, ...] = ()


class Numbers(Strict, frozen=True):
    """How the source writes numbers: its locale, not the exchange's.

    Numbers of JSON have no locale; its texts do.
    """

    locale: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}", self.locale):
            raise ValueError("a locale is like en, de-CH or zh_Hant_TW")


class Unit(Strict, frozen=True):
    """A unit that prices are quoted in: so much of a currency, as an exact decimal text."""

    currency: str
    scale: str

    def __post_init__(self) -> None:
        exact = re.fullmatch(r"(?!0+\.?0*$)\d{1,9}(\.\d{1,9})?", self.scale)
        if self.currency not in ISO or not exact:
            raise ValueError('a unit is like {currency = "GBP", scale = "0.01"}')


class Time(Strict, frozen=True):
    """How the source writes the instant of a price.

    `epoch` and `epoch_ms`: seconds and thousandths since 1970. `iso`: RFC 3339, in `zone` where it
    has no offset. `date`: by one of the `formats` of strptime (or the one `format`), in `zone`.
    A date without a time of day is completed with `at`, at which it holds.
    """

    kind: Literal["epoch", "epoch_ms", "iso", "date"]
    format: str = "%Y-%m-%d"
    formats: tuple[str, ...] = ()
    zone: str = "UTC"
    at: str = "00:00"

    def __post_init__(self) -> None:
        _check_zone(self.zone)
        for form in self.ways:
            _check_format(form)
        if not _CLOCK.fullmatch(self.at):
            raise ValueError("at is a time of day such as 09:30")

    @property
    def ways(self) -> tuple[str, ...]:
        """The formats to try, in their order."""
        return self.formats or (self.format,)


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"{zone!r} is no time zone such as Europe/Berlin") from None


def _check_format(form: str) -> None:
    """See that a format gives back a day: one with %H but no day would be in 1900."""
    sample = datetime(2031, 12, 28, 13, 45, 59)  # noqa: DTZ001 - only its day is looked at
    try:
        read = datetime.strptime(sample.strftime(form), form)  # noqa: DTZ007 - only its day is looked at
    except (ValueError, re.error) as error:  # the latter where one of its parts comes twice
        raise ValueError(f"format {form!r} cannot be read back: {error}") from None
    if read.date() != sample.date():
        raise ValueError(f"format {form!r} has no day, month and year")
