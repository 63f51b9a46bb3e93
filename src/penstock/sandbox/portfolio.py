"""What the investment accounts of a world hold: computed from the seed, the day, and the trades.

Prices move from day to day, a savings plan and the interest on a coin add fractions, and what the
person buys or sells is booked as a row of the account as well (world.py). Nothing is random but by
the seed: the same day has the same prices, whoever asks.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from typing import Final

from penstock.domain.account import AccountType
from penstock.domain.errors import NotFound
from penstock.domain.holding import HoldingSeen, SecurityType
from penstock.sandbox.plan import AccountPlan, Plan

_CENT: Final = Decimal("0.01")
_TICK: Final = Decimal("0.0001")
_MOST_MOVE: Final = 30
"""Per mille: so far a price is from the usual one at the most."""


@dataclass(frozen=True, slots=True)
class Security:
    """Something that is held: how many at the beginning, and how many more come in a day.

    One without a symbol has no price of one either: a bond is quoted in per cent.
    """

    word: str
    name: str
    type: SecurityType
    price: Decimal
    quantity: Decimal
    a_day: Decimal = Decimal(0)
    symbol: str | None = None
    isin: str | None = None
    mic: str | None = None


MARKET: Final = "XSBX"
"""Where the shares of this world are traded: nowhere else."""

SECURITIES: Final = (
    Security(
        word="weir",
        name="Mill & Weir Ltd",
        type=SecurityType.STOCK,
        price=Decimal("41.20"),
        quantity=Decimal(12),
        symbol="WEIR",
        mic=MARKET,
        isin="XX0000000010",
    ),
    Security(
        word="wrld",
        name="Whole World Index ETF",
        type=SecurityType.ETF,
        price=Decimal("103.8450"),
        quantity=Decimal("31.415926"),
        a_day=Decimal("0.048151"),
        symbol="WRLD",
        mic=MARKET,
        isin="XX0000000028",
    ),
    Security(
        word="ether",
        name="Ether",
        type=SecurityType.CRYPTO,
        price=Decimal("2718.28"),
        quantity=Decimal("1.234567890123456789"),
        a_day=Decimal("0.000000000000000137"),
        symbol="ETH",
    ),
    Security(
        word="sluice",
        name="Sluice & Sons (short)",
        type=SecurityType.STOCK,
        price=Decimal("9.5125"),
        quantity=Decimal(-40),
        symbol="SLUI",
        mic=MARKET,
        isin="XX0000000036",
    ),
    Security(
        word="bond",
        name="Riverside 2.5 % 2031",
        type=SecurityType.BOND,
        price=Decimal("0.9875"),
        quantity=Decimal(5000),
        isin="XX0000000044",
    ),
)


class Portfolio:
    """The positions of one world; what was traded is all that it remembers."""

    def __init__(self, plan: Plan, accounts: tuple[AccountPlan, ...]) -> None:
        self._plan = plan
        self._account = next(
            (each for each in accounts if each.type is AccountType.INVESTMENT), None
        )
        self._traded: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._paid: defaultdict[str, Decimal] = defaultdict(Decimal)

    def held(self, now: datetime, today: date) -> Iterator[HoldingSeen]:
        """Yield every position as of now; one of which nothing is left is not told of."""
        if self._account is None:
            return
        for each in SECURITIES:
            quantity = self.quantity(each, today)
            if quantity:
                yield self._seen(self._account, each, quantity, now, today)

    def quantity(self, security: Security, today: date) -> Decimal:
        """Return how many are held on a day."""
        days = (today - self._plan.today).days
        return security.quantity + days * security.a_day + self._traded[security.word]

    def price(self, security: Security, today: date) -> Decimal:
        """Return what one costs on a day."""
        random = Random(f"{self._plan.seed}:{security.word}:{today.toordinal()}")
        move = Decimal(1000 + random.randrange(-_MOST_MOVE, _MOST_MOVE + 1)) / 1000
        return (security.price * move).quantize(_TICK, ROUND_HALF_EVEN)

    def trade(self, word: str, quantity: Decimal, today: date) -> tuple[str, Decimal, Security]:
        """Buy (or sell, where negative) some of a security.

        Return the account's id, what it pays (negative) or gets for it, and what it was. Raises
        NotFound.
        """
        security = next((each for each in SECURITIES if word in {each.word, each.symbol}), None)
        if security is None or self._account is None:
            raise NotFound(f"Nobody here trades {word!r}.")
        paid = (quantity * self.price(security, today)).quantize(_CENT, ROUND_HALF_EVEN)
        self._traded[security.word] += quantity
        self._paid[security.word] += paid
        return self._account.external_id, -paid, security

    def _seen(
        self,
        account: AccountPlan,
        security: Security,
        quantity: Decimal,
        now: datetime,
        today: date,
    ) -> HoldingSeen:
        price = self.price(security, today)
        cost = security.quantity * security.price + self._paid[security.word]
        return HoldingSeen(
            account=account.external_id,
            external_id=f"pos-{self._plan.person}-{security.word}",
            name=security.name,
            type=security.type,
            quantity=quantity,
            currency=account.currency,
            as_of=now,
            symbol=security.symbol,
            isin=security.isin,
            mic=security.mic,
            security=f"sec-{security.word}",
            price=price if security.symbol else None,
            value=(quantity * price).quantize(_CENT, ROUND_HALF_EVEN),
            cost_basis=cost.quantize(_CENT, ROUND_HALF_EVEN),
        )
