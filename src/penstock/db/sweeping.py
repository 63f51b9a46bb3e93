"""What is no longer told, where all was told (sync.md 14, 27).

Only inside the days that the update provably covered. So many missing rows at once that an error
is likelier wait for the person, as a suggestion.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

import sqlalchemy as sa

from penstock.db import suggestions
from penstock.db.staging import Into
from penstock.db.statements import Statements
from penstock.db.suggestions import State
from penstock.domain.imported import OF_FILE
from penstock.domain.update import Absence, Covered, Unmapped

FEW: Final = 10
"""So many rows may always go. More than that, and more than a share, wait for the person."""
ONE_IN: Final = 20
"""The share: one row in so many."""

Days = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Told:
    """What an update tells in full. `whole`: each account, from its first staged row on.

    `unread` are rows that it tells and that could not be mapped: they are not missing.
    """

    absence: Absence
    whole: bool
    covered: Sequence[Covered]
    unread: Sequence[Unmapped] = ()


NOTHING_TOLD: Final = Told(Absence.NOTHING, whole=False, covered=())


class Range(NamedTuple):
    """All days of one account that were told in full; `pending_only`: what is posted stays."""

    account_id: int
    days: Sequence[Days]
    pending_only: bool

    @property
    def standing(self) -> str:
        """The query that counts what stands there. By the indexes that is fast."""
        rows = f"SELECT count(*) FROM transactions t WHERE {self._place('t.dated_on')}"  # noqa: S608 - a number of ours, and days
        return f"SELECT ({rows}) - ({rows} AND t.removed_at IS NOT NULL)"

    @property
    def told(self) -> str:
        """The condition for a staged row that is told with a day of its own, within these."""
        # The plus has SQLite read the stage once for all accounts, not by an index for each.
        return "+" + self._place("coalesce(t.booked_on, t.authorized_on, t.value_on)")

    @property
    def missing(self) -> str:
        """The query for the rows that stand there and were not told.

        Beside each is what became of the question whether it may go, if there was one.
        """
        return f"SELECT t.id, ({_ASKED}) AS asked {self._missing}"

    @property
    def unasked(self) -> str:
        """The query for those of them that nobody was asked about."""
        return f"SELECT t.id {self._missing} AND ({_ASKED}) IS NULL"

    @property
    def missing_posted(self) -> str:
        """The query for the posted rows that were not told, whatever the rule for their absence."""
        return f"SELECT t.id {self._not_told} AND t.status = 'posted'"

    @property
    def _missing(self) -> str:
        return self._not_told + (" AND t.status = 'pending'" if self.pending_only else "")

    def _place(self, day: str) -> str:
        pieces = [f"{day} BETWEEN '{since}' AND '{until}'" for since, until in self.days]
        if len(pieces) == 1:
            return f"t.account_id = {self.account_id} AND {pieces[0]}"
        days = " OR ".join(pieces)  # beside the first day, by which there is an index
        return f"t.account_id = {self.account_id} AND {day} >= '{self.days[0][0]}' AND ({days})"

    @property
    def _not_told(self) -> str:
        # What only a file has told is not missing where a bank does not tell it.
        return f"""
            FROM transactions t WHERE {self._place("t.dated_on")} AND t.removed_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM stage s WHERE s.account_id = t.account_id
                    AND s.external_id = t.external_id)
                AND substr(t.external_id, 1, {len(OF_FILE)}) <> '{OF_FILE}'
        """  # noqa: S608 - a number of ours, and days


def ranges(statements: Statements, told: Told, accounts: Mapping[str, int]) -> list[Range]:
    """Return what was told in full, by account. Raises KeyError.

    Nothing was, of an account with a row that nobody can tell from any other.
    """
    if told.absence is Absence.NOTHING:
        return []
    found: dict[int, list[Days]] = {}
    for one in told.covered:
        found.setdefault(accounts[one.account], []).append((one.since, one.until))
    if told.whole:
        for account, day in statements.all(_FIRST_DAYS):
            found.setdefault(account, []).append((_day(day), date.max))
    for unread in told.unread:
        if unread.external_id is None:
            for account in _accounts_of(unread, accounts):
                found.pop(account, None)
    pending_only = told.absence is Absence.PENDING_GONE
    return [Range(account, _joined(days), pending_only) for account, days in found.items()]


def unread_ids(told: Told, accounts: Mapping[str, int]) -> list[tuple[int, str]]:
    """Return the ids, each with its account, of rows that were told and could not be mapped."""
    ids = (
        (account, one.external_id)
        for one in told.unread
        if one.external_id is not None
        for account in _accounts_of(one, accounts)
    )
    return list(dict.fromkeys(ids))


def _accounts_of(one: Unmapped, accounts: Mapping[str, int]) -> Iterable[int]:
    """Return whose row it may be: where that is no account that we know, anybody's."""
    known = accounts.get(one.account) if one.account is not None else None
    return list(accounts.values()) if known is None else [known]


def _joined(days: Iterable[Days]) -> list[Days]:
    """Return the same days in as few pieces as may be, in order."""
    joined: list[Days] = []
    for since, until in sorted(days):
        if joined and since.toordinal() <= joined[-1][1].toordinal() + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((since, until))
    return joined


def incomplete(statements: Statements, covered: Sequence[Range]) -> list[Range]:
    """Return those in which rows may be missing: in the others as many stand as were told.

    For that is proof enough, once all is merged: a row that is told with a day of its own stands,
    and is dated to that day.
    """
    if not covered:
        return []
    anywhere = " OR ".join(f"({one.told})" for one in covered)
    told = dict(statements.all(_TOLD.format(anywhere=anywhere)))
    return [one for one in covered if statements.one(one.standing) != told.get(one.account_id, 0)]


def missing_in(statements: Statements, one: Range) -> tuple[list[int], bool]:
    """Return the rows that are newly missing of an account, and whether they may go unasked.

    What waits for the person already counts too; what they wanted left alone does not.
    """
    missing = statements.all(one.missing)
    new = [row[0] for row in missing if row[1] is None]
    many = sum(row[1] != State.REFUSED for row in missing)
    if not new or many < FEW:
        return new, True
    enough = many * ONE_IN
    standing = statements.one(_STANDING.format(account=one.account_id, enough=enough))
    return new, standing >= enough


def ask(connection: sa.Connection, into: Into, one: Range, missing: Sequence[int]) -> None:
    """Leave it to the person whether these rows go."""
    named = ",".join(str(number) for number in missing)
    since, until = one.days[0][0], one.days[-1][1]
    days = f"from {since} " + ("on" if until == date.max else f"to {until}")
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
    """Take rows out of questions that the bank has told again, whatever was answered.

    Should they be missing once more, it is a new question.
    """
    if statements.one(_ANY_ASKED) and statements.do(_SEEN_AGAIN):
        statements.do(_NOTHING_LEFT)


def _day(day: date | str) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day


_FIRST_DAYS: Final = "SELECT account_id, min({dated}) FROM stage WHERE op = 0 GROUP BY account_id"
_TOLD: Final = """
    SELECT t.account_id, count(*) FROM stage t WHERE t.op = 0 AND ({anywhere})
    GROUP BY t.account_id
"""
# Counted only as far as matters: a long account is not read from end to end.
_STANDING: Final = """
    SELECT count(*) FROM (SELECT 1 FROM transactions
        WHERE account_id = {account} AND removed_at IS NULL LIMIT {enough}) AS standing
"""
# A row may be in an old question and a new one: one that is open comes first.
_ASKED: Final = """
    SELECT min(q.state) FROM suggestion_rows r JOIN suggestions q ON q.id = r.suggestion_id
    WHERE r.transaction_id = t.id AND q.kind = 'sweep' AND q.state IN ('open', 'refused')
"""
_ANY_ASKED: Final = """
    SELECT 1 FROM suggestions WHERE account_id IN {accounts} AND kind = 'sweep'
        AND state IN ('open', 'refused') LIMIT 1
"""
_SEEN_AGAIN: Final = """
    DELETE FROM suggestion_rows WHERE role = 'missing' AND transaction_id IN
        (SELECT t.id FROM stage s JOIN transactions t
            ON t.account_id = s.account_id AND t.external_id = s.external_id WHERE s.op <> 1)
        AND suggestion_id IN (SELECT id FROM suggestions WHERE state IN ('open', 'refused'))
"""
_NOTHING_LEFT: Final = """
    UPDATE suggestions SET state = 'gone', decided_at = :now
    WHERE account_id IN {accounts} AND kind = 'sweep' AND state = 'open' AND NOT EXISTS
        (SELECT 1 FROM suggestion_rows r WHERE r.suggestion_id = suggestions.id)
"""
