"""Programs that were let in, and tokens that people made for their own: C1, C6."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from penstock.cli.doctor.security.around import Around, decoy
from penstock.cli.doctor.security.exposure import is_in_clear
from penstock.cli.doctor.security.finding import Finding, attention, counted, named, ok
from penstock.db.clients import clients
from penstock.db.personal_tokens import personal_tokens
from penstock.db.sessions import sessions

_UNUSED: Final = timedelta(days=90)
_LONG: Final = timedelta(days=180)
_ONLY_READS: Final = frozenset({"read", "quotes"})


def addresses(connection: sa.Connection, _around: Around) -> Iterator[Finding]:
    """C1: no program has people sent back, with a code, in the clear to another machine.

    A scheme of a program's own stays on the machine (RFC 8252 §7.1).
    """
    rows = connection.execute(sa.select(clients.c.name, clients.c.redirect_uris)).all()
    in_clear = [name for name, uris in rows if any(map(is_in_clear, uris.split()))]
    if in_clear:
        remedy = "Register these programs anew with https; others on the way read a plain address."
        yield attention(f"codes travel in the clear to {named(in_clear)}", remedy)
    else:
        yield ok(f"{counted(len(rows), 'program')} registered, none with an address in the clear")


def personal(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """C6: no personal token lies about unused, and none does more than read for very long."""
    c, s = personal_tokens.c, sessions.c
    query = (
        sa.select(c.name, sa.func.coalesce(c.used_at, c.created_at), s.scope, s.expires_at)
        .join_from(personal_tokens, sessions)
        .where(
            s.ended_at.is_(None),
            s.expires_at > around.now,
            c.user_id != decoy(connection, around),
        )
        .order_by(c.id)
    )
    rows = connection.execute(query).all()
    unused = [name for name, used, _, _ in rows if used < around.now - _UNUSED]
    mighty = [
        name
        for name, _, scope, ends in rows
        if ends > around.now + _LONG and set(scope.split()) - _ONLY_READS
    ]
    if unused:
        remedy = "Have their people end them: what nobody uses, nobody misses when it is stolen."
        yield attention(f"unused for {_UNUSED.days} days: {named(unused)}", remedy)
    if mighty:
        remedy = "Have their people make new ones, with fewer scopes or an earlier end."
        found = f"more than reading, for more than {_LONG.days} days: {named(mighty)}"
        yield attention(found, remedy)
    if not unused and not mighty:
        yield ok(f"{counted(len(rows), 'personal token')}, each in use and none too mighty")
