"""What a bank lists, stored: which stored account is which (matching.py), and what is new of each.

An account that is no longer listed becomes inactive (sync.md 17, 26).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db import accounts, connections, feeds, leases, price_turns
from penstock.db.accounts import AccountRow
from penstock.db.connections import ConnectionRow
from penstock.db.leases import Lease
from penstock.domain.account import AccountSeen
from penstock.domain.identity import as_written
from penstock.domain.update import Discovery
from penstock.engine.matching import match
from penstock.engine.relinked import adopt_files, refuse_second_copy, take_over

Fingerprint = Callable[[str], str]
"""A keyed hash of what identifies an account, so that the text itself is never stored."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The accounts of a discovery by the provider's id."""

    ids: dict[str, int]


@dataclass(frozen=True, slots=True)
class Compared:
    """A discovery beside what is stored: each listed account, its row, what is to be stored."""

    steps: list[tuple[AccountSeen, AccountRow | None, dict[str, object]]]
    gone: list[int]

    @property
    def changed(self) -> list[tuple[AccountSeen, AccountRow | None, dict[str, object]]]:
        """The accounts that are new or not as they are stored."""
        return [step for step in self.steps if step[1] is None or _differs(step[1], step[2])]

    @property
    def ids(self) -> dict[str, int]:
        """The accounts that are stored already."""
        return {seen.external_id: row.id for seen, row, _ in self.steps if row}


def compare(
    stored: Sequence[AccountRow], seen: Sequence[AccountSeen], fingerprint: Fingerprint
) -> Compared:
    """Find the stored account of each listed one, and those that are listed no longer."""
    hashes = _hashes(seen, fingerprint)
    known = match(stored, seen, hashes)
    steps = [
        (one, row, _values(one, row, hashes.get(one.external_id)))
        for one in seen
        for row in [known.get(one.external_id)]
    ]
    listed = {row.id for _, row, _ in steps if row}
    return Compared(steps, [row.id for row in stored if row.active and row.id not in listed])


def _hashes(seen: Sequence[AccountSeen], fingerprint: Fingerprint) -> dict[str, str]:
    return {one.external_id: fingerprint(as_written(one.identity)) for one in seen if one.identity}


def as_stored(
    row: ConnectionRow,
    stored: Sequence[AccountRow],
    discovery: Discovery,
    fingerprint: Fingerprint,
) -> Recognised | None:
    """Return the accounts where a discovery says only what is stored; else None."""
    institution = discovery.institution
    if (row.institution_id, row.institution_name) != (institution.external_id, institution.name):
        return None
    compared = compare(stored, discovery.accounts, fingerprint)
    return None if compared.changed or compared.gone else Recognised(compared.ids)


def recognise(  # noqa: PLR0913  one transaction needs all of it
    connection: sa.Connection,
    lease: Lease,
    discovery: Discovery,
    *,
    owner_id: int,
    fingerprint: Fingerprint,
    now: datetime,
    link_twice: bool = False,
) -> Recognised:
    """Store what a discovery says, in one transaction under the lease.

    Unless one may `link_twice`, a connection that has no accounts yet takes over those of the same
    login that a disconnected one kept, and Halt is raised where a living one has them. Accounts
    that only files have told are taken over by what they say of themselves. Raises LeaseLost.
    """
    leases.lock(connection, lease)
    connection_id = lease.connection_id
    connections.describe(
        connection,
        connection_id,
        institution_id=discovery.institution.external_id,
        institution_name=discovery.institution.name,
    )
    stored = accounts.of_connection(connection, connection_id)
    number = 0
    hashes = _hashes(discovery.accounts, fingerprint)
    if not stored and not link_twice:
        number = feeds.next_change(connection, owner_id)  # who links the same at once waits here
        refuse_second_copy(connection, connection_id, discovery, hashes)
        stored = take_over(connection, connection_id, discovery, hashes, change_number=number)
        price_turns.follow(connection, owner_id=owner_id, now=now)
    known = {row.identity_hash for row in stored}
    new = {name: told for name, told in hashes.items() if told not in known}
    if new:
        number = number or feeds.next_change(connection, owner_id)
        adopt_files(
            connection,
            connection_id,
            discovery.accounts,
            new,
            fingerprint,
            change_number=number,
        )
        stored = accounts.of_connection(connection, connection_id)
    compared = compare(stored, discovery.accounts, fingerprint)
    if number == 0 and (compared.changed or compared.gone):
        number = feeds.next_change(connection, owner_id)
    ours = {"owner_id": owner_id, "connection_id": connection_id, "created_at": now}
    ids = compared.ids | _store(connection, compared.changed, ours, change_number=number)
    if compared.gone:
        accounts.deactivate(connection, compared.gone, change_number=number)
    return Recognised(ids)


def _store(
    connection: sa.Connection,
    changed: Sequence[tuple[AccountSeen, AccountRow | None, dict[str, object]]],
    ours: Mapping[str, object],
    *,
    change_number: int,
) -> dict[str, int]:
    """Store what is told of accounts; return those that are new, by the provider's ids."""
    ids = {}
    for seen, row, values in changed:
        told = {**values, "change_number": change_number}
        if row:
            accounts.change(connection, row.id, told)
        else:
            ids[seen.external_id] = accounts.create(connection, {**told, **ours})
    return ids


def _values(
    seen: AccountSeen, row: AccountRow | None, identity_hash: str | None
) -> dict[str, object]:
    """Return what is to be stored. What once identified the account stays known."""
    if identity_hash is None and row is not None:
        identity_hash = row.identity_hash
    return {
        "external_id": seen.external_id,
        "identity_hash": identity_hash,
        "parent_external_id": seen.parent,
        "name": seen.name,
        "type": str(seen.type),
        "currency": seen.currency,
        "mask": seen.mask,
        "active": True,
    }


def _differs(row: AccountRow, values: dict[str, object]) -> bool:
    return any(getattr(row, name) != value for name, value in values.items())
