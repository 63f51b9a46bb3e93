"""People and how they sign in: L1, L4, L5."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from penstock.cli.doctor.security.around import Around
from penstock.cli.doctor.security.finding import Finding, attention, counted, failed, ok
from penstock.db.setup_links import setup_links
from penstock.db.sign_in_attempts import sign_in_attempts
from penstock.db.users import users
from penstock.identity.passwords import COST

_FORM: Final = "$2b$"
_MANY_GUESSES: Final = 100
_LATELY: Final = timedelta(hours=1)


def hashes(connection: sa.Connection, _around: Around) -> Iterator[Finding]:
    """L1: every stored password is bcrypt of our cost or more."""
    form = sa.func.substr(users.c.password_hash, 1, 7).label("form")
    query = sa.select(form, sa.func.count()).group_by("form")
    forms = {str(kept): int(number) for kept, number in connection.execute(query)}
    strange = sum(number for kept, number in forms.items() if not kept.startswith(_FORM))
    cheap = sum(
        number
        for kept, number in forms.items()
        if kept.startswith(_FORM) and int(kept[len(_FORM) : len(_FORM) + 2]) < COST
    )
    if strange:
        remedy = "Nobody signs in by these: give the people a new password, or disable them."
        yield failed(f"{counted(strange, 'password')} in a form that is not ours", remedy)
    if cheap:
        remedy = "Have these people change their password: it is hashed at today's cost then."
        yield attention(f"{counted(cheap, 'hash', 'hashes')} of a cost below {COST}", remedy)
    if not strange and not cheap:
        yield ok(f"{counted(sum(forms.values()), 'password')}: bcrypt, cost {COST} or more")


def guessing(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """L4: nobody is trying password after password at this moment."""
    c = sign_in_attempts.c
    query = sa.select(sa.func.max(c.attempts), sa.func.count()).where(
        c.last_at > around.now - _LATELY, c.not_before > around.now
    )
    most, waiting = connection.execute(query).one()
    if (most or 0) >= _MANY_GUESSES:
        remedy = "See who it is (`sign_in_refused` in the log), and shut them out at your proxy."
        yield attention(f"{most:,} wrong passwords in a row from one place or for one", remedy)
    else:
        yield ok(f"{counted(waiting, 'account or address', 'accounts or addresses')} must wait")


def first_person(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """L5: no link is about with which a stranger could make themselves the first person."""
    query = sa.select(sa.func.max(setup_links.c.expires_at)).where(
        setup_links.c.expires_at > around.now
    )
    until = connection.execute(query).scalar_one()
    if until is not None:
        remedy = "Use it, or make the first person with `penstock user add NAME`: then it is dead."
        yield attention(f"a link for the first person is good until {until:%H:%M} UTC", remedy)
    else:
        yield ok("no link for a first person is open, and no password comes with the program")
