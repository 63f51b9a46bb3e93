"""The bank as a whole: its people's worlds, who may read them, and what is to go wrong next."""

import secrets
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from penstock.domain.clock import Clock, utc_now
from penstock.domain.consent import ConsentState
from penstock.domain.errors import InvalidInput, NotFound
from penstock.sandbox import steps
from penstock.sandbox.authority import DEAD, Authority, Grant
from penstock.sandbox.authorization import Client
from penstock.sandbox.cursor import Cursors
from penstock.sandbox.faults import Fault, Place, scheduled
from penstock.sandbox.hooks import HookBook
from penstock.sandbox.log import ChangeLog
from penstock.sandbox.plan import ZONE, Plan
from penstock.sandbox.scenario import SHAPES_THE_WORLD, Scenario
from penstock.sandbox.visits import Visits
from penstock.sandbox.world import World

MOST_ROWS = 5_000
PEOPLE = {"ada": "Ada Weir", "ben": "Ben Sluice", "chloe": "Chloé Müller"}
STARLING_SECRET = "sandbox-starling-secret"  # noqa: S105  opens nothing but the fake bank
SNAPTRADE_SECRET = "sandbox-snaptrade-secret"  # noqa: S105  nor does this


def _mint() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Options:
    """What a bank is started with.

    `today` is its day at the beginning, or yesterday by `clock`, so that the demo's one step does
    not lead into the future. `scenario` is the one that the consent page proposes. `slow_seconds`
    is how long a slow answer takes, `latency_ms` how long every answer waits. `mint` makes tokens.
    """

    host: str = "127.0.0.1"
    port: int = 0
    scenario: Scenario = Scenario.CALM
    transactions: int = 15
    page_size: int = 5
    latency_ms: float = 0
    seed: int = 7
    today: date | None = None
    zone: str = ZONE
    slow_seconds: float = 1.0
    access_seconds: int = 300
    consent_days: int = 90
    clients: tuple[Client, ...] = (
        Client("penstock"),
        Client("penstock-starling", secret=STARLING_SECRET),
        Client("penstock-snaptrade", secret=SNAPTRADE_SECRET),
    )
    clock: Clock = utc_now
    mint: Callable[[], str] = _mint

    def __post_init__(self) -> None:
        """Raise InvalidInput for what no bank can be."""
        if self.transactions < 0 or not 1 <= self.page_size <= MOST_ROWS:
            raise InvalidInput(f"A page has 1 to {MOST_ROWS} rows, and a bank not less than none.")
        if self.latency_ms < 0 or self.slow_seconds < 0:
            raise InvalidInput("Waiting less than no time is not possible.")


@dataclass(slots=True)
class Desk:
    """One person's world, with the cursors that name places in it."""

    world: World
    cursors: Cursors


@dataclass(slots=True)
class _Queued:
    fault: Fault
    place: Place
    left: int


AFTER_EACH_UPDATE = {
    Scenario.PENDING: steps.settling,
    Scenario.REMOVED: steps.taking_back,
    Scenario.REKEY: steps.rekeying,
}
DIES_AFTER_FIRST_UPDATE = {
    Scenario.CONSENT_EXPIRED: ConsentState.EXPIRED,
    Scenario.CONSENT_REVOKED: ConsentState.REVOKED,
}


class Bank:
    """A running bank's state. `url` is set when it listens; `counters` count what was asked."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.url = ""
        self.clients = {client.client_id: client for client in options.clients}
        self.authority = Authority(
            options.clock,
            options.mint,
            access_seconds=options.access_seconds,
            consent_days=options.consent_days,
        )
        self.visits = Visits(options.mint)
        self.counters: Counter[str] = Counter()
        self.hooks = HookBook(self._log_of, self.counters)
        zone = ZoneInfo(options.zone)
        self._today = options.today or date.fromordinal(
            options.clock().astimezone(zone).date().toordinal() - 1
        )
        self._desks: dict[tuple[str, Scenario], Desk] = {}
        self._queue: deque[_Queued] = deque()
        self._moves: Counter[int] = Counter()

    @property
    def world(self) -> World:
        """The first person's world, in the scenario that the bank was started with."""
        return self.desk(next(iter(PEOPLE)), self.options.scenario).world

    def desk(self, person: str, scenario: Scenario) -> Desk:
        """Return a person's world; scenarios that only concern behaviour share one. NotFound."""
        if person not in PEOPLE:
            raise NotFound(f"Nobody called {person!r} banks here: {', '.join(PEOPLE)}.")
        flavour = scenario if scenario in SHAPES_THE_WORLD else Scenario.CALM
        desk = self._desks.get((person, flavour))
        if desk is None:
            world = World(
                Plan(
                    today=self._today,
                    seed=self.options.seed,
                    person=person,
                    transactions=self.options.transactions,
                    flavour=flavour,
                    zone=self.options.zone,
                )
            )
            cursors = Cursors(f"{self.options.seed}:{person}:{flavour}:{self.options.transactions}")
            desk = self._desks[person, flavour] = Desk(world, cursors)
        return desk

    def desk_of(self, grant: Grant) -> Desk:
        """Return the world that a grant opens."""
        return self.desk(grant.person, grant.scenario)

    def queue(self, fault: Fault, *, place: Place = Place.ANY, times: int = 1) -> None:
        """Let the next requests at a place go wrong; what is queued strikes before scenarios do."""
        self._queue.append(_Queued(fault, place, times))

    def calm(self) -> None:
        """Forget the faults that are queued and have not struck yet."""
        self._queue.clear()

    def next_fault(self, place: Place, grant: Grant | None) -> Fault | None:
        """Return what goes wrong with the request at hand, and count it."""
        fault = self._take_queued(place)
        if fault is None and grant is not None:
            fault = scheduled(grant, self.options.seed)
            grant.faults += fault is not None
        if fault is not None:
            self.counters[f"fault:{fault.kind}"] += 1
        return fault

    def begin_update(self, grant: Grant) -> None:
        """A client begins to read: scenarios that move between updates do so now, once each."""
        if grant.updates == 0:
            return
        dies = DIES_AFTER_FIRST_UPDATE.get(grant.scenario)
        if dies is not None:
            grant.state = dies
        step = AFTER_EACH_UPDATE.get(grant.scenario)
        if step is not None and self._moves[grant.number] < grant.updates:
            self._moves[grant.number] = grant.updates
            step(self.desk_of(grant).world)

    def _log_of(self, grant: Grant) -> ChangeLog | None:
        """Return what happened in a grant's world, for those whom it still lets in."""
        alive = self.authority.state(grant) not in DEAD
        return self.desk_of(grant).world.log if alive else None

    def _take_queued(self, place: Place) -> Fault | None:
        for queued in self._queue:
            if queued.place in {Place.ANY, place} and (
                queued.place is place or place is not Place.TOKEN
            ):
                queued.left -= 1
                if queued.left <= 0:
                    self._queue.remove(queued)
                return queued.fault
        return None
