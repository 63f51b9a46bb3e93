"""How often a European bank may be read while nobody is there: four times in a day.

So the law has it (Commission Delegated Regulation (EU) 2018/389, Art. 36(5)): per account and
endpoint. The pages of one reading are one reading: only the first request is counted.
"""

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from penstock.domain.limit import DAY, Limit, Scope, quota
from penstock.domain.protocol import Verdict, VerdictKind

A_DAY: Final = 4
ACCOUNTS: Final = "accounts"
BALANCES: Final = "balances"
TRANSACTIONS: Final = "transactions"
MORE: Final = "more"
"""The endpoint of all pages but the first one."""

BUDGETS: Final[tuple[Limit, ...]] = (
    quota(A_DAY, DAY, Scope.CONNECTION, endpoint=ACCOUNTS),
    quota(A_DAY, DAY, Scope.ACCOUNT, endpoint=BALANCES),
    quota(A_DAY, DAY, Scope.ACCOUNT, endpoint=TRANSACTIONS),
)
_AFTER_MIDNIGHT: Final = timedelta(minutes=5)


def until_tomorrow(now: datetime, zone: ZoneInfo, message: str) -> Verdict:
    """Return the verdict on an answer that says that the day's readings are spent."""
    here = now.astimezone(zone)
    midnight = datetime.combine(here.date() + timedelta(days=1), time(), zone)
    wait = (midnight.astimezone(now.tzinfo) - now + _AFTER_MIDNIGHT).total_seconds()
    return Verdict(VerdictKind.THROTTLED, message, wait=wait)
