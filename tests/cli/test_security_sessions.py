"""What `penstock doctor --security` sees of people and their sessions, good and bad."""

from datetime import timedelta

import sqlalchemy as sa

from penstock.cli.doctor.security import people, sessions
from penstock.cli.doctor.security.finding import Grade
from penstock.db import setup_links
from penstock.db.lane import Database
from penstock.db.sign_in_attempts import sign_in_attempts
from penstock.identity.sessions import Ended
from tests.cli.stored import HASH, NOW, Story, person, seen, session, token


def test_a_cheap_or_strange_hash_is_seen(store: Database) -> None:
    """L1: a hash of a lower cost wants attention, and one of another form is a failure."""
    cheap = HASH.replace("$12$", "$10$")
    assert seen(store, people.hashes, person) == [Grade.OK]
    assert seen(store, people.hashes, lambda c: person(c, password_hash=cheap)) == [Grade.ATTENTION]
    plain = seen(store, people.hashes, lambda c: person(c, password_hash="swordfish"))
    assert plain == [Grade.FAILED]


def test_a_guesser_is_seen(store: Database) -> None:
    """L4: a hundred wrong passwords in a row want attention; two typing errors do not."""

    def wrong(attempts: int, until: timedelta) -> Story:
        row = {"subject": "x", "attempts": attempts, "last_at": NOW, "not_before": NOW + until}
        return lambda c: c.execute(sign_in_attempts.insert().values(row))

    wait = timedelta(minutes=1)
    assert seen(store, people.guessing) == [Grade.OK]
    assert seen(store, people.guessing, wrong(6, wait)) == [Grade.OK]
    assert seen(store, people.guessing, wrong(200, wait)) == [Grade.ATTENTION]
    assert seen(store, people.guessing, wrong(200, -wait)) == [Grade.OK]


def test_an_unused_link_for_the_first_person_is_seen(store: Database) -> None:
    """L5: whoever finds it would be the first person; one that ran out is nothing."""

    def link(left: timedelta) -> Story:
        return lambda c: setup_links.create(c, "h", now=NOW, expires_at=NOW + left)

    assert seen(store, people.first_person) == [Grade.OK]
    assert seen(store, people.first_person, link(timedelta(hours=1))) == [Grade.ATTENTION]
    assert seen(store, people.first_person, link(-timedelta(seconds=1))) == [Grade.OK]


def test_a_token_in_the_clear_is_seen(store: Database) -> None:
    """R1: a row that holds anything but a hash is a failure."""

    def holding(kept: str) -> Story:
        return lambda c: token(c, session(c, person(c)), token_hash=kept)

    assert seen(store, sessions.only_hashes, holding("b" * 64)) == [Grade.OK]
    assert seen(store, sessions.only_hashes, holding("pstr_thetokenitself")) == [Grade.FAILED]


def test_a_stolen_token_is_seen(store: Database) -> None:
    """R2: a family that ended by a reuse wants attention for a month; a sign-out does not."""

    def ended(why: Ended, days: int) -> Story:
        when = NOW - timedelta(days=days)
        return lambda c: session(c, person(c), ended_at=when, ended_why=why.value)

    assert seen(store, sessions.stolen, ended(Ended.REUSED, 3)) == [Grade.ATTENTION]
    assert seen(store, sessions.stolen, ended(Ended.REUSED, 90)) == [Grade.OK]
    assert seen(store, sessions.stolen, ended(Ended.SIGNED_OUT, 3)) == [Grade.OK]


def test_a_forked_family_is_seen(store: Database) -> None:
    """R4: two good tokens of one session are a failure; a used one beside a good one is not."""

    def two(used: bool) -> Story:
        def story(connection: sa.Connection) -> None:
            number = session(connection, person(connection))
            token(connection, number)
            token(connection, number, token_hash="b" * 64, used_at=NOW if used else None)

        return story

    assert seen(store, sessions.one_child, two(used=True)) == [Grade.OK]
    assert seen(store, sessions.one_child, two(used=False)) == [Grade.FAILED]


def test_a_session_without_end_is_seen(store: Database) -> None:
    """R5: longer than any is made is a failure; unused for weeks wants attention."""

    def one(**different: object) -> Story:
        return lambda c: token(c, session(c, person(c), **different))

    assert seen(store, sessions.ages, one()) == [Grade.OK]
    endless = one(expires_at=NOW + timedelta(days=900))
    assert seen(store, sessions.ages, endless) == [Grade.FAILED]
    unused = one(used_at=NOW - timedelta(days=20))
    assert seen(store, sessions.ages, unused) == [Grade.ATTENTION]
    assert seen(store, sessions.ages, one(used_at=NOW - timedelta(days=20), ended_at=NOW)) == [
        Grade.OK
    ]


def test_a_session_of_somebody_disabled_is_seen(store: Database) -> None:
    """R6: it is a failure, until it has ended."""

    def disabled(**different: object) -> Story:
        return lambda c: session(c, person(c, disabled_at=NOW), **different)

    assert seen(store, sessions.of_the_disabled, disabled()) == [Grade.FAILED]
    assert seen(store, sessions.of_the_disabled, disabled(ended_at=NOW)) == [Grade.OK]
    assert seen(store, sessions.of_the_disabled, lambda c: session(c, person(c))) == [Grade.OK]
