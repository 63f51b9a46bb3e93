"""A login that was linked before: its accounts go with it, and are never there twice.

A person who disconnects a bank and links it again finds their accounts as they left them: what a
disconnected connection of theirs kept is taken over, known by the same signs as after a renewal
(recognise.py). Where the other connection still lives, the new one would hold a second copy of
everything, so it is refused before anything of it is stored.
"""

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from penstock.db import accounts, images
from penstock.db.accounts import AccountRow
from penstock.domain.account import AccountSeen
from penstock.domain.consent import ConsentState
from penstock.domain.ids import public_id
from penstock.domain.outcome import Ending, Halt, Outcome
from penstock.domain.remedy import ask_person
from penstock.domain.update import Discovery
from penstock.engine.matching import match


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
    found = match(kept, discovery.accounts, hashes)
    _move(connection, connection_id, found.values(), change_number=change_number)
    return accounts.of_connection(connection, connection_id) if found else []


def adopt_files(
    connection: sa.Connection,
    connection_id: int,
    hashes: Mapping[str, str],
    stored: Sequence[AccountRow],
    *,
    owner_id: int,
    change_number: int,
) -> list[AccountRow]:
    """Move accounts here that files made, where the bank now says the same of its own (an IBAN).

    Their rows are found again among the bank's (db/linking.py). Returns those of the connection.
    """
    known = {row.identity_hash for row in stored}
    new = [one for one in hashes.values() if one not in known]
    found = accounts.of_files(connection, new, owner_id=owner_id) if new else []
    once = {row.identity_hash: row for row in reversed(found)}
    _move(connection, connection_id, once.values(), change_number=change_number)
    return accounts.of_connection(connection, connection_id) if once else list(stored)


def _move(
    connection: sa.Connection,
    connection_id: int,
    rows: Collection[AccountRow],
    *,
    change_number: int,
) -> None:
    """Let accounts be this connection's.

    What runs of the other one brought is past undoing: this one takes their rows for known, and
    moves its cursor past them.
    """
    values: dict[str, object] = {"connection_id": connection_id, "change_number": change_number}
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
