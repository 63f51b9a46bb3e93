"""A row that two sources tell is one row: an API and a file, or two formats of files (sync.md 11).

What a file tells is found by equal day, amount and currency, one for one (domain/twice.py). A row
that an API tells is under the API's id, and says what the API says; the file's id is an alias. So
whichever comes first, nothing is doubled, and what the person wrote stays. A file's ids say so at
their beginning (domain/imported.py), so that no bank's id is mistaken for one.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import images, suggestions, touch
from penstock.db.staging import Into
from penstock.db.statements import Statements
from penstock.db.suggestions import Kind, New, Role
from penstock.domain.imported import OF_FILE
from penstock.domain.twice import NEAR, Matches, Sighting, match

MOST_ASKED: Final = 50
"""How many likely pairs one update asks about: more are no slips of a day or two."""
REUSED_AFTER: Final = timedelta(days=14)
"""A row under a known id that is of another amount and day, or so far off, is another row."""

Told = Callable[[int, date], bool]


@dataclass(slots=True)
class Linked:
    """What was found: how many rows are known already, and pairs for a person to look at."""

    count: int = 0
    likely: tuple[tuple[Sighting, Sighting], ...] = ()


def set_known_aside(statements: Statements) -> int:
    """Take rows of a file out of the stage that are stored under other ids; count them.

    What an API says of a row stands; that a file told it is known. First an id that a bank gave
    twice, to rows which say different things, is made two.
    """
    _tell_reused_apart(statements)
    statements.make("told_aside (id bigint PRIMARY KEY)")
    statements.do(_TOLD_ASIDE)
    return statements.do(_SET_ASIDE)


def link(statements: Statements, source: str | None, told: Told) -> Linked:
    """Find which rows that are new in this update are stored: `fresh` is left with the others.

    `source` is with what the ids of a file's rows begin; None for an API, whose rows take over.
    """
    statements.make(_TABLE)
    if source is None and statements.one(_ANY_FILES) is None:
        return Linked()
    if source:
        _correct(statements)
    new = [_sighting(row) for row in statements.all(_NEW)]
    if not new:
        return Linked()
    stored = _stored(statements, new, source)
    # What only a file has told beside a new row of a bank may be that row, whatever else is told.
    found = match(new, stored, told=told if source else _anywhere) if stored else Matches()
    for told_row, row in found.certain:
        values = {"row_id": row.key, "account_id": row.account_id, "external_id": told_row.key}
        statements.do(_NOTE, values)
    if found.certain:
        _join(statements, takes_over=source is None)
    return Linked(len(found.certain), tuple(found.likely[:MOST_ASKED]))


def _anywhere(_account: int, _day: date) -> bool:
    return True


def count_touched(statements: Statements) -> int:
    """Count those of them that are in `touched` as well: they say something new besides."""
    return int(statements.one("SELECT count(*) FROM twice JOIN touched ON id = row_id"))


def suggest(connection: sa.Connection, statements: Statements, into: Into, linked: Linked) -> None:
    """Ask about what is likely: rows of this update, and rows that have just become posted."""
    pairs = [(_number(connection, told), row.key) for told, row in linked.likely]
    if statements.one(_ANY_FILES) is not None:
        pairs += [(row[0], row[1]) for row in statements.all(_NOW_POSTED)]
    for new, old in pairs:
        account_id = None if new is None else _account(connection, new)
        if new is None or account_id is None or not isinstance(old, int):
            continue
        told = New(
            owner_id=into.owner_id,
            account_id=account_id,
            run_id=into.run_id,
            kind=Kind.TWICE,
            subject=f"{min(old, new)}:{max(old, new)}",
            reason="A file and the bank, or two files, may tell the same row twice.",
            rows={old: Role.OLD, new: Role.NEW},
        )
        suggestions.suggest(connection, told, now=into.now)


def _account(connection: sa.Connection, number: int) -> int | None:
    query = sa.text("SELECT account_id FROM transactions WHERE id = :id")
    account_id: int | None = connection.execute(query, {"id": number}).scalar_one_or_none()
    return account_id


def _number(connection: sa.Connection, told: Sighting) -> int | None:
    query = sa.text("SELECT id FROM transactions WHERE account_id = :a AND external_id = :e")
    number: int | None = connection.execute(
        query, {"a": told.account_id, "e": told.key}
    ).scalar_one_or_none()
    return number


def _tell_reused_apart(statements: Statements) -> None:
    for account_id, external_id, amount, day, stored, stored_day in statements.all(_DIFFERENT):
        apart = abs(_day(day) - _day(stored_day))
        same_amount = Decimal(str(amount)) == Decimal(str(stored))
        if apart == timedelta(0) or (same_amount and apart <= REUSED_AFTER):
            continue
        says = hashlib.blake2b(f"{_day(day)} {amount}".encode(), digest_size=8).hexdigest()
        values = {"account_id": account_id, "external_id": external_id}
        statements.do(_RENAME, {**values, "renamed": f"{external_id}#{says}"})


def _correct(statements: Statements) -> None:
    """Let a row that another one corrects take over its id, and what it says.

    One that a bank tells as well says what the bank says: there the id is noted.
    """
    for query, takes_over in ((_CORRECTED, True), (_CORRECTED_ALIAS, False)):
        if statements.do(query):
            _join(statements, takes_over=takes_over)
            statements.do("DELETE FROM twice")


def _join(statements: Statements, *, takes_over: bool) -> None:
    touch.found(statements, "SELECT row_id FROM twice")
    images.keep_touched(statements)
    for sql in _TAKE_OVER if takes_over else _BECOME_ALIASES:
        statements.do(sql)


def _stored(statements: Statements, new: list[Sighting], source: str | None) -> list[Sighting]:
    """Return the rows that may be these: those that this update does not tell by their own ids."""
    sqlite = statements.kind == "sqlite"
    first = max(min(one.day for one in new), date.min + NEAR) - NEAR
    last = min(max(one.day for one in new), date.max - NEAR) + NEAR
    values: dict[str, Any] = {
        "first": first.isoformat() if sqlite else first,
        "last": last.isoformat() if sqlite else last,
        "source": source or OF_FILE,
        "length": len(source or OF_FILE),
    }
    query = _OLD + (_OF_FILES if source is None else _NOT_ASIDE)
    found: Iterable[Any] = statements.all(query, values)
    # To an API every row that only files have told is new, whichever file it was.
    return [_sighting(row, told_before=source is not None and bool(row[-1])) for row in found]


def _sighting(row: Any, *, told_before: bool = False) -> Sighting:  # noqa: ANN401 - a row of a query
    key, account_id, day, amount, currency, *words = row[:8]
    said = " ".join(filter(None, words))
    return Sighting(key, account_id, _day(day), Decimal(str(amount)), currency, said, told_before)


def _day(day: date | str) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day


_IS_FILE: Final = f"substr(t.external_id, 1, {len(OF_FILE)}) = '{OF_FILE}'"
_ANY_FILES: Final = "SELECT 1 FROM file_accounts WHERE account_id IN {accounts} LIMIT 1"
_TABLE: Final = "twice (row_id bigint PRIMARY KEY, account_id bigint, external_id text)"
_NOTE: Final = """
    INSERT INTO twice (row_id, account_id, external_id)
        VALUES (:row_id, :account_id, :external_id) ON CONFLICT DO NOTHING
"""
_ALIASED: Final = """
    FROM stage s JOIN aliases a ON a.account_id = s.account_id AND a.external_id = s.external_id
    WHERE s.op = 0
"""
_TOLD_ASIDE: Final = f"INSERT INTO told_aside (id) SELECT DISTINCT a.transaction_id {_ALIASED}"
_SET_ASIDE: Final = """
    DELETE FROM stage WHERE op = 0 AND EXISTS (SELECT 1 FROM aliases a
        WHERE a.account_id = stage.account_id AND a.external_id = stage.external_id)
"""
_BOTH: Final = "s.account_id, s.external_id, s.amount, {dated_of_s}, t.amount, t.dated_on"
_OTHER: Final = "s.op = 0 AND t.dated_on <> {dated_of_s}"
# A name that is made of what a row says (`…/~`) is never another's.
_DIFFERENT: Final = f"""
    SELECT {_BOTH} FROM stage s JOIN transactions t
        ON t.account_id = s.account_id AND t.external_id = s.external_id WHERE {_OTHER}
    UNION ALL
    SELECT {_BOTH} FROM stage s
        JOIN aliases a ON a.account_id = s.account_id AND a.external_id = s.external_id
        JOIN transactions t ON t.id = a.transaction_id WHERE {_OTHER}
            AND NOT EXISTS (SELECT 1 FROM transactions k
                WHERE k.id = t.id AND k.pending_external_id = s.external_id)
"""
_RENAME: Final = """
    UPDATE stage SET external_id = :renamed
        WHERE account_id = :account_id AND external_id = :external_id
"""
_NEW: Final = """
    SELECT s.external_id, s.account_id, {dated_of_s}, s.amount, s.currency,
        s.description, s.counterparty, s.reference
    FROM fresh f CROSS JOIN stage s
    WHERE s.account_id = f.account_id AND s.external_id = f.external_id
        AND s.op = 0 AND s.status = 'posted'
    ORDER BY s.external_id
"""
_OLD: Final = """
    SELECT t.id, t.account_id, t.dated_on, t.amount, t.currency,
        t.description, t.counterparty, t.reference,
        CASE WHEN substr(t.external_id, 1, :length) = :source OR EXISTS (SELECT 1 FROM aliases a
            WHERE a.transaction_id = t.id AND substr(a.external_id, 1, :length) = :source)
            THEN 1 ELSE 0 END AS told_before
    FROM transactions t
    WHERE t.account_id IN {accounts} AND t.dated_on BETWEEN :first AND :last
        AND t.status = 'posted' AND t.removed_at IS NULL
        AND (t.account_id, t.amount) IN (SELECT s.account_id, s.amount
            FROM fresh f JOIN stage s ON s.account_id = f.account_id
                AND s.external_id = f.external_id)
        AND NOT EXISTS (SELECT 1 FROM stage k WHERE k.op <> 1
            AND k.account_id = t.account_id AND k.external_id = t.external_id)
"""
_OF_FILES: Final = f" AND {_IS_FILE}"
_NOT_ASIDE: Final = " AND NOT EXISTS (SELECT 1 FROM told_aside o WHERE o.id = t.id)"
_CORRECTED: Final = """
    INSERT INTO twice (row_id, account_id, external_id)
    SELECT t.id, s.account_id, min(s.external_id) FROM fresh f CROSS JOIN stage s
        JOIN transactions t
            ON t.account_id = s.account_id AND t.external_id = s.pending_external_id
    WHERE s.account_id = f.account_id AND s.external_id = f.external_id
        AND s.op = 0 AND s.status = 'posted' AND t.status = 'posted'
    GROUP BY t.id, s.account_id
"""
_CORRECTED_ALIAS: Final = """
    INSERT INTO twice (row_id, account_id, external_id)
    SELECT a.transaction_id, s.account_id, min(s.external_id) FROM fresh f CROSS JOIN stage s
        JOIN aliases a
            ON a.account_id = s.account_id AND a.external_id = s.pending_external_id
    WHERE s.account_id = f.account_id AND s.external_id = f.external_id
        AND s.op = 0 AND s.status = 'posted'
    GROUP BY a.transaction_id, s.account_id
"""
_FORGET_FRESH: Final = """
    DELETE FROM fresh WHERE EXISTS (SELECT 1 FROM twice w
        WHERE w.account_id = fresh.account_id AND w.external_id = fresh.external_id)
"""
_TAKE_OVER: Final = (
    """
    INSERT INTO aliases (account_id, external_id, transaction_id, run_id)
        SELECT t.account_id, t.external_id, t.id, :run
        FROM twice w JOIN transactions t ON t.id = w.row_id WHERE true ON CONFLICT DO NOTHING
    """,
    _FORGET_FRESH,
    """
    UPDATE transactions SET external_id = (SELECT w.external_id FROM twice w
            WHERE w.row_id = transactions.id),
        last_run_id = :run, updated_at = :now, change_number = :change
    WHERE id IN (SELECT row_id FROM twice)
    """,
)
_BECOME_ALIASES: Final = (
    """
    INSERT INTO aliases (account_id, external_id, transaction_id, run_id)
        SELECT account_id, external_id, row_id, :run FROM twice WHERE true ON CONFLICT DO NOTHING
    """,
    """
    UPDATE transactions SET last_run_id = :run, updated_at = :now, change_number = :change
    WHERE id IN (SELECT row_id FROM twice)
    """,
    _FORGET_FRESH,
    """
    DELETE FROM stage WHERE EXISTS (SELECT 1 FROM twice w
        WHERE w.account_id = stage.account_id AND w.external_id = stage.external_id)
    """,
)
# A pending row of an API that a file told as posted before: two rows that stand, so it is asked.
_NOW_POSTED: Final = f"""
    SELECT p.id, min(t.id) FROM transactions p JOIN transactions t
        ON t.account_id = p.account_id AND t.amount = p.amount AND t.currency = p.currency
    WHERE p.account_id IN {{accounts}} AND p.change_number = :change AND p.owner_id = :owner
        AND p.posted_run_id = :run AND p.first_run_id <> :run AND p.removed_at IS NULL
        AND p.status = 'posted' AND t.status = 'posted' AND t.removed_at IS NULL
        AND t.dated_on = p.dated_on AND {_IS_FILE} AND t.id <> p.id
        AND substr(p.external_id, 1, {len(OF_FILE)}) <> '{OF_FILE}'
    GROUP BY p.id LIMIT {MOST_ASKED}
"""
