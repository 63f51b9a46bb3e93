"""What is no longer told, where all was told (sync.md 14, 27).

Only inside the days that the update provably covered. So many missing rows at once that an error
is likelier wait for the person, as a suggestion.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

import sqlalchemy as sa

from penstock.db import suggestions
from penstock.db.staging import Into
from penstock.db.statements import Statements
from penstock.domain.update import Absence, Covered

FEW: Final = 10
"""So many rows may always go. More than that, and more than a share, wait for the person."""
SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Told:
    """What an update tells in full. `whole`: each account, from its first staged row on."""

    absence: Absence
    whole: bool
    covered: Sequence[Covered]


NOTHING_TOLD: Final = Told(Absence.NOTHING, whole=False, covered=())


class Range(NamedTuple):
    """Days of one account that were told in full; `pending_only`: what is posted stays."""

    account_id: int
    since: str
    until: str | None
    pending_only: bool

    @property
    def missing(self) -> str:
        """The query for the rows that stand there and were not told."""
        until = f"AND t.dated_on <= '{self.until}'" if self.until else ""
        pending = "AND t.status = 'pending'" if self.pending_only else ""
        return f"""
            SELECT t.id FROM transactions t WHERE t.account_id = {self.account_id}
                AND t.removed_at IS NULL AND t.dated_on >= '{self.since}' {until} {pending}
                AND NOT EXISTS (SELECT 1 FROM stage s WHERE s.account_id = t.account_id
                    AND s.external_id = t.external_id)
        """  # noqa: S608 - a number of ours, and days


def ranges(statements: Statements, told: Told, accounts: Mapping[str, int]) -> list[Range]:
    """Return what was told in full, as ranges of days of accounts. Raises KeyError."""
    if told.absence is Absence.NOTHING:
        return []
    pending_only = told.absence is Absence.PENDING_GONE
    found = [
        Range(accounts[one.account], one.since.isoformat(), one.until.isoformat(), pending_only)
        for one in told.covered
    ]
    if told.whole:
        firsts = statements.all(_FIRST_DAYS)
        found += [Range(account, _day(day), None, pending_only) for account, day in firsts]
    return found


def missing_in(statements: Statements, one: Range) -> tuple[list[int], bool]:
    """Return the rows that are missing in a range, and whether they may go unasked."""
    missing = [row[0] for row in statements.all(one.missing)]
    if len(missing) < FEW:
        return missing, True
    standing = statements.one(_STANDING.format(account=one.account_id))
    return missing, len(missing) <= SHARE * standing


def ask(connection: sa.Connection, into: Into, one: Range, missing: Sequence[int]) -> None:
    """Leave it to the person whether these rows go."""
    named = ",".join(str(number) for number in missing)
    days = f"from {one.since} " + (f"to {one.until}" if one.until else "on")
    new = suggestions.New(
        owner_id=into.owner_id,
        account_id=one.account_id,
        run_id=into.run_id,
        kind=suggestions.Kind.SWEEP,
        subject=hashlib.blake2b(named.encode(), digest_size=16).hexdigest(),
        reason=f"The bank no longer tells {len(missing)} rows dated {days}.",
        rows=dict.fromkeys(missing, suggestions.Role.MISSING),
    )
    suggestions.suggest(connection, new, now=into.now)


def forget_seen(statements: Statements) -> None:
    """Take rows out of open questions that the bank has told again."""
    if statements.one(_ANY_OPEN) and statements.do(_SEEN_AGAIN):
        statements.do(_NOTHING_LEFT)


def _day(day: date | str) -> str:
    return day if isinstance(day, str) else day.isoformat()


_FIRST_DAYS: Final = "SELECT account_id, min({dated}) FROM stage WHERE op = 0 GROUP BY account_id"
_STANDING: Final = (
    "SELECT count(*) FROM transactions WHERE account_id = {account} AND removed_at IS NULL"
)
_ANY_OPEN: Final = """
    SELECT 1 FROM suggestions
    WHERE account_id IN {accounts} AND kind = 'sweep' AND state = 'open' LIMIT 1
"""
_SEEN_AGAIN: Final = """
    DELETE FROM suggestion_rows WHERE role = 'missing' AND transaction_id IN
        (SELECT t.id FROM stage s JOIN transactions t
            ON t.account_id = s.account_id AND t.external_id = s.external_id WHERE s.op = 0)
        AND suggestion_id IN (SELECT id FROM suggestions WHERE state = 'open')
"""
_NOTHING_LEFT: Final = """
    UPDATE suggestions SET state = 'gone', decided_at = :now
    WHERE account_id IN {accounts} AND kind = 'sweep' AND state = 'open' AND NOT EXISTS
        (SELECT 1 FROM suggestion_rows r WHERE r.suggestion_id = suggestions.id)
"""
