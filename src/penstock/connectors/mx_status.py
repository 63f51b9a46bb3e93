"""What MX says of a login: when it last heard from the bank, and what stands in the way.

MX reads a bank by a job (*aggregation*), and a login has the status in which the last one left it
(https://docs.mx.com, "connection statuses"). What each of them means here is one table.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import msgspec

from penstock.connectors.answer import by_status
from penstock.connectors.wire import CANNOT_READ, broken, decode
from penstock.domain.consent import ConsentState
from penstock.domain.institution import Institution
from penstock.domain.protocol import Verdict, VerdictKind
from penstock.domain.request import Response

A_LONG_TIME: Final = timedelta(days=3)
"""After so long without success something is wrong, whatever the status: MX reads every day."""


class Sense(StrEnum):
    """What a status asks of whom.

    GOOD: nothing. UNDER_WAY: wait, the job has not come to its end. PERSON: only the person can
    go on. CLOSED: they have to link anew. STALE: MX cannot reach the bank; what it knows is old.
    """

    GOOD = "good"
    UNDER_WAY = "under_way"
    PERSON = "person"
    CLOSED = "closed"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a status means, and what to tell the person of it."""

    sense: Sense
    words: str = ""


MEANINGS: Final = {
    "CONNECTED": Meaning(Sense.GOOD),
    "RECONNECTED": Meaning(Sense.GOOD),
    "CREATED": Meaning(Sense.UNDER_WAY),
    "PENDING": Meaning(Sense.UNDER_WAY),
    "RESUMED": Meaning(Sense.UNDER_WAY),
    "UPDATED": Meaning(Sense.UNDER_WAY),
    "CHALLENGED": Meaning(Sense.PERSON, "the bank has a question for you, such as a code"),
    "REJECTED": Meaning(Sense.PERSON, "the bank did not take your answer to its question"),
    "EXPIRED": Meaning(Sense.PERSON, "the bank's question was not answered in time"),
    "DENIED": Meaning(Sense.PERSON, "the bank does not take your login any more"),
    "PREVENTED": Meaning(
        Sense.PERSON, "the bank refused your login three times, and MX stopped before it locks you"
    ),
    "IMPAIRED": Meaning(Sense.PERSON, "a part of your login is missing"),
    "IMPORTED": Meaning(Sense.PERSON, "your login has never been entered at MX"),
    "LOCKED": Meaning(Sense.PERSON, "the bank has locked your login: unlock it there first"),
    "IMPEDED": Meaning(
        Sense.PERSON, "the bank wants something of you: look at its own site or app first"
    ),
    "CLOSED": Meaning(Sense.CLOSED, "the login was closed at MX: link the bank anew"),
    "DEGRADED": Meaning(Sense.STALE, "MX cannot reach the bank at the moment"),
    "DISCONNECTED": Meaning(Sense.STALE, "MX has not reached the bank for days"),
    "DELAYED": Meaning(Sense.STALE, "the bank is slower than usual"),
    "FAILED": Meaning(Sense.STALE, "MX could not read the bank"),
    "DISABLED": Meaning(Sense.STALE, "MX has stopped reading this bank for a while"),
    "DISCONTINUED": Meaning(Sense.STALE, "MX does not reach this bank any more"),
}
"""Every status that MX documents."""

_NO_STATUS: Final = Meaning(Sense.STALE, "MX does not read this login by itself")
_WORD: Final = re.compile(r"[A-Z][A-Z_]{0,39}")
_OF_LOGIN: Final = re.compile(r"/users/[^/?]+/members/[^/?]+")
_CONSENT: Final = {
    Sense.PERSON: ConsentState.LOGIN_REQUIRED,
    Sense.CLOSED: ConsentState.REVOKED,
}
_CONFUSED: Final = {
    HTTPStatus.UNAUTHORIZED: "MX does not take our keys (401): check the client id, the API key, "
    "and the address that goes with them.",
    HTTPStatus.FORBIDDEN: "MX does not let us do that (403): allow this machine's address in MX's "
    "dashboard, or ask MX what your plan includes.",
}


class Member(msgspec.Struct):
    """What MX tells of a login. Instants have an offset."""

    guid: str | None = None
    name: str | None = None
    institution_code: str | None = None
    institution_guid: str | None = None
    connection_status: str | None = None
    is_being_aggregated: bool | None = None
    aggregated_at: datetime | None = None
    successfully_aggregated_at: datetime | None = None

    @property
    def meaning(self) -> Meaning:
        """What its status means; a word that nobody knows is nothing good."""
        if self.connection_status is None:
            return _NO_STATUS
        unknown = Meaning(Sense.STALE, "nobody here knows what that means")
        return MEANINGS.get(self.connection_status, unknown)

    @property
    def words(self) -> str:
        """What to tell the person."""
        status = self.connection_status or ""
        said = f"MX says {status}: " if _WORD.fullmatch(status) else ""
        return f"{said}{self.meaning.words}."

    @property
    def works(self) -> bool:
        """Whether a job is under way."""
        return bool(self.is_being_aggregated)

    @property
    def read(self) -> tuple[datetime | None, datetime | None, bool]:
        """What changes whenever a job touches the rows."""
        return self.aggregated_at, self.successfully_aggregated_at, self.works

    def stale(self, now: datetime) -> str:
        """Return in words why what MX knows is old; empty where it is not."""
        heard = self.successfully_aggregated_at
        since = f" What it knows is of {heard:%Y-%m-%d %H:%M} UTC." if heard else ""
        if self.meaning.sense is Sense.STALE:
            return self.words + since
        tried = self.aggregated_at
        if heard is not None and tried is not None and tried > heard:
            return f"MX's last attempt to read the bank failed.{since}"
        if heard is not None and now - heard > A_LONG_TIME:
            return f"MX has not heard from the bank for a long time.{since}"
        return ""


class _OfMember(msgspec.Struct):
    member: Member


class _Members(msgspec.Struct):
    members: list[Member]


_OF_MEMBER: Final = msgspec.json.Decoder(_OfMember)
_MEMBERS: Final = msgspec.json.Decoder(_Members)


def parse_member(body: bytes) -> Member:
    """Return what an answer tells of a login. Raises ContractBroken."""
    member = decode(body, _OF_MEMBER, "member").member
    for at in (member.aggregated_at, member.successfully_aggregated_at):
        if at is not None and at.tzinfo is None:
            raise broken("member", "an instant has no offset", member.guid)
    return member


def parse_members(body: bytes) -> list[Member]:
    """Return the logins of a user. Raises ContractBroken."""
    return decode(body, _MEMBERS, "members", "guid").members


def institution_of(member: Member) -> Institution:
    """Return whose login it is."""
    name = member.institution_code or member.institution_guid or "mx"
    return Institution(name, member.name or name)


def verdict_of(response: Response) -> Verdict:
    """Say what an answer means; a good one may tell that the login needs its person."""
    status = response.status
    if status in _CONFUSED:
        return Verdict(VerdictKind.CONTRACT, _CONFUSED[HTTPStatus(status)])
    if status == HTTPStatus.NOT_FOUND and _OF_LOGIN.search(response.url):
        message = "MX has no such login any more (404): it was deleted there."
        return Verdict(VerdictKind.CONSENT, message, ConsentState.REVOKED)
    verdict = by_status(response)
    if verdict.kind is VerdictKind.OK:
        return _of_login(response.body) or verdict
    return verdict


def _of_login(body: bytes) -> Verdict | None:
    """Return what stands in the way of a login, if anything.

    While a job is under way its status is that of the one before, but for a question that the bank
    has asked just now: then the job waits for the person.
    """
    if b'"connection_status"' not in body:
        return None
    try:
        member = _OF_MEMBER.decode(body).member
    except CANNOT_READ:
        return None
    state = _CONSENT.get(member.meaning.sense)
    if state is None or (member.works and member.connection_status != "CHALLENGED"):
        return None
    return Verdict(VerdictKind.CONSENT, member.words, state)
