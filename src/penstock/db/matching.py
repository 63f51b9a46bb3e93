"""Conditions that mean the same on SQLite and on PostgreSQL, whatever the server's locale.

SQLite folds the case of ASCII only, and so does PostgreSQL in the locale C; and a comparison of
amounts as floating numbers is wrong in the last digit. So the pattern itself names both cases of
each letter, and amounts are compared exactly.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from penstock.db.metadata import Exact, Instant

_GLOB_SPECIAL: Final = frozenset("*?[")
_CLOSE: Final = 1e-9


def pattern(dialect: str, needle: str) -> str:
    """Return the pattern of texts that contain `needle`, in upper or lower case; see `contains`."""
    if dialect == "sqlite":
        return f"*{''.join(map(_glob, needle))}*"
    return "".join(map(_regular, needle))


def contains(
    dialect: str, columns: Iterable[sa.ColumnElement[Any]], like: sa.ColumnElement[str]
) -> sa.ColumnElement[bool]:
    """Say whether a text of these columns contains what a `pattern` was made of."""
    operator = "GLOB" if dialect == "sqlite" else "~"
    return sa.or_(*(column.op(operator, is_comparison=True)(like) for column in columns))


def _cases(letter: str) -> str:
    """Return a letter in each of its cases that is one letter too (ß has no such upper case)."""
    upper, lower = letter.upper(), letter.lower()
    cases = {letter, upper, lower, upper.lower(), lower.upper()}
    return "".join(sorted(case for case in cases if len(case) == 1))


def _glob(letter: str) -> str:
    cases = _cases(letter)
    return f"[{cases}]" if len(cases) > 1 or letter in _GLOB_SPECIAL else letter


def _regular(letter: str) -> str:
    cases = _cases(letter)
    if len(cases) > 1:
        return f"[{cases}]"
    return letter if letter.isalnum() or not letter.isascii() else f"\\{letter}"


def at_least(
    dialect: str, amount: sa.ColumnElement[Decimal], bound: sa.ColumnElement[Decimal]
) -> sa.ColumnElement[bool]:
    """Say whether an amount is `bound` or more, to the last digit."""
    if dialect != "sqlite":
        return amount >= bound
    over, near, compared = _sqlite_distance(amount, bound)
    return sa.or_(over > near, sa.and_(over >= -near, compared >= 0))


def at_most(
    dialect: str, amount: sa.ColumnElement[Decimal], bound: sa.ColumnElement[Decimal]
) -> sa.ColumnElement[bool]:
    """Say whether an amount is `bound` or less, to the last digit."""
    if dialect != "sqlite":
        return amount <= bound
    over, near, compared = _sqlite_distance(amount, bound)
    return sa.or_(over < -near, sa.and_(over <= near, compared <= 0))


def _sqlite_distance(
    amount: sa.ColumnElement[Decimal], bound: sa.ColumnElement[Decimal]
) -> tuple[sa.ColumnElement[float], sa.ColumnElement[float], sa.ColumnElement[int]]:
    """Return about how much the amount is over the bound, how little is too close, and -1, 0, 1.

    Only where the two are too close for a floating number is it worth comparing the texts.
    """
    here, there = sa.cast(amount, sa.Float), sa.cast(bound, sa.Float)
    compared = sa.func.exact_compare(amount, bound, type_=sa.Integer())
    return here - there, sa.func.abs(there, type_=sa.Float()) * _CLOSE, compared


class _PlainInstant(sa.sql.functions.FunctionElement[str]):
    """An instant as the driver gives it; SQLite's text without a fraction that is zero."""

    type = sa.Text()
    inherit_cache = True
    name = "plain_instant"


@compiles(_PlainInstant)
def _plain_instant(
    element: _PlainInstant,
    compiler: SQLCompiler,
    **options: Any,  # noqa: ANN401 - SQLAlchemy's own, handed on
) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_PlainInstant, "sqlite")
def _plain_instant_sqlite(
    element: _PlainInstant,
    compiler: SQLCompiler,
    **options: Any,  # noqa: ANN401 - SQLAlchemy's own, handed on
) -> str:
    return f"replace({compiler.process(element.clauses, **options)}, '.000000Z', 'Z')"


def plain(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """Return a column as the driver gives it, ready to be written down: no time is spent on types.

    An amount is its exact text; a day or an instant is a text on SQLite, and on PostgreSQL a
    `date`, or a `datetime` in UTC, that msgspec writes as the same text.
    """
    if isinstance(column.type, Exact):
        return sa.cast(column, sa.Text()).label(column.key)
    if isinstance(column.type, Instant):
        return _PlainInstant(column).label(column.key)
    return sa.type_coerce(column, sa.Text()).label(column.key)
