"""A snapshot of holdings as it is stored: checked, exact, by our own numbers; and its history."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import sqlalchemy as sa

from penstock.db import holding_versions, price_turns
from penstock.db.holdings import Held, Position
from penstock.db.staging import Into
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.holding import HoldingSeen, canonical_price, canonical_quantity
from penstock.engine import securities, splits


def as_stored(told: Mapping[str, Sequence[HoldingSeen]], accounts: Mapping[str, int]) -> Held:
    """Return all that was told of what accounts hold.

    Raises ContractBroken for an account that the bank did not list, for an id that one account
    has twice (to add the two up, or to drop one, could be wrong in silence), and for numbers that
    cannot be kept.
    """
    return {_number_of(name, accounts): _positions(name, rows) for name, rows in told.items()}


def follow(connection: sa.Connection, into: Into) -> None:
    """Let what hangs on positions follow those that were just written."""
    moved = holding_versions.append(
        connection,
        owner_id=into.owner_id,
        change_number=into.change_number,
        run_id=into.run_id,
        today=into.today,
    )
    book = securities.Book(into.owner_id, into.now, into.run_id)
    securities.link(connection, book, change_number=into.change_number)
    splits.suggest(connection, book, moved)
    price_turns.follow(connection, owner_id=into.owner_id, now=into.now)


def _number_of(name: str, accounts: Mapping[str, int]) -> int:
    if name not in accounts:
        raise ContractBroken(f"Holdings name account {name!r}, which the bank did not list.")
    return accounts[name]


def _positions(account: str, rows: Sequence[HoldingSeen]) -> dict[str, Position]:
    found: dict[str, Position] = {}
    for row in rows:
        name = _storable(row.external_id)
        if row.account != account:
            raise _broken(row, f"is of account {row.account!r}, told among those of {account!r}")
        if not name.strip():
            raise _broken(row, "has no id")
        if name in found:
            raise _broken(row, "was told twice")
        found[name] = _position(row)
    return found


def _position(row: HoldingSeen) -> Position:
    if row.as_of.tzinfo is None:
        raise _broken(row, "is stated as of an instant without an offset")
    try:
        return {
            "symbol": _told(row.symbol),
            "isin": _told(row.isin),
            "mic": _told(row.mic),
            "figi": _told(row.figi),
            "cusip": _told(row.cusip),
            "security_external_id": _told(row.security),
            "name": _storable(row.name),
            "type": str(row.type),
            "quantity": canonical_quantity(row.quantity),
            "price": _price(row.price, row.currency),
            "value": _price(row.value, row.currency),
            "cost_basis": _price(row.cost_basis, row.currency),
            "currency": row.currency,
            "as_of": row.as_of,
            "ended_at": None,
        }
    except InvalidInput as error:
        raise _broken(row, f"cannot be kept: {error.message}") from None


def _told(text: str | None) -> str | None:
    return _storable(text) if text else None


def _price(amount: Decimal | None, currency: str) -> Decimal | None:
    return None if amount is None else canonical_price(amount, currency)


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")  # PostgreSQL keeps no NUL in any text


def _broken(row: HoldingSeen, why: str) -> ContractBroken:
    return ContractBroken(f"Holding {row.external_id!r} ({row.name}) {why}.")
