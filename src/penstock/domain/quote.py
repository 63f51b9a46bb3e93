"""A price, with everything that says what it is worth: whose, in what, from where, as of when.

QuoteError                    why a symbol has no quote; `elsewhere`: may another source know better
├── SymbolNotFound            the source does not know the symbol
├── NoSource                  no source in use quotes it, and none that we know would
├── SourceDisabled            no source in use quotes it, but one that is switched off does
├── SourceUnavailable         no answer came, or the source is out of order
├── RetryLater                not now; carries `retry_at`
│   ├── RateLimited           we asked too often
│   └── QuotaSpent            what this source allows in a day is used up
├── RobotsDenied              the site's robots.txt asks programs to stay away
├── ConsentWall               a consent page came where the price should be
├── BotChallenge              a page that wants a browser came where the price should be
├── LayoutChanged             the page is about the symbol, but the price is not where it was
├── WrongSymbol               the answer is about something else
├── AmbiguousNumber           the number can be read in two ways, or in none
├── Stale                     the price is older than this source's prices may be
├── Unconfirmed               a first price, and who could confirm it did not answer; carries it
└── Suspicious                it does not go with the last price that was believed; carries both
    ├── Suspicious100x        a hundred or thousand times the last one, or that part of it, or in
    │                         another currency: pence as pounds?
    └── SuspiciousJump        further from the last one than this source's prices go
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import ClassVar, NamedTuple

from penstock.domain.errors import PenstockError
from penstock.domain.remedy import Remedy, ask_person, fix_code, wait

ONE = Decimal(1)

TRUSTED = "trusted"
"""A flag: it does not go with the last price, but a person said that it is right."""

_EXACT = Context(prec=200)


class Basis(StrEnum):
    """What the price is the price of.

    A share (or unit, or coin); a hundredth of a bond's par; one unit of a pair's first currency.
    """

    PER_SHARE = "per_share"
    PERCENT_OF_PAR = "percent_of_par"
    RATE = "rate"


class Quote(NamedTuple):
    """One price of one security.

    `symbol` is as somebody asked for it, `instrument` the one way that we write what was meant:
    SAP:ETR, EUR/USD. `price` has the digits that the source wrote, in `quoted_unit` (GBX for pence,
    else the currency itself); `price * scale` is the amount in `currency` (ISO 4217). `as_of` is
    the instant of the price, `fetched_at` ours; both are aware. `delay` is how far behind the
    market the source says it is, None where it does not say. `extractor` is the alternate of the
    declaration that found it in `raw`, the text as it stood there. `flags` are words for what is
    odd about it.
    """

    symbol: str
    price: Decimal
    currency: str
    quoted_unit: str
    as_of: datetime
    fetched_at: datetime
    source: str
    extractor: str
    raw: str
    scale: Decimal = ONE
    basis: Basis = Basis.PER_SHARE
    venue: str | None = None
    delay: timedelta | None = None
    flags: tuple[str, ...] = ()
    instrument: str = ""

    @property
    def amount(self) -> Decimal:
        """The price in whole units of `currency`: 402.5 GBX are 4.025 GBP."""
        return _EXACT.multiply(self.price, self.scale)


class QuoteError(PenstockError):
    """There is no quote for this symbol."""

    elsewhere: ClassVar[bool] = False
    """Whether the next source may be asked: never after an answer that contradicts itself."""
    quote: Quote | None = None
    """The price that is held back, where that is why there is none."""

    def __init__(
        self,
        message: str | None = None,
        *,
        symbol: str = "",
        source: str = "",
        remedy: Remedy | None = None,
    ) -> None:
        self.symbol = symbol
        self.source = source
        super().__init__(message, remedy=remedy or self._usual_remedy())

    @property
    def code(self) -> str:
        """The error's name as programs read it: `consent_wall` for ConsentWall."""
        name = type(self).__name__
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]

    def _usual_remedy(self) -> Remedy | None:
        return None


class SymbolNotFound(QuoteError):
    """The source does not know this symbol."""

    elsewhere = True

    def _usual_remedy(self) -> Remedy:
        return ask_person("Check the spelling and the exchange: AAPL:NASDAQ, SAP.DE, EUR/USD.")


class NoSource(QuoteError):
    """No source quotes this symbol."""

    def _usual_remedy(self) -> Remedy:
        return ask_person("Check the spelling and the exchange: AAPL:NASDAQ, SAP.DE, EUR/USD.")


class SourceDisabled(QuoteError):
    """A source that quotes this symbol is switched off."""


class SourceUnavailable(QuoteError):
    """The source gave no answer that can be used."""

    elsewhere = True

    def _usual_remedy(self) -> Remedy:
        return wait("The source is out of order or out of reach: try again later.")


class RetryLater(QuoteError):
    """The source may not be asked before `retry_at`."""

    elsewhere = True

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_at: datetime | None = None,
        symbol: str = "",
        source: str = "",
    ) -> None:
        self.retry_at = retry_at
        until = f" after {retry_at:%Y-%m-%d %H:%M:%S %Z}" if retry_at else " later"
        super().__init__(
            message, symbol=symbol, source=source, remedy=wait(f"Try again{until}.", retry_at)
        )


class RateLimited(RetryLater):
    """The source says that we ask too often."""


class QuotaSpent(RetryLater):
    """What the source allows in a day is used up."""


class RobotsDenied(QuoteError):
    """The site's robots.txt asks programs to stay away from this page."""

    elsewhere = True

    def _usual_remedy(self) -> Remedy:
        return ask_person("We do as the site asks: use another source.")


class ConsentWall(QuoteError):
    """The site shows a consent page instead of the price."""

    elsewhere = True

    def _usual_remedy(self) -> Remedy:
        return ask_person("We do not consent in your name: use another source.")


class BotChallenge(QuoteError):
    """The site wants proof of a browser instead of showing the price."""

    elsewhere = True

    def _usual_remedy(self) -> Remedy:
        return ask_person("We do not pretend to be a browser: use another source.")


class LayoutChanged(QuoteError):
    """The price is not where the source's declaration says."""

    elsewhere = True

    def _usual_remedy(self) -> Remedy:
        return fix_code("The site was redesigned: the source's declaration has to follow.")


class WrongSymbol(QuoteError):
    """The answer is not about the symbol that was asked for."""

    def _usual_remedy(self) -> Remedy:
        return fix_code("No price was taken. Check the symbol, then the source's declaration.")


class AmbiguousNumber(QuoteError):
    """The number can be read in more than one way, or in none."""

    def _usual_remedy(self) -> Remedy:
        return fix_code("Say in the source's declaration which locale it writes numbers in.")


class Stale(QuoteError):
    """The price is older than this source's prices may be."""

    def __init__(
        self,
        message: str | None = None,
        *,
        as_of: datetime | None = None,
        symbol: str = "",
        source: str = "",
    ) -> None:
        self.as_of = as_of
        super().__init__(message, symbol=symbol, source=source)

    def _usual_remedy(self) -> Remedy:
        return ask_person("Is it still traded under this symbol? If so, use another source.")


class Unconfirmed(QuoteError):
    """It is the first price, and no other source could be asked whether it is right.

    `reasons` are why the others did not; `retry_at`: when the first of them may be asked again.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        quote: Quote | None = None,
        reasons: Sequence[QuoteError] = (),
        symbol: str = "",
        source: str = "",
    ) -> None:
        self.quote = quote
        self.reasons = tuple(reasons)
        told = [one.retry_at for one in reasons if isinstance(one, RetryLater) and one.retry_at]
        self.retry_at = min(told, default=None)
        super().__init__(message, symbol=symbol, source=source)

    def _usual_remedy(self) -> Remedy:
        return wait("Try again later, or look at it: if it is right, accept it.", self.retry_at)


class Suspicious(QuoteError):
    """The price does not go with the last one that was believed."""

    elsewhere = True

    def __init__(
        self,
        message: str | None = None,
        *,
        quote: Quote | None = None,
        last: Quote | None = None,
        symbol: str = "",
        source: str = "",
    ) -> None:
        self.quote = quote
        self.last = last
        super().__init__(message, symbol=symbol, source=source)

    def _usual_remedy(self) -> Remedy:
        return ask_person("Look at it. If it is right, accept it; it is believed from then on.")


class Suspicious100x(Suspicious):
    """The price is about a hundred times the last one, or a hundredth of it."""

    def _usual_remedy(self) -> Remedy:
        return ask_person(
            "Look at it: the unit may have changed between pence and pounds. "
            "If it is right, accept it; it is believed from then on."
        )


class SuspiciousJump(Suspicious):
    """The price is further from the last one than this source's prices go."""
