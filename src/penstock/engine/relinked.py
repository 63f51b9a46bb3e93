"""A login that was linked before: its accounts go with it, and are never there twice.

A person who disconnects a bank and links it again finds their accounts as they left them: what a
disconnected connection of theirs kept is taken over, known by the same signs as after a renewal
(recognise.py). Where the other connection still lives, the new one would hold a second copy of
everything, so it is refused before anything of it is stored.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import sqlalchemy as sa

from penstock.db import accounts, images
from penstock.db.accounts import AccountRow
from penstock.domain.account import AccountSeen
from penstock.domain.consent import ConsentState
from penstock.domain.identity import forms_of
from penstock.domain.ids import public_id
from penstock.domain.outcome import Ending, Halt, Outcome
from penstock.domain.remedy import ask_person
from penstock.domain.update import Discovery
from penstock.engine.matching import contradict, match


def refuse_second_copy(
    connection: sa.Connection,
    connection_id: int,
    discovery: Discovery,
    hashes: Mapping[str, str],
) -> None:
    """Raise Halt where these accounts are those of another living connection of the owner's.

    That is so where one of them tells the same of itself (an IBAN), or where each has the name, the
    type and the currency of one there, and either its id or its mask.
    """
    others = accounts.beside(
        connection, connection_id, discovery.institution.external_id, connected=True
    )
    for number in dict.fromkeys(row.connection_id for row in others):
        if _same_login(
            discovery.accounts, [r for r in others if r.connection_id == number], hashes
        ):
            raise Halt(_refusal(connection_id, number))


def take_over(
    connection: sa.Connection,
    connection_id: int,
    discovery: Discovery,
    hashes: Mapping[str, str],
    *,
    change_number: int,
) -> list[AccountRow]:
    """Move accounts here that the owner's disconnected connections kept; return them."""
    kept = accounts.beside(
        connection, connection_id, discovery.institution.external_id, connected=False
    )
    seen = {one.external_id: one for one in discovery.accounts}
    found = [
        row
        for name, row in match(kept, discovery.accounts, hashes).items()
        if row.currency == seen[name].currency and not contradict(seen[name], row, hashes)
    ]
    _move(connection, connection_id, found, {}, change_number=change_number)
    return accounts.of_connection(connection, connection_id) if found else []


def adopt_files(
    connection: sa.Connection,
    connection_id: int,
    seen: Sequence[AccountSeen],
    hashes: Mapping[str, str],
    fingerprint: Callable[[str], str],
    *,
    change_number: int,
) -> None:
    """Move accounts here that files made, where the bank now says the same of its own.

    `hashes` are those of what is new here. The same is an IBAN, and the currency. Their rows are
    found again among the bank's (db/linking.py).
    """
    moved: set[int] = set()
    for one in seen:
        if one.external_id not in hashes:
            continue
        forms = [fingerprint(form) for form in forms_of(one.identity or "", one.currency)]
        found = accounts.of_files(connection, connection_id, forms, currency=one.currency)
        row = next((row for row in found if row.id not in moved), None)
        if row is not None:
            moved.add(row.id)
            told = {"identity_hash": hashes[one.external_id]}
            _move(connection, connection_id, [row], told, change_number=change_number)


def _move(
    connection: sa.Connection,
    connection_id: int,
    rows: Collection[AccountRow],
    told: Mapping[str, object],
    *,
    change_number: int,
) -> None:
    """Let accounts be this connection's.

    What runs of the other one brought is past undoing: this one takes their rows for known, and
    moves its cursor past them.
    """
    values = {**told, "connection_id": connection_id, "change_number": change_number}
    for row in rows:
        accounts.change(connection, row.id, values)
    images.delete_of_connections(connection, [row.connection_id for row in rows])


def _same_login(
    seen: Sequence[AccountSeen], stored: Sequence[AccountRow], hashes: Mapping[str, str]
) -> bool:
    told = {row.identity_hash for row in stored if row.identity_hash}
    if told & {*hashes.values()}:
        return True
    return bool(seen) and all(any(_looks_like(one, row) for row in stored) for one in seen)


def _looks_like(one: AccountSeen, row: AccountRow) -> bool:
    if (one.name, one.type, one.currency) != (row.name, row.type, row.currency):
        return False
    return one.external_id == row.external_id or (one.mask is not None and one.mask == row.mask)


def _refusal(connection_id: int, other: int) -> Ending:
    new, old = public_id("con", connection_id), public_id("con", other)
    return Ending(
        Outcome.CONSENT,
        f"These accounts are linked already, by {old}: nothing was stored a second time.",
        ask_person(
            f"End this link: `penstock disconnect {new}`. If the other one does not work any more, "
            f"renew it: `penstock connect NAME --renew {old}`. If they are not the same accounts "
            "after all, set PENSTOCK_LINK_TWICE=true, and sync again."
        ),
        consent=ConsentState.LOGIN_REQUIRED,
    )
