"""Which of the stored accounts are those that a bank lists now.

By the id; else by what an account says of itself (an IBAN's keyed hash), in the same currency; else
by type, currency, name and mask, where that is the only match both ways and no hash contradicts.
"""

from collections.abc import Mapping, Sequence

from penstock.db.accounts import AccountRow
from penstock.domain.account import AccountSeen


def match(
    stored: Sequence[AccountRow], seen: Sequence[AccountSeen], hashes: Mapping[str, str]
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
            alone = len(rows) == len(rivals) == 1
            if alone and one.currency == rows[0].currency and not contradict(one, rows[0], hashes):
                found[one.external_id] = rows[0]
    return found


def contradict(one: AccountSeen, row: AccountRow, hashes: Mapping[str, str]) -> bool:
    """Say whether both tell who they are, and it is not the same."""
    told = hashes.get(one.external_id)
    return None not in (told, row.identity_hash) and told != row.identity_hash


def _looks_of_seen(one: AccountSeen) -> tuple[str, ...] | None:
    return (one.type, one.currency, one.name, one.mask) if one.mask else None


def _looks_of_stored(row: AccountRow) -> tuple[str, ...] | None:
    return (row.type, row.currency, row.name, row.mask) if row.mask else None
