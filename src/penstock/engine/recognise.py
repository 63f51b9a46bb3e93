"""Which stored account is which of the accounts that the bank lists now (sync.md 17, 26).

By its id; else by what it says of itself (an IBAN's keyed hash); else by type, currency, name and
mask, where that is the only match both ways and no hash contradicts. An account that is no longer
listed becomes inactive.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db import accounts, connections, feeds, leases
from penstock.db.accounts import AccountRow
from penstock.db.connections import ConnectionRow
from penstock.db.leases import Lease
from penstock.domain.account import AccountSeen
from penstock.domain.update import Discovery

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
    hashes = {one.external_id: fingerprint(one.identity) for one in seen if one.identity}
    known = match(stored, seen, hashes)
    steps = [
        (one, row, _values(one, row, hashes.get(one.external_id)))
        for one in seen
        for row in [known.get(one.external_id)]
    ]
    listed = {row.id for _, row, _ in steps if row}
    return Compared(steps, [row.id for row in stored if row.active and row.id not in listed])


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


def recognise(
    connection: sa.Connection,
    lease: Lease,
    discovery: Discovery,
    *,
    owner_id: int,
    fingerprint: Fingerprint,
    now: datetime,
) -> Recognised:
    """Store what a discovery says, in one transaction under the lease. Raises LeaseLost."""
    leases.lock(connection, lease)
    connection_id = lease.connection_id
    institution = discovery.institution
    connections.describe(
        connection,
        connection_id,
        institution_id=institution.external_id,
        institution_name=institution.name,
    )
    stored = accounts.of_connection(connection, connection_id)
    compared = compare(stored, discovery.accounts, fingerprint)
    changed, gone, ids = compared.changed, compared.gone, compared.ids
    number = feeds.next_change(connection, owner_id) if changed or gone else 0
    for seen, row, values in changed:
        if row:
            accounts.change(connection, row.id, {**values, "change_number": number})
        else:
            new = {**values, "owner_id": owner_id, "connection_id": connection_id}
            new |= {"created_at": now, "change_number": number}
            ids[seen.external_id] = accounts.create(connection, new)
    if gone:
        accounts.deactivate(connection, gone, change_number=number)
    return Recognised(ids)


def match(
    stored: Sequence[AccountRow], seen: Sequence[AccountSeen], hashes: dict[str, str]
) -> dict[str, AccountRow]:
    """Return the stored account of each listed one that has one, by the listed one's id."""
    known = {row.external_id: row for row in stored}
    found = {one.external_id: known[one.external_id] for one in seen if one.external_id in known}
    for of_seen, of_stored in (
        (lambda one: hashes.get(one.external_id), lambda row: row.identity_hash),
        (_looks_of_seen, _looks_of_stored),
    ):
        taken = {row.id for row in found.values()}
        new = [one for one in seen if one.external_id not in found]
        free = [row for row in stored if row.id not in taken]
        for one in new:
            key = of_seen(one)
            rows = [row for row in free if key and of_stored(row) == key]
            rivals = [other for other in new if of_seen(other) == key]
            if len(rows) == len(rivals) == 1 and not _contradict(one, rows[0], hashes):
                found[one.external_id] = rows[0]
    return found


def _contradict(one: AccountSeen, row: AccountRow, hashes: dict[str, str]) -> bool:
    """Say whether both tell who they are, and it is not the same."""
    told = hashes.get(one.external_id)
    return None not in (told, row.identity_hash) and told != row.identity_hash


def _looks_of_seen(one: AccountSeen) -> tuple[str, ...] | None:
    return (one.type, one.currency, one.name, one.mask) if one.mask else None


def _looks_of_stored(row: AccountRow) -> tuple[str, ...] | None:
    return (row.type, row.currency, row.name, row.mask) if row.mask else None


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
