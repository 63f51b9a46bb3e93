"""How often somebody may try to sign in (security.md L4), counted in the database for all workers.

An attempt is counted before the password is looked at, and taken back if it was the right one:
any number at the same time cannot be more than were allowed. Three things are counted, each with
some attempts free, after which the wait doubles from a second up to its longest:

- this account from this address: 5 free, up to 15 minutes. The one who is guessing waits;
- this address, whatever the account: 30 free, up to 15 minutes. Against trying one password on all;
- this account from anywhere: 100 free, up to 30 seconds. Against many addresses. It does not count
  where the person signed in from that address in the last 90 days, so strangers can slow down
  nobody at home, and it never grows into a lock-out.

A second factor is counted in the same way, apart from the password, but for one thing: this account
from anywhere has 20 guesses free, up to 15 minutes. Whoever guesses there knows the password, and a
code has only six digits. Somebody at home is not slowed down by that either.

A day without an attempt, and all is forgotten.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network
from typing import Final

import sqlalchemy as sa

from penstock.db import sessions, sign_in_attempts
from penstock.db.sign_in_attempts import Attempts
from penstock.domain.errors import TooManyAttempts

_FORGOTTEN_AFTER: Final = timedelta(days=1)
_AT_HOME_FOR: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many attempts are free, and the longest wait (seconds) after that."""

    free: int
    longest: int

    def wait_after(self, attempts: int) -> timedelta | None:
        """Return how long to wait after this many attempts, None while they are free."""
        over = attempts - self.free
        if over < 0:
            return None
        return timedelta(seconds=min(2 ** min(over, 20), self.longest))


PAIR: Final = Allowance(free=5, longest=900)
ADDRESS: Final = Allowance(free=30, longest=900)
ACCOUNT: Final = Allowance(free=100, longest=30)
FACTOR: Final = Allowance(free=20, longest=900)
EVERYBODY: Final = Allowance(free=300, longest=30)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, counted. `subjects` are what it was counted under."""

    subjects: Mapping[str, Allowance]
    pair: str


class Throttle:
    """Counts attempts; `key` keeps the names and addresses out of the database."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def begin(
        self, connection: sa.Connection, *, username: str, address: str, now: datetime
    ) -> Attempt:
        """Count an attempt. Raises TooManyAttempts, with the longest of the waits."""
        return _count(connection, self._attempt(connection, username, address, now), now)

    def begin_factor(
        self, connection: sa.Connection, *, username: str, address: str, now: datetime
    ) -> Attempt:
        """Count an attempt at a person's second factor. Raises TooManyAttempts."""
        attempt = self._attempt(connection, username, address, now, what="factor ", most=FACTOR)
        return _count(connection, attempt, now)

    def begin_code(
        self, connection: sa.Connection, *, user_id: int, address: str, now: datetime
    ) -> Attempt:
        """Count that a person types a device's code. Raises TooManyAttempts.

        A right one is taken back, so it is guessing that is counted: a person's from an address,
        an address's, and everybody's.
        """
        network = network_of(address)
        pair = self._subject("device pair", str(user_id), network)
        subjects = {
            pair: PAIR,
            self._subject("device person", str(user_id)): ADDRESS,
            self._subject("device address", network): ADDRESS,
            self._subject("device everybody"): EVERYBODY,
        }
        return _count(connection, Attempt(subjects, pair), now)

    def succeed(self, connection: sa.Connection, attempt: Attempt, *, now: datetime) -> None:
        """Take an attempt back: it was the right password. The pair's failures are forgotten.

        The address keeps its other failures: its own account must not wash off a guesser's.
        """
        counted = sign_in_attempts.lock(connection, list(attempt.subjects), now=now)
        for subject, one in counted.items():
            sign_in_attempts.save(
                connection,
                subject,
                attempts=0 if subject == attempt.pair else max(0, one.attempts - 1),
                not_before=None,
                now=now,
            )

    def _attempt(
        self,
        connection: sa.Connection,
        username: str,
        address: str,
        now: datetime,
        *,
        what: str = "",
        most: Allowance = ACCOUNT,
    ) -> Attempt:
        network = network_of(address)
        pair = self._subject(f"{what}pair", username, network)
        subjects = {pair: PAIR, self._subject("address", network): ADDRESS}
        at_home = sessions.began_at(
            connection, username=username, address=address, since=now - _AT_HOME_FOR
        )
        if not at_home:
            subjects[self._subject(f"{what}account", username)] = most
        return Attempt(subjects, pair)

    def _subject(self, *parts: str) -> str:
        content = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, content, hashlib.sha256).hex()


def network_of(address: str) -> str:
    """Return what counts as one place: an IPv4 address, an IPv6 /64 network, any other text."""
    try:
        return str(IPv6Network((IPv6Address(address), 64), strict=False))
    except ValueError:
        return address


def _count(connection: sa.Connection, attempt: Attempt, now: datetime) -> Attempt:
    """Count an attempt. Raises TooManyAttempts, with the longest of the waits."""
    sign_in_attempts.delete_old(connection, before=now - _FORGOTTEN_AFTER)
    counted = sign_in_attempts.lock(connection, list(attempt.subjects), now=now)
    wait = max(_wait(one, now) for one in counted.values())
    if wait > timedelta(0):
        raise TooManyAttempts("Too many attempts.", retry_after=wait.total_seconds())
    for subject, allowance in attempt.subjects.items():
        attempts = counted[subject].attempts + 1
        pause = allowance.wait_after(attempts)
        sign_in_attempts.save(
            connection,
            subject,
            attempts=attempts,
            not_before=now + pause if pause else None,
            now=now,
        )
    return attempt


def _wait(counted: Attempts, now: datetime) -> timedelta:
    return counted.not_before - now if counted.not_before else timedelta(0)
