"""What a thousand symbols really cost: the truth that prices are held against."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final, NamedTuple

from penstock.domain.quote import Basis
from penstock.quotes.exchanges import exchange_of

CENT: Final = Decimal("0.01")


class Kind(NamedTuple):
    """Symbols alike: so many of every hundred, on an exchange, in a unit of a currency."""

    share: int
    mic: str
    unit: str
    currency: str
    scale: Decimal = Decimal(1)
    basis: Basis = Basis.PER_SHARE
    digits: int = 2


KINDS: Final = (
    Kind(22, "XNAS", "USD", "USD"),
    Kind(10, "XNYS", "USD", "USD", digits=4),
    Kind(15, "XETR", "EUR", "EUR", digits=3),
    Kind(14, "XLON", "GBX", "GBP", CENT),
    Kind(4, "XLON", "USD", "USD"),
    Kind(7, "XTAE", "ILA", "ILS", CENT),
    Kind(6, "XJSE", "ZAC", "ZAR", CENT),
    Kind(8, "XTKS", "JPY", "JPY", digits=0),
    Kind(6, "XGAT", "EUR", "EUR", CENT, Basis.PERCENT_OF_PAR),
)
MONEY: Final = ("USD", "JPY", "GBP", "CHF", "SEK", "NOK", "PLN", "CZK", "HUF", "AUD", "CAD", "TRY")
COINS: Final = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE")
_MINUTE: Final = timedelta(minutes=1)


class State(NamedTuple):
    """What something cost from an instant on."""

    as_of: datetime
    price: Decimal


@dataclass
class Thing:
    """A thing that has a price. `base` is the first currency of a pair, else its ticker."""

    symbol: str
    base: str
    mic: str
    kind: Kind
    states: list[State] = field(default_factory=list)

    @property
    def now(self) -> State:
        """What it costs now."""
        return self.states[-1]

    @property
    def name(self) -> str:
        """Its ticker with the suffix of its exchange: VOD.L, and VOD where there is none."""
        exchange = exchange_of(self.mic)
        return f"{self.base}{exchange.words.get('suffix', '') if exchange else ''}"

    @property
    def is_pair(self) -> bool:
        """Whether it is a rate."""
        return self.kind.basis is Basis.RATE

    def was_true(self, as_of: datetime, price: Decimal) -> bool:
        """Say whether it cost that at that instant."""
        return State(as_of, price) in self.states


@dataclass
class Bourse:
    """All of them. Prices go their way a round at a time, a few of them very far."""

    things: Sequence[Thing]
    random: Random
    leapt: set[str] = field(default_factory=set)
    """What really jumped in this round."""

    def move(self, now: datetime) -> None:
        """Give everything a new price, as of about a minute ago."""
        self.leapt = set()
        for thing in self.things:
            if thing.states and self.random.random() < 0.4:  # nobody trades it
                continue
            if thing.is_pair and thing.base in MONEY:
                self._cross(thing, now)
                continue
            before = thing.now.price if thing.states else _first(thing, self.random)
            factor = Decimal(self.random.randrange(990, 1011)) / 1000
            if thing.states and not thing.is_pair and self.random.random() < 0.02:
                factor = self.random.choice([Decimal("0.4"), Decimal("1.9")])
                self.leapt.add(thing.symbol)
            price = round(before * factor, thing.kind.digits) or before
            seconds = timedelta(seconds=self.random.randrange(1, 50))
            thing.states.append(State((now - _MINUTE + seconds).replace(microsecond=0), price))

    def _cross(self, thing: Thing, now: datetime) -> None:
        """Two currencies cost in each other about what they cost in euros."""
        euro = {one.kind.unit: one.now.price for one in self.things if one.base == "EUR"}
        off = Decimal(self.random.randrange(998, 1003)) / 1000
        price = round(euro[thing.kind.unit] / euro[thing.base] * off, thing.kind.digits)
        thing.states.append(State(now.replace(microsecond=0) - _MINUTE, price))


def bourse(size: int, random: Random) -> Bourse:
    """Make a market of about so many symbols."""
    return Bourse([*_listings(size, random), *_pairs(size)], random)


def _listings(size: int, random: Random) -> Iterable[Thing]:
    for kind in KINDS:
        for number in range(max(1, size * kind.share // 100)):
            ticker = f"{random.choice('ABCDFGHKMNPQSTVW')}{kind.unit[0]}{kind.mic[1:3]}{number}"
            yield Thing(f"{ticker}:{kind.mic}", ticker, kind.mic, kind)


def _pairs(size: int) -> Iterable[Thing]:
    most = max(4, size * 8 // 100)
    money = [("EUR", code) for code in MONEY]
    money += [(one, other) for one in MONEY for other in MONEY if one != other]
    coins = [(coin, code) for coin in COINS for code in ("USD", "EUR", "GBP")]
    for base, code in [*money[: most * 3 // 4], *coins[: most // 4]]:
        kind = Kind(0, code, code, code, basis=Basis.RATE, digits=5)
        yield Thing(f"{base}/{code}", base, "", kind)


def _first(thing: Thing, random: Random) -> Decimal:
    if thing.kind.basis is Basis.PERCENT_OF_PAR:
        return Decimal(random.randrange(8_000, 11_000)) / 100
    if thing.is_pair:
        return Decimal(random.randrange(50_000, 900_000)) / 100_000
    return Decimal(random.randrange(2_000, 900_000)) / 100
