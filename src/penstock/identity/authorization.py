"""Our authorization server, in one place: for programs that people may let in."""

from dataclasses import dataclass
from typing import Self

from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.domain.clock import Clock
from penstock.identity.clients import Clients
from penstock.identity.codes import Codes
from penstock.identity.consents import Consents
from penstock.identity.identity import Identity
from penstock.identity.inspecting import Inspector
from penstock.identity.pushed import PushedRequests


@dataclass(frozen=True, slots=True)
class Authorization:
    """Programs, what people allowed them, and what that becomes."""

    clients: Clients
    consents: Consents
    codes: Codes
    pushed: PushedRequests
    inspector: Inspector

    @classmethod
    def over(cls, database: Database, identity: Identity, audit: AuditLog, clock: Clock) -> Self:
        """Return all of it, over a database.

        What people allowed is behind their wall; programs, and what they bring, are of nobody.
        """
        program = database.program
        return cls(
            clients=Clients(program, identity, audit, clock),
            consents=Consents(database, identity, audit, clock),
            codes=Codes(program, identity, audit, clock),
            pushed=PushedRequests(program, clock),
            inspector=Inspector(program, identity, clock),
        )
