"""What goes on at the bank during a torture: rows move, answers fail, tokens run out."""

from dataclasses import dataclass
from decimal import Decimal
from random import Random

from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.bank import PEOPLE, Bank
from penstock.sandbox.faults import Fault, FaultKind, Place, RetryAfter
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World

_FAULTS = (
    FaultKind.THROTTLED,
    FaultKind.THROTTLED,
    FaultKind.SERVER_ERROR,
    FaultKind.RESET,
    FaultKind.CUT,
    FaultKind.HTML,
    FaultKind.HALF,
    FaultKind.MUTATION,
    FaultKind.NOT_READY,
)
_ACCOUNTS = ("checking", "card")
_QUEUED = 4


@dataclass(slots=True)
class Weather:
    """Moves the worlds of a bank's people, and queues faults."""

    bank: Bank
    random: Random
    moves: int = 0
    faults: int = 0

    def blow(self, moves: int = 6) -> None:
        """Let a few rows move in everybody's world, and something go wrong sometimes."""
        for person in PEOPLE:
            world = self.bank.desk(person, Scenario.CALM).world
            for _ in range(moves):
                self._move(world)
        if self.random.random() < 0.4:
            kind = self.random.choice(_FAULTS)
            told = self.random.choice(list(RetryAfter))
            pages = {FaultKind.MUTATION, FaultKind.NOT_READY}
            place = Place.TRANSACTIONS if kind in pages else Place.ANY
            self.bank.queue(Fault(kind, retry_after=told), place=place)
            self.faults += 1

    def _move(self, world: World) -> None:
        self.moves += 1
        account = self.random.choice(_ACCOUNTS)
        cents = Decimal(self.random.randrange(-9_000, 4_000) or 1) / 100
        young = [each.row for each in world.log.after(max(0, world.version - 60)) if not each.gone]
        pending = [row for row in young if row.status is Status.PENDING]
        posted = [row for row in young if row.status is Status.POSTED]
        gone = world.gone()[-20:]
        match self.random.randrange(14):
            case 0 | 1 | 2 | 3:
                world.hold(account, -abs(cents), f"Held {self.moves}")
            case 4 | 5 | 6 if pending:
                world.settle(self._one_of(pending))
            case 7 | 8 if posted:
                world.remove(self._one_of(posted))
            case 9 if gone:
                world.revive(self._one_of(gone))
            case 10 if posted:
                world.amend(self._one_of(posted), description=f"Amended {self.moves}")
            case 11 if pending:
                world.remove(self._one_of(pending))
            case 12 if not self.random.randrange(8):
                world.advance(1)
            case _:
                world.post(account, cents, f"Posted {self.moves}")

    def _one_of(self, rows: list[TransactionSeen]) -> str:
        return self.random.choice(rows).external_id
