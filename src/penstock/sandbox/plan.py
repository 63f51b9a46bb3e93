"""What a world is made of: everything follows from these few values."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from penstock.domain.account import AccountType
from penstock.sandbox.scenario import Scenario

ZONE = "Europe/Berlin"
"""An hour ahead of London all year, so that the Starling face shows the same days."""

LONGEST_HISTORY_DAYS = 3650
MOST_PENDING = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """The seed of a world. Two worlds of equal plans are equal to the last cent.

    `today` is the bank's day at the beginning, in the bank's own `zone`; `flavour` one of
    `SHAPES_THE_WORLD`, or calm.
    """

    today: date
    seed: int = 7
    person: str = "ada"
    transactions: int = 15
    flavour: Scenario = Scenario.CALM
    zone: str = ZONE

    @property
    def days(self) -> int:
        """How many days the history goes back."""
        return min(LONGEST_HISTORY_DAYS, max(2, self.transactions * 2))

    @property
    def first_day(self) -> date:
        """The day of the oldest row: the opening balance stands at its beginning."""
        return self.today - timedelta(days=self.days)

    @property
    def pending(self) -> int:
        """How many of the newest rows are still pending at the beginning."""
        return min(MOST_PENDING, (self.transactions + 6) // 7)

    @property
    def beginning(self) -> datetime:
        """The instant at which the world begins: half past one in the night at the bank, in UTC.

        So early that what follows is past already where `today` is really today; and in summer
        it is still yesterday in UTC, which finds out who mixes up the zones.
        """
        night = datetime.combine(self.today, time(1, 30), ZoneInfo(self.zone))
        return night.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """One account of the world. Money is in the currency's smallest coin."""

    external_id: str
    name: str
    type: AccountType
    currency: str
    mask: str
    identity: str
    opening: int
    limit: int | None = None


_EUROS = (
    ("checking", "Everyday account", AccountType.CHECKING, "EUR", 150_000, None),
    ("savings", "Rainy days", AccountType.SAVINGS, "EUR", 820_000, None),
    ("card", "Credit card", AccountType.CREDIT_CARD, "EUR", -96_250, 250_000),
)
_ABROAD = (
    ("savings", "Dollar savings", AccountType.SAVINGS, "USD", 640_000, None),
    ("card", "Pound card", AccountType.CREDIT_CARD, "GBP", -86_500, 300_000),
    ("yen", "Yen account", AccountType.CHECKING, "JPY", 9_000_000, None),
    ("dinar", "Dinar account", AccountType.CHECKING, "KWD", 4_500_125, None),
    ("bitcoin", "Bitcoin wallet", AccountType.OTHER, "BTC", 1_234_567_890, None),
)
_BROKER = ("invest", "Broker account", AccountType.INVESTMENT, "EUR", 250_000, None)


def accounts_of(plan: Plan) -> tuple[AccountPlan, ...]:
    """Return the person's accounts: checking, savings and card, and what a flavour adds."""
    rows = {
        Scenario.MANY_CURRENCIES: (_EUROS[0], *_ABROAD),
        Scenario.INVESTED: (*_EUROS, _BROKER),
    }.get(plan.flavour, _EUROS)
    return tuple(
        AccountPlan(
            external_id=f"acc-{plan.person}-{word}",
            name=name,
            type=kind,
            currency=currency,
            mask=f"{4_100 + number * 17:04d}",
            identity=f"XB00{plan.seed % 10_000:04d}{plan.person.upper()}{4_100 + number * 17:04d}",
            opening=opening,
            limit=limit,
        )
        for number, (word, name, kind, currency, opening, limit) in enumerate(rows)
    )
