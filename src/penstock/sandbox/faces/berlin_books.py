"""What the faces of European banks share: which accounts and rows they tell, and how often.

Four readings a day of each account and endpoint are answered, unless the person is there. In the
scenario without ids a row has none, a blank one, `"0"`, or the same four digits as many others.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple
from zlib import crc32

from penstock.domain.account import AccountType
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import Refusal
from penstock.sandbox.faces.own_rows import NO_IDS
from penstock.sandbox.plan import AccountPlan
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World

A_DAY = 4
EXCEEDED = "access_exceeded"
TYPES = {AccountType.CHECKING: "CACC", AccountType.SAVINGS: "SVGS"}


class Told(NamedTuple):
    """A row, and the id that it is told under."""

    id: str | None
    row: TransactionSeen


class Readings:
    """How often each account was read on each day while nobody was there."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._counted: Counter[tuple[int, str, str, date]] = Counter()

    def count(self, grant: Grant, endpoint: str, account: str = "", *, attended: bool) -> None:
        """Count a reading. Raises Refusal for the fifth."""
        if attended:
            return
        key = (grant.number, endpoint, account, self._bank.options.clock().date())
        if self._counted[key] >= A_DAY:
            raise Refusal(429, EXCEEDED, f"{A_DAY} readings a day are answered.")
        self._counted[key] += 1


def accounts_of(world: World) -> Iterator[AccountPlan]:
    """Yield the accounts that the law calls payment accounts, and savings."""
    return (each for each in world.accounts if each.type in TYPES)


def newest_first(
    world: World, account: AccountPlan, since: date | None, grant: Grant
) -> list[Told]:
    """Return the rows of an account from a day on; a pending one counts as of when it happened."""
    rows = (row for row in world.live() if row.account == account.external_id)
    dated = ((_day(row, world), row) for row in rows)
    found = sorted(
        ((day, row.external_id, row) for day, row in dated if since is None or day >= since),
        reverse=True,
    )
    weak = grant.scenario is Scenario.NO_IDS
    return [Told(_weak(name) if weak else name, row) for _, name, row in found]


def _day(row: TransactionSeen, world: World) -> date:
    booked = row.booked_on if row.status is Status.POSTED else None
    return booked or row.authorized_on or world.today


def _weak(name: str) -> str | None:
    return NO_IDS[crc32(name.encode()) % len(NO_IDS)]
