"""Which pending row became which posted one, where the bank does not say (sync.md 10).

Automatic only when nothing else is possible: the same account, the exact amount and currency,
pending first, at most 14 days, and each the only match of the other. Anything else stays apart.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

PENDING_DAYS: Final = 14


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


def _may_become(pending: Candidate, posted: Candidate) -> bool:
    return 0 <= (posted.dated_on - pending.dated_on).days <= PENDING_DAYS
