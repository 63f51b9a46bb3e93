"""The world of one person at the bank: accounts, rows, balances, and a clock of its own.

Pure: the same plan and the same changes give the same world. The history is computed, only the
changes are stored, so that a million rows need no memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from zoneinfo import ZoneInfo

from penstock.domain.account import AccountSeen
from penstock.domain.balance import BalanceSeen
from penstock.domain.errors import Conflict, InvalidInput, NotFound
from penstock.domain.holding import HoldingSeen
from penstock.domain.money import canonical
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.books import Books
from penstock.sandbox.history import History, coins
from penstock.sandbox.log import Change, ChangeLog
from penstock.sandbox.plan import AccountPlan, Plan, accounts_of
from penstock.sandbox.portfolio import Portfolio
from penstock.sandbox.purchases import shop_named_in

BETWEEN_CHANGES = timedelta(seconds=7)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a perfect reader would know, in our own terms."""

    accounts: tuple[AccountSeen, ...]
    transactions: tuple[TransactionSeen, ...]
    balances: tuple[BalanceSeen, ...]
    holdings: tuple[HoldingSeen, ...] = ()


class World:
    """A person's accounts, as the bank knows them. A change takes a moment of the bank's time."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.accounts = accounts_of(plan)
        self.history = History(plan, self.accounts)
        self.log = ChangeLog()
        self.touched: set[int] = set()
        self.now = plan.beginning
        self._zone = ZoneInfo(plan.zone)
        self._random = Random(f"{plan.seed}:{plan.person}:tips")
        self._ids = 0
        self._settled: set[str] = set()
        self._books = Books(self.history)
        self._portfolio = Portfolio(plan, self.accounts)

    @property
    def version(self) -> int:
        """How many changes there were."""
        return self.log.version

    @property
    def today(self) -> date:
        """The bank's day, in its own zone."""
        return self.now.astimezone(self._zone).date()

    def find(self, external_id: str) -> TransactionSeen | None:
        """Return the row with this id, unless it never was or was taken back."""
        change = self.log.find(external_id)
        if change is not None:
            return None if change.gone else change.row
        index = self.history.index_of(external_id)
        return None if index is None else self.history.row(index)

    def get(self, external_id: str) -> TransactionSeen:
        """Return the row with this id. Raises NotFound."""
        row = self.find(external_id)
        if row is None:
            raise NotFound(f"The bank has no row {external_id!r}.")
        return row

    def live(self) -> Iterator[TransactionSeen]:
        """Yield every row that is there: untouched history first, then changes in their order."""
        for index in range(self.history.size):
            if index not in self.touched:
                yield self.history.row(index)
        for change in self.log.after(0):
            if not change.gone:
                yield change.row

    def balances(self) -> tuple[BalanceSeen, ...]:
        """Return every account's current, available and opening balance, and the card's limit."""
        return tuple(balance for each in self.accounts for balance in self.balances_of(each))

    def balances_of(self, account: AccountPlan) -> Iterator[BalanceSeen]:
        """Yield the balances of one account, as of now."""
        return self._books.balances(account, self.now)

    def holdings(self) -> tuple[HoldingSeen, ...]:
        """Return every position of the investment accounts, as of now."""
        return tuple(self._portfolio.held(self.now, self.today))

    def trade(self, word: str, quantity: Decimal) -> TransactionSeen:
        """Buy some of a security today, or sell where negative, and book it. Raises NotFound.

        `word` is its symbol, or the last word of its position's id.
        """
        account, amount, traded = self._portfolio.trade(word, quantity, self.today)
        act = "Bought" if quantity > 0 else "Sold"
        return self.post(account, amount, f"{act} {abs(quantity):f} {traded.symbol or traded.name}")

    def truth(self) -> Truth:
        """Return everything that is so now, in our own terms. It holds every row: mind the size."""
        accounts = tuple(
            AccountSeen(
                each.external_id, each.name, each.type, each.currency, each.mask, each.identity
            )
            for each in self.accounts
        )
        return Truth(accounts, tuple(self.live()), self.balances(), self.holdings())

    def account(self, word: str) -> AccountPlan:
        """Return the account with this id, or with this last word of it. Raises NotFound."""
        for each in self.accounts:
            if word in {each.external_id, each.external_id.rpartition("-")[2]}:
                return each
        raise NotFound(f"The bank has no account {word!r}.")

    def post(self, word: str, amount: Decimal, description: str) -> TransactionSeen:
        """Book a new row today. Raises NotFound for the account, InvalidInput for the amount."""
        return self._write(self._new(word, amount, description, Status.POSTED), known=False)

    def hold(self, word: str, amount: Decimal, description: str) -> TransactionSeen:
        """Put a new pending row on an account. Raises as `post` does."""
        return self._write(self._new(word, amount, description, Status.PENDING), known=False)

    def settle(self, external_id: str, amount: Decimal | None = None) -> TransactionSeen:
        """Book a pending row: a posted one takes its place, with an id of its own and the link.

        Without an amount it is the held one, with a tip where tips are usual. Raises NotFound,
        and Conflict if the row is not pending.
        """
        held = self.get(external_id)
        if held.status is not Status.PENDING:
            raise Conflict(f"Row {external_id} is booked already.")
        final = self._tipped(held) if amount is None else _whole_coins(amount, held.currency)
        posted = held._replace(
            external_id=self._next_id(),
            status=Status.POSTED,
            amount=final,
            booked_on=self.today,
            value_on=self.today,
            pending_external_id=held.external_id,
        )
        self._settled.add(external_id)
        if self.version % 2:
            self.remove(external_id)
            return self._write(posted, known=False)
        self._write(posted, known=False)
        self.remove(external_id)
        return posted

    def remove(self, external_id: str, *, silently: bool = False) -> TransactionSeen:
        """Take a row back; no feed tells of it if it goes silently. Raises NotFound."""
        row = self.get(external_id)
        self._books.take_out(row)
        self._note(row, gone=True, silently=silently)
        return row

    def gone(self) -> list[TransactionSeen]:
        """Return the rows that were taken back and may return: none that settled or was renamed."""
        changes = self.log.after(0)
        return [each.row for each in changes if each.gone and self._may_return(each)]

    def revive(self, external_id: str) -> TransactionSeen:
        """Bring back a row that was taken back. Raises NotFound if none may return."""
        change = self.log.find(external_id)
        if change is None or not change.gone or not self._may_return(change):
            raise NotFound(f"The bank took back no row {external_id!r} that may return.")
        return self._write(change.row, known=change.born == 0)

    def _may_return(self, change: Change) -> bool:
        return not change.silently and change.row.external_id not in self._settled

    def amend(
        self, external_id: str, *, description: str | None = None, amount: Decimal | None = None
    ) -> TransactionSeen:
        """Change the words or the amount of a row, under the same id. Raises NotFound."""
        before = self.get(external_id)
        after = before._replace(
            description=before.description if description is None else description,
            amount=before.amount if amount is None else _whole_coins(amount, before.currency),
        )
        self._books.take_out(before)
        return self._write(after, known=self.history.index_of(external_id) is not None)

    def rekey(self, external_id: str) -> TransactionSeen:
        """Give a row a new id without a word about the old one. Raises NotFound."""
        row = self.remove(external_id, silently=True)
        return self._write(row._replace(external_id=self._next_id()), known=False)

    def advance(self, days: int) -> None:
        """Let days go by at the bank. Raises Conflict for days that would go back."""
        if days < 0:
            raise Conflict("Time at the bank does not go back.")
        self.now += timedelta(days=days)

    def _new(self, word: str, amount: Decimal, words: str, status: Status) -> TransactionSeen:
        account = self.account(word)
        booked = self.today if status is Status.POSTED else None
        shop = shop_named_in(words)
        exact = _whole_coins(amount, account.currency)
        return TransactionSeen(
            account=account.external_id,
            external_id=self._next_id(),
            status=status,
            amount=exact,
            currency=account.currency,
            booked_on=booked,
            value_on=booked,
            authorized_on=self.today,
            description=words,
            counterparty=shop.name if shop else None,
            category=shop.category if shop else None,
        )

    def _next_id(self) -> str:
        self._ids += 1
        return f"{self.history.prefix}n{self._ids:07d}"

    def _tipped(self, held: TransactionSeen) -> Decimal:
        shop = shop_named_in(held.description)
        if shop is None or not shop.tips:
            return held.amount
        tip = self._random.choice((5, 10, 15, 20))
        coin = canonical(Decimal(0), held.currency)
        return (held.amount * (100 + tip) / 100).quantize(coin, ROUND_HALF_EVEN)

    def _write(self, row: TransactionSeen, *, known: bool) -> TransactionSeen:
        self._books.put_in(row)
        self._note(row, known=known)
        return row

    def _note(
        self,
        row: TransactionSeen,
        *,
        known: bool = True,
        gone: bool = False,
        silently: bool = False,
    ) -> None:
        index = self.history.index_of(row.external_id)
        if index is not None:
            self.touched.add(index)
        self.now += BETWEEN_CHANGES
        self.log.append(row, self.now, known=known, gone=gone, silently=silently)


def _whole_coins(amount: Decimal, currency: str) -> Decimal:
    """Return the amount as canonical money. Raises InvalidInput for fractions of a coin."""
    exact = canonical(amount, currency)
    if exact != exact.quantize(coins(1, currency)):
        raise InvalidInput(f"{amount} {currency} is no whole number of coins.")
    return exact
