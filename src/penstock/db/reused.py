"""Rows under an id that is another row's already (sync.md 13).

Some banks write the same few letters as the id of many rows. Where one reading tells several rows
of an id, that is seen at once (domain/naming.py). Where they come one after the other, only what
is stored tells: a posted row does not move to another day, nor become another sum. Such a row is
named by what it says, and the one that stands under the id is left alone. So is each later one:
that an id gave way to a name is remembered as an alias.
"""

from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from penstock.db.staging import Into
from penstock.db.statements import Statements
from penstock.db.sweeping import Told
from penstock.domain.errors import ContractBroken
from penstock.domain.naming import OURS, is_told, what_it_says
from penstock.domain.transaction import Status, TransactionSeen


class _Stored(NamedTuple):
    """The row that has the id: `named` where it has, by now, a name of ours instead."""

    named: bool
    dated_on: date | None
    money: tuple[Decimal, str]
    words: tuple[str, str]


def settle(statements: Statements, into: Into, told: Told | None) -> None:
    """Name the staged rows whose id is another's. Raises ContractBroken where nobody could.

    For that all rows of the day must have been told, as of any row without an id. None: they come
    from the archive, where they have been stored already, under whichever name.
    """
    names = {number: name for name, number in into.accounts.items()}
    for account_id, *found in statements.all(_UNDER_ANOTHERS_ID):
        row, stored = _row(names[account_id], found[:_FIELDS]), _stored(found[_FIELDS:])
        if not _is_another(row, stored, told):
            continue
        within = told.covered if told and not told.whole else None
        says, day = what_it_says(row, within)
        if told and not _was_told(told, row.account, day):
            raise ContractBroken(
                f"The bank gives a row of {day or 'no day'} (account {row.account}) the id of "
                "another one, and does not tell all rows of that day."
            )
        new = _free_name(statements, account_id, says)
        values = {"account": account_id, "old": row.external_id, "new": new}
        statements.do(_RENAME, values)


def _is_another(row: TransactionSeen, stored: _Stored, told: Told | None) -> bool:
    """Tell whether the row that has the id is not the one that is told under it."""
    posted = row.status is Status.POSTED
    if stored.named:
        return posted
    same_money = stored.money == (row.amount, row.currency)
    if not posted:
        return not same_money
    same_day = stored.dated_on == row.booked_on
    same_words = stored.words == (row.description, row.counterparty or "")
    if told is None:
        return not (same_day and (same_money or same_words))
    if same_money and same_day:
        return False
    if not _was_told(told, row.account, stored.dated_on):
        return True
    # Its own day was told, and it was not told there: so it may have been corrected.
    return not (same_money or same_words)


def _was_told(told: Told, account: str, day: date | None) -> bool:
    return told.whole or is_told(told.covered, account, day)


def _free_name(statements: Statements, account_id: int, says: str) -> str:
    """Return the first name for a row that says this, of which none is staged yet."""
    values = {"account": account_id, "like": f"{says}.%"}
    return f"{says}.{1 + len(statements.all(_OF_THIS_NAME, values))}"


def _row(account: str, values: list[Any]) -> TransactionSeen:
    external_id, status, amount, currency, booked, value, authorized, *words = values
    description, counterparty, reference = words
    return TransactionSeen(
        account,
        external_id,
        Status(status),
        Decimal(amount),
        currency,
        _day(booked),
        _day(value),
        _day(authorized),
        description,
        counterparty,
        reference=reference,
    )


def _stored(values: list[Any]) -> _Stored:
    external_id, dated_on, amount, currency, description, counterparty = values
    return _Stored(
        external_id.startswith(OURS),
        _day(dated_on),
        (Decimal(amount), currency),
        (description, counterparty or ""),
    )


def _day(day: date | str | None) -> date | None:
    return date.fromisoformat(day) if isinstance(day, str) else day


_FIELDS: Final = 10
_BOTH: Final = """
    SELECT s.account_id, s.external_id, s.status, s.amount, s.currency, s.booked_on, s.value_on,
        s.authorized_on, s.description, s.counterparty, s.reference,
        t.external_id, t.dated_on, t.amount, t.currency, t.description, t.counterparty
"""
# The plus keeps SQLite from walking all that is stored, to look each row up in the stage.
_UNDER_ANOTHERS_ID: Final = f"""
    {_BOTH} FROM stage s JOIN transactions t
        ON t.account_id = +s.account_id AND t.external_id = s.external_id
    WHERE s.op = 0 AND t.status = 'posted'
        AND (t.amount <> s.amount OR t.currency <> s.currency OR t.dated_on <> {{dated_of_s}})
    UNION ALL
    {_BOTH} FROM stage s CROSS JOIN aliases a JOIN transactions t ON t.id = a.transaction_id
    WHERE s.op = 0 AND s.status = 'posted' AND s.external_id NOT LIKE '{OURS}%'
        AND a.account_id = s.account_id AND a.external_id = s.external_id
        AND t.external_id LIKE '{OURS}%'
    ORDER BY 1, 2
"""
_OF_THIS_NAME: Final = """
    SELECT 1 FROM stage WHERE account_id = :account AND external_id LIKE :like AND op = 0
"""
_RENAME: Final = """
    UPDATE stage SET external_id = :new WHERE account_id = :account AND external_id = :old
"""
