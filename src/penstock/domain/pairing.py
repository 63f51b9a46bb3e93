"""Which pending row became which posted one, where the bank does not say (sync.md 10).

Automatic only when nothing else is possible: the same account, the exact amount and currency,
pending first, at most 14 days, and each the only match of the other. Anything else stays apart.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

PENDING_DAYS: Final = 14
TIP: Final = Decimal("0.3")
"""What is added at a restaurant, or was held too much at a pump."""
MOST_LIKELY: Final = 3


class Candidate(NamedTuple):
    """A pending or posted row that may belong to another. `row_id` is 0 where it is not stored."""

    row_id: int
    account_id: int
    external_id: str
    amount: str
    currency: str
    dated_on: date


def pair(
    pendings: Sequence[Candidate], posted: Sequence[Candidate]
) -> list[tuple[Candidate, Candidate]]:
    """Return the (pending, posted) pairs that are the only match both ways."""
    groups: dict[tuple[int, str, str], tuple[list[Candidate], list[Candidate]]] = {}
    for side, candidates in enumerate((pendings, posted)):
        for candidate in candidates:
            key = (candidate.account_id, candidate.amount, candidate.currency)
            groups.setdefault(key, ([], []))[side].append(candidate)
    found = []
    for before, after in groups.values():
        for pending in before:
            matches = [row for row in after if _may_become(pending, row)]
            if len(matches) == 1:
                rivals = [row for row in before if _may_become(row, matches[0])]
                if len(rivals) == 1:
                    found.append((pending, matches[0]))
    return found


def likely(
    pendings: Sequence[Candidate], posted: Sequence[Candidate]
) -> list[tuple[Candidate, Candidate]]:
    """Return the (pending, posted) pairs that a person might confirm, the nearest of each pending.

    The amount may differ by `TIP` of the pending one, in the same direction.
    """
    found = []
    for before in pendings:
        fitting = [after for after in posted if _may_have_become(before, after)]
        nearest = sorted(fitting, key=lambda after: (_apart(before, after), after.dated_on))
        found += [(before, after) for after in nearest[:MOST_LIKELY]]
    return found


def _may_have_become(before: Candidate, after: Candidate) -> bool:
    same = before.account_id == after.account_id and before.currency == after.currency
    return same and _may_become(before, after) and _apart(before, after) <= TIP


def _apart(before: Candidate, after: Candidate) -> Decimal:
    """Return how far two amounts are apart, as a share of the pending one."""
    amount, now = Decimal(before.amount), Decimal(after.amount)
    if not amount or amount.is_signed() != now.is_signed():
        return Decimal(0) if amount == now else Decimal(1)
    return abs(now - amount) / abs(amount)


def _may_become(pending: Candidate, posted: Candidate) -> bool:
    return 0 <= (posted.dated_on - pending.dated_on).days <= PENDING_DAYS
