"""Sessions and their refresh tokens: R1, R2, R4, R5, R6."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from penstock.cli.doctor.security.around import Around, decoy
from penstock.cli.doctor.security.finding import Finding, attention, counted, failed, ok
from penstock.db.refresh_tokens import refresh_tokens
from penstock.db.sessions import sessions
from penstock.db.users import users
from penstock.identity.sessions import ABSOLUTE, Ended

_HASH_LENGTH: Final = 64  # SHA-256, in hex
_LATELY: Final = timedelta(days=30)
_UNUSED: Final = timedelta(days=14)

_s, _t = sessions.c, refresh_tokens.c


def only_hashes(connection: sa.Connection, _around: Around) -> Iterator[Finding]:
    """R1: what is stored of a refresh token is a hash, and nothing that could be sent to us."""
    query = sa.select(sa.func.count()).where(sa.func.length(_t.token_hash) != _HASH_LENGTH)
    strange = int(connection.execute(query).scalar_one())
    if strange:
        remedy = "Somebody wrote into the table: end these sessions, and read the audit log."
        yield failed(f"{counted(strange, 'row')} of refresh_tokens with no hash in it", remedy)
        return
    stored = connection.execute(sa.select(sa.func.count()).select_from(refresh_tokens)).scalar_one()
    yield ok(f"{counted(stored, 'refresh token')}, each a SHA-256 and nothing else")


def stolen(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """R2: no refresh token came a second time lately: one of the two who had it stole it."""
    query = sa.select(sa.func.count(), sa.func.max(_s.ended_at)).where(
        _s.ended_why == Ended.REUSED, _s.ended_at > around.now - _LATELY
    )
    number, last = connection.execute(query).one()
    if number:
        remedy = "Ask whose session it was what happened; if they do not know, change the password."
        found = f"{counted(number, 'session')} ended by a token used twice, last on {last:%Y-%m-%d}"
        yield attention(found, remedy)
    else:
        yield ok(f"no token was used twice in {_LATELY.days} days")


def one_child(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """R4: a live session has one token that is good."""
    query = (
        sa.select(_t.session_id)
        .join_from(refresh_tokens, sessions)
        .where(*_live(around), _t.used_at.is_(None), _t.expires_at > around.now)
        .group_by(_t.session_id)
        .having(sa.func.count() > 1)
    )
    forked = len(connection.execute(query).all())
    if forked:
        remedy = "End these sessions (`penstock logout` in each), and report this: it is a bug."
        yield failed(f"{counted(forked, 'session')} with more than one good token", remedy)
    else:
        yield ok("no session has more than one good token")


def ages(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """R5: no session that is refreshed outlives its age, and few lie about unused."""
    refreshed = sa.exists().where(_t.session_id == _s.id)
    query = sa.select(_s.created_at, _s.expires_at, _s.used_at).where(
        *_live(around), refreshed, _s.user_id != decoy(connection, around)
    )
    live = connection.execute(query).all()
    too_long = sum(1 for began, ends, _ in live if ends - began > ABSOLUTE)
    unused = sum(1 for _, _, used in live if used < around.now - _UNUSED)
    if too_long:
        remedy = "End them: somebody changed the table, for no session is made so long."
        found = f"{counted(too_long, 'session')} good for more than {ABSOLUTE.days} days"
        yield failed(found, remedy)
    if unused:
        remedy = "Have their people end the sessions that they do not use; they end by themselves."
        yield attention(
            f"{counted(unused, 'session')} unused for {_UNUSED.days} days or more", remedy
        )
    if not too_long and not unused:
        yield ok(f"{counted(len(live), 'live session')}, each used lately")


def of_the_disabled(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """R6: who is disabled has no live session."""
    query = (
        sa.select(sa.func.count())
        .select_from(sessions.join(users))
        .where(*_live(around), users.c.disabled_at.is_not(None))
    )
    number = int(connection.execute(query).scalar_one())
    if number:
        remedy = "Disable these people again (`penstock user disable NAME`), which ends them."
        yield failed(f"{counted(number, 'live session')} of people who are disabled", remedy)
    else:
        yield ok("nobody who is disabled has a session")


def _live(around: Around) -> tuple[sa.ColumnElement[bool], ...]:
    return _s.ended_at.is_(None), _s.expires_at > around.now
