"""Where a file goes: which account each of its statements speaks of, or is to be made for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db import accounts, connections, feeds, file_accounts, leases, users
from penstock.db.accounts import AccountRow
from penstock.domain.account import AccountType
from penstock.domain.errors import Conflict, InvalidInput
from penstock.domain.identity import forms_of
from penstock.domain.ids import public_id
from penstock.domain.imported import Holder, Statement
from penstock.domain.remedy import ask_person

Fingerprint = Callable[[str], str]
OTHERS: Final = "files"
_TYPE_NAMES: Final = {
    AccountType.CHECKING: "Account",
    AccountType.SAVINGS: "Savings",
    AccountType.CREDIT_CARD: "Card",
    AccountType.LOAN: "Loan",
    AccountType.INVESTMENT: "Investment",
    AccountType.OTHER: "Account",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person says of where it goes: an account of theirs, or a name; or neither."""

    owner_id: int
    account_id: int | None = None
    named: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """An account, and the statements of it. `created`: it was made just now."""

    account: AccountRow
    statements: list[tuple[int, Statement]]
    created: bool = False


def place(
    connection: sa.Connection,
    statements: Sequence[Statement],
    wanted: Wanted,
    fingerprint: Fingerprint,
    *,
    now: datetime,
) -> list[Placed]:
    """Find the account of each statement; make those that there are none of.

    Raises NotFound, InvalidInput where nobody says which account it is, and Conflict where the file
    is of another account than the person says.
    """
    users.hold(connection, wanted.owner_id)  # two imports at once make nothing twice
    if wanted.account_id is not None:
        accounts.get(connection, wanted.account_id, owner_id=wanted.owner_id)
    groups: dict[str, list[tuple[int, Statement]]] = {}
    for number, one in enumerate(statements):
        groups.setdefault(_identity(one.holder, wanted), []).append((number, one))
    if wanted.account_id is not None and len(groups) > 1:
        raise InvalidInput(
            f"This file has {len(groups)} accounts, and cannot go into one.",
            remedy=ask_person("Import it without --account: each finds its own, or is made."),
        )
    return [
        _place_one(connection, identity, group, wanted, fingerprint, now)
        for identity, group in groups.items()
    ]


def _identity(holder: Holder, wanted: Wanted) -> str:
    """Return by what the account is found again: what the file says, or what the person does."""
    if holder.identity is not None:
        return holder.identity
    if wanted.account_id is not None:
        return f"account {wanted.account_id}"
    name = wanted.named or holder.name
    if not name:
        raise InvalidInput(
            "The file does not say which account it is of.",
            remedy=ask_person(
                "Say it: `--account ID` for one that is there (`penstock accounts`), or "
                "`--new NAME` for one of its own."
            ),
        )
    return f"named {name}"


def _place_one(
    connection: sa.Connection,
    identity: str,
    group: list[tuple[int, Statement]],
    wanted: Wanted,
    fingerprint: Fingerprint,
    now: datetime,
) -> Placed:
    holder = next((one.holder for _, one in group if one.holder.currency), group[0][1].holder)
    told = [fingerprint(form) for form in forms_of(identity, holder.currency)]
    known = file_accounts.find(
        connection,
        told,
        owner_id=wanted.owner_id,
        # Only one IBAN may be that of several accounts.
        currency=holder.currency if len(told) > 1 else "",
    )
    if wanted.account_id is not None:
        if known not in (None, wanted.account_id):
            other = public_id("acc", known or 0)
            raise Conflict(f"This file is of the account {other}, and not of the one you named.")
        known = wanted.account_id
    created = known is None
    if known is None:
        # The last form tells the currency with it, where there is one.
        known = _make(connection, told[-1], holder, wanted, now)
    for form in told:
        file_accounts.note(connection, form, known, owner_id=wanted.owner_id)
    row = accounts.get(connection, known, owner_id=wanted.owner_id)
    _check_currency(row, group)
    return Placed(row, group, created)


def _check_currency(row: AccountRow, group: list[tuple[int, Statement]]) -> None:
    found = {each.currency for _, one in group for each in one.rows}
    found |= {one.holder.currency for _, one in group if one.holder.currency}
    if found - {row.currency}:
        raise InvalidInput(
            f"The file is in {', '.join(sorted(found))}, and the account "
            f"{public_id('acc', row.id)} in {row.currency}.",
            remedy=ask_person("Name the right account, or the right currency."),
        )


def _make(
    connection: sa.Connection, told: str, holder: Holder, wanted: Wanted, now: datetime
) -> int:
    """Make an account, and its connection, of which all accounts of that bank are."""
    currency = holder.currency or wanted.currency
    if not currency:
        raise InvalidInput(
            "Nobody says in which currency the account is.",
            remedy=ask_person("Say it: `--currency EUR`."),
        )
    bank = holder.bank or holder.bank_name or OTHERS
    connection_id = connections.find_of_files(
        connection, owner_id=wanted.owner_id, institution_id=bank
    )
    if connection_id is None:
        connection_id = connections.create_for_files(
            connection,
            owner_id=wanted.owner_id,
            institution_id=bank,
            institution_name=holder.bank_name or ("Files" if bank == OTHERS else bank),
            now=now,
        )
        leases.open_lease(connection, connection_id)
    else:
        leases.hold(connection, connection_id)  # before the feed, as everybody takes them
    name = wanted.named or holder.name or _TYPE_NAMES[holder.type]
    values: dict[str, object] = {
        "owner_id": wanted.owner_id,
        "connection_id": connection_id,
        "external_id": told,
        "identity_hash": told if holder.identity else None,
        "name": name,
        "type": str(holder.type),
        "currency": currency,
        "mask": holder.mask,
        "active": True,
        "created_at": now,
        "change_number": feeds.next_change(connection, wanted.owner_id),
    }
    return accounts.create(connection, values)
