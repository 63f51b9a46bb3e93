"""MX's users and members (logins), and the jobs that read the bank for them.

What a member tells is what its last job found: the world moves on, and MX knows nothing of it until
the next. A job takes its time: it ends when it is looked at for the second time.
"""

from dataclasses import dataclass, field
from datetime import datetime

from penstock.domain.balance import BalanceSeen
from penstock.domain.consent import ConsentState
from penstock.domain.holding import HoldingSeen
from penstock.domain.transaction import TransactionSeen
from penstock.sandbox.authority import Asked, Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces import mx_shapes as shapes
from penstock.sandbox.faces.answers import Refusal
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World

LOOKS = 2
SCOPE = "accounts balances transactions"
_TROUBLE = {
    ConsentState.LOGIN_REQUIRED: "CHALLENGED",
    ConsentState.EXPIRED: "EXPIRED",
    ConsentState.REVOKED: "DENIED",
}


@dataclass(frozen=True, slots=True)
class Known:
    """A row as a job found it, and when it was last changed."""

    row: TransactionSeen
    changed: datetime


@dataclass(slots=True)
class Member:
    """A login of a user. `looks` are those after which the job under way ends.

    `status` is told in place of what the consent itself says.
    """

    guid: str
    user: str
    grant: Grant
    looks: int = 0
    status: str = ""
    heard: datetime | None = None
    rows: list[Known] = field(default_factory=list)
    balances: tuple[BalanceSeen, ...] = ()
    holdings: tuple[HoldingSeen, ...] = ()

    @property
    def names(self) -> tuple[str, str]:
        """Its own guid and its user's."""
        return self.guid, self.user


class Members:
    """All users, and their members."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._users: dict[str, object] = {}
        self._members: dict[str, Member] = {}

    def add_user(self, given: object) -> shapes.Shape:
        """Make a user."""
        name = shapes.guid("USR", self._bank.options.mint())
        self._users[name] = given
        return self.user(name)

    def user(self, name: str) -> shapes.Shape:
        """Return a user. Raises Refusal."""
        if name not in self._users:
            raise Refusal(404, "not_found", "there is no such user")
        return shapes.user(name, self._users[name])

    def remove_user(self, name: str) -> None:
        """Forget a user, and every login of theirs."""
        self.user(name)
        for member in self.of(name):
            self.remove(member)
        del self._users[name]

    def of(self, user: str) -> list[Member]:
        """Return the logins of a user. Raises Refusal."""
        self.user(user)
        return [each for each in self._members.values() if each.user == user]

    def get(self, user: str, name: str) -> Member:
        """Return a login. Raises Refusal."""
        found = next((each for each in self.of(user) if each.guid == name), None)
        if found is None:
            raise Refusal(404, "not_found", "there is no such member")
        return found

    def add(self, user: str, person: str, scenario: Scenario) -> Member:
        """Link a person's bank: MX reads it at once."""
        grant = self._bank.authority.grant(Asked("mx", "", "", SCOPE), person, scenario)
        member = Member(shapes.guid("MBR", self._bank.options.mint()), user, grant)
        self._members[member.guid] = member
        self.read(member)
        return member

    def remove(self, member: Member) -> None:
        """Forget a login."""
        self._bank.counters["requests:revoke"] += 1
        self._bank.authority.end(member.grant, ConsentState.REVOKED)
        del self._members[member.guid]

    def begin_job(self, member: Member) -> None:
        """Begin to read the bank, unless that is under way."""
        if not member.looks:
            self._bank.begin_update(member.grant)
            member.grant.updates += 1
            member.looks = LOOKS

    def look(self, member: Member) -> shapes.Shape:
        """Look at a login: that is what lets time pass for its job."""
        if member.looks:
            member.looks -= 1
            if not member.looks and self.status(member) == "CONNECTED":
                self.read(member)
        return self.shape(member)

    def read(self, member: Member) -> None:
        """Know from now on what is so at the bank."""
        world = self._bank.desk_of(member.grant).world
        known = (Known(row, _changed(world, row)) for row in world.live())
        member.rows = sorted(
            known, key=lambda one: (shapes.day_of(one.row), one.row.external_id), reverse=True
        )
        member.balances, member.holdings = world.balances(), world.holdings()
        member.heard = world.now

    def status(self, member: Member) -> str:
        """Return how a login stands."""
        state = self._bank.authority.state(member.grant)
        return member.status or _TROUBLE.get(state, "CONNECTED")

    def shape(self, member: Member) -> shapes.Shape:
        """Return what is told of a login."""
        status, works = self.status(member), bool(member.looks)
        return shapes.member(member.names, status, works=works, heard=member.heard)


def _changed(world: World, row: TransactionSeen) -> datetime:
    change = world.log.find(row.external_id)
    return world.plan.beginning if change is None else change.at
