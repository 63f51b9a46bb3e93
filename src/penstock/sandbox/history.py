"""The rows that were there from the beginning: computed from the seed, never stored.

A cycle of patterns (amount, words, days between buying and booking) is drawn once and repeated,
so that row 900,000 costs as little as row 1, and so that the sum of any number of rows is one
multiplication away.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from penstock.domain.account import AccountType
from penstock.domain.currency import minor_digits
from penstock.domain.money import canonical, from_minor
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.plan import AccountPlan, Plan
from penstock.sandbox.purchases import ABROAD, SHOPS
from penstock.sandbox.scenario import Scenario

CYCLE = 4_000
MOST_LAG = 3
CHECKING, SAVINGS, CARD, BROKER = 0, 1, 2, 3
SATOSHIS = 15
ROUND = 20
"""A household repeats itself every so many rows: wages, rent, card bill, savings, shopping."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """All of a row but its id and its days; the account is named by its number."""

    account: int
    amount: Decimal
    description: str
    counterparty: str
    category: str
    reference: str | None = None
    original: Decimal | None = None
    original_currency: str | None = None
    authorized_lag: int = 0
    value_lag: int = 0


class History:
    """Rows 0 … `size` - 1 of a world, the oldest first; the newest `plan.pending` are pending.

    `dates[MOST_LAG]` is the first day; `alike` rows in a row say the same (2 where all are twins).
    """

    def __init__(self, plan: Plan, accounts: tuple[AccountPlan, ...]) -> None:
        self.plan = plan
        self.size = plan.transactions
        self.first_pending = self.size - plan.pending
        self.accounts = accounts
        self.prefix = f"tx-{plan.person}-"
        self.cycle = _cycle(plan, accounts)
        self.alike = 2 if plan.flavour is Scenario.TWINS else 1
        self._span = plan.days
        self.dates = [
            plan.first_day + timedelta(days=day) for day in range(-MOST_LAG, plan.days + MOST_LAG)
        ]

    def id_of(self, index: int) -> str:
        """Return the id of a row."""
        return f"{self.prefix}{index:08d}"

    def index_of(self, external_id: str) -> int | None:
        """Return which row has this id; None if it is none of the history's."""
        digits = external_id.removeprefix(self.prefix)
        if not digits.isdecimal() or len(digits) != len("00000000"):
            return None
        index = int(digits)
        return index if index < self.size and self.id_of(index) == external_id else None

    def pattern(self, index: int) -> Pattern:
        """Return what the row says; a twin says what its elder says."""
        return self.cycle[(index - index % self.alike) % len(self.cycle)]

    def days(self, rows: range) -> list[int]:
        """Return how many days after the first one these rows were booked."""
        size, days, alike = self.size, self._span, self.alike
        if alike == 1:
            return [row * days // size for row in rows]
        return [(row - row % alike) * days // size for row in rows]

    def row(self, index: int) -> TransactionSeen:
        """Return one row as the bank knows it."""
        elder = index - index % self.alike
        pattern = self.cycle[elder % len(self.cycle)]
        account = self.accounts[pattern.account]
        day = elder * self._span // self.size + MOST_LAG
        posted = index < self.first_pending
        due = None if posted else self._due(index)
        return TransactionSeen(
            account.external_id,
            self.id_of(index),
            Status.POSTED if posted else Status.PENDING,
            pattern.amount,
            account.currency,
            self.dates[day] if posted else due,
            self.dates[day + pattern.value_lag] if posted else due,
            self.dates[day - pattern.authorized_lag],
            pattern.description,
            pattern.counterparty,
            pattern.category,
            pattern.reference,
            pattern.original,
            pattern.original_currency,
        )

    def _due(self, index: int) -> date | None:
        """Return the day to come on which a pending row is due, where the bank says so."""
        if self.plan.flavour is not Scenario.FUTURE_DATED:
            return None
        return self.plan.today + timedelta(days=3 + index - self.first_pending)

    def totals(self) -> tuple[list[Decimal], list[Decimal]]:
        """Return the sums of the posted and of the pending rows, account by account."""
        rounds, rest = divmod(self.first_pending, max(1, len(self.cycle)))
        posted = [
            rounds * whole + part
            for whole, part in zip(
                self._sums(range(len(self.cycle))), self._sums(range(rest)), strict=True
            )
        ]
        return posted, self._sums(range(self.first_pending, self.size))

    def _sums(self, rows: range) -> list[Decimal]:
        sums = [coins(0, account.currency) for account in self.accounts]
        for index in rows:
            pattern = self.pattern(index)
            sums[pattern.account] += pattern.amount
        return sums


def coins(minor: int, currency: str) -> Decimal:
    """Return an amount in the smallest coin as canonical money."""
    return canonical(from_minor(minor, currency), currency)


def _cycle(plan: Plan, accounts: tuple[AccountPlan, ...]) -> list[Pattern]:
    random = Random(f"{plan.seed}:{plan.person}:{plan.flavour}")
    cycle: list[Pattern] = []
    while len(cycle) < min(CYCLE, plan.transactions):
        cycle += _round(random, accounts, len(cycle) // ROUND)
    return cycle[: min(CYCLE, plan.transactions)]


def _round(random: Random, accounts: tuple[AccountPlan, ...], number: int) -> list[Pattern]:
    """Draw one round of a household's rows; what comes in is what goes out, give or take."""
    trading = _trading(random, number) if _invested(accounts) else []
    shopping = [_purchase(random, accounts) for _ in range(ROUND - 6 - len(trading))]
    rent, saved = _euros(random, 60_000, 80_000), _euros(random, 4_000, 15_000)
    bill = -sum((each.amount for each in shopping if each.account == CARD), Decimal(0))
    spent = -sum((each.amount for each in shopping if each.account == CHECKING), Decimal(0))
    spent -= sum((each.amount for each in trading if each.account == CHECKING), Decimal(0))
    wages = spent + rent + saved + bill + _euros(random, -2_000, 4_000)
    note = f"invoice {number + 1:05d}"
    return [
        Pattern(CHECKING, wages, "Wages", "Mill & Weir Ltd", "income", value_lag=1),
        Pattern(CHECKING, -rent, "Rent", "Housing Society", "home", note),
        Pattern(CHECKING, -bill, "Card bill", "Credit card", "transfer", note),
        Pattern(CARD, bill, "Payment received", "Everyday account", "transfer", note),
        Pattern(CHECKING, -saved, "To savings", "Savings", "transfer"),
        Pattern(SAVINGS, saved, "From everyday account", "Everyday account", "transfer"),
        *trading,
        *shopping,
    ]


def _invested(accounts: tuple[AccountPlan, ...]) -> bool:
    return any(each.type is AccountType.INVESTMENT for each in accounts)


def _trading(random: Random, number: int) -> list[Pattern]:
    """Draw what happens on the broker's account: money in, a purchase, a dividend, a fee."""
    put, shares = _euros(random, 20_000, 40_000), random.randrange(1, 4)
    paid, dividend = _euros(random, 4_000, 15_000), _euros(random, 150, 900)
    note = f"order {number + 1:05d}"
    return [
        Pattern(CHECKING, -put, "To broker", "Broker account", "transfer"),
        Pattern(BROKER, put, "From everyday account", "Everyday account", "transfer"),
        Pattern(
            BROKER, -paid, f"Bought {shares} WEIR", "Mill & Weir Ltd", "buy", note, value_lag=1
        ),
        Pattern(BROKER, dividend, "Dividend WEIR", "Mill & Weir Ltd", "dividend"),
        Pattern(BROKER, coins(-99, "EUR"), "Custody fee", "Sandbox Bank", "fee", note),
    ]


def _euros(random: Random, least: int, most: int) -> Decimal:
    return coins(random.randrange(least, most), "EUR")


def _purchase(random: Random, accounts: tuple[AccountPlan, ...]) -> Pattern:
    shop = random.choice(SHOPS)
    cents = random.randrange(shop.least, shop.most)
    others = range(CARD + 1, BROKER if _invested(accounts) else len(accounts))
    account = random.choice((CHECKING, CARD, CARD, *others))
    currency = accounts[account].currency
    abroad = shop.currency if shop.currency != currency else None
    return Pattern(
        account=account,
        amount=-coins(_in_coins(cents, currency, random), currency),
        description=f"{shop.name} {random.randrange(100, 1_000)}",
        counterparty=shop.name,
        category=shop.category,
        original=-coins(cents * ABROAD[abroad] // 100, abroad) if abroad else None,
        original_currency=abroad,
        authorized_lag=random.randrange(MOST_LAG),
        value_lag=random.randrange(2),
    )


def _in_coins(cents: int, currency: str, random: Random) -> int:
    """Return a price in a currency's smallest coin, with last digits that are not always zero."""
    scale = SATOSHIS if currency == "BTC" else 10 ** max(0, minor_digits(currency) - 2)
    return cents * scale + random.randrange(scale)
