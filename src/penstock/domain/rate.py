"""What a rate is: how one is made, how old it may be, and what to say where there is none."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple

from penstock.domain.errors import InvalidInput, PenstockError
from penstock.domain.remedy import ask_person

SIGNIFICANT: Final = 18
EURO: Final = "EUR"
SAME: Final = "same"
STATED: Final = "stated"
INVERTED: Final = "inverted"
CROSSED: Final = "crossed"
MINOR: Final = "minor"
PEGGED: Final = "pegged"
CONVERTED: Final = "converted"
MADE: Final = (SAME, STATED, INVERTED, CROSSED, MINOR, PEGGED, CONVERTED)

OFFICIAL: Final = "ecb"
OWN: Final = "own"
LAW: Final = "law"

MAX_AGE: Final = timedelta(days=14)
"""How old a published rate may be. The central bank is silent for five days at the longest
(Easter), and somebody's computer may be off for longer; after two weeks, the currency has ended."""
OWN_MAX_AGE: Final = timedelta(days=366)
"""How old a rate may be that a person set. They look it up once in a while, not daily."""

MINOR_UNITS: Final = {"GBX": "GBP", "ILA": "ILS", "ZAC": "ZAR", "USX": "USD"}
"""Hundredths of a currency that have a code of their own on exchanges."""

MOST_DIGITS: Final = 38
MOST_DECIMALS: Final = 18

_DIVISION: Final = Context(prec=SIGNIFICANT, rounding=ROUND_HALF_EVEN)


class NoRate(PenstockError):
    """There is no rate."""

    def __init__(self, currency: str, day: date, *, last: date | None = None) -> None:
        self.currency = currency
        self.day = day
        self.last = last
        shown = currency[:12]
        message = f"There is no exchange rate for {shown!r} of {day} or shortly before."
        if last is not None:
            message = f"The last exchange rate for {shown!r} before {day} is too old: of {last}."
        super().__init__(
            message,
            remedy=ask_person(
                "Fetch new ones (`penstock rates --refresh`), switch on a source that quotes it, "
                f"or set what one euro costs: `penstock rates set {shown} RATE --day {day}`."
            ),
        )


class Stated(NamedTuple):
    """What one euro costs in a currency, on a day, as somebody says it."""

    day: date
    currency: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class RateUsed:
    """What one unit costs, the day of the oldest rate in it, and how and of what it was made.

    `made`: `same` currency; `stated` so by a source; `inverted`, the other way round; `crossed`,
    of two or more; `minor`, a hundredth or a hundredfold; `pegged` by law; `converted` at the
    irrevocable rate of what the euro replaced. Of several, the one that says most.
    """

    value: Decimal
    day: date
    made: str
    sources: tuple[str, ...] = ()


def divided(over: Decimal, under: Decimal) -> Decimal:
    """Return the quotient of two figures, written without an exponent; over 1, `over` as it is."""
    if under == 1:
        return over
    return Decimal(f"{_DIVISION.divide(over, under):f}")


def checked(rate: Decimal) -> Decimal:
    """Return a figure that can be a rate.

    Raises InvalidInput for zero, what is negative or no number, and what has more than 18 decimals
    or 38 digits.
    """
    if not rate.is_finite() or rate <= 0:
        raise InvalidInput(f"{rate} is no exchange rate: it is not more than 0.")
    exponent = int(rate.as_tuple().exponent)
    if exponent < -MOST_DECIMALS or max(rate.adjusted(), 0) - min(exponent, 0) >= MOST_DIGITS:
        raise InvalidInput("An exchange rate has 18 decimals and 38 digits at most.")
    return rate
