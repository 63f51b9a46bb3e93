"""Named moves of a world, for the demo, for scenarios and for tests."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from random import Random

from penstock.domain.errors import Conflict
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.history import coins
from penstock.sandbox.world import World

Step = Callable[[World], None]


def demo(world: World) -> None:
    """A day goes by: two new rows, one pending row settles, one row is taken back.

    A reader who was up to date is sent three added and two removed rows. Raises Conflict where
    the world has no pending or no posted row.
    """
    held = _first(world, Status.PENDING)
    taken = _last(world, Status.POSTED)
    world.advance(1)
    world.post("checking", Decimal("-23.90"), "Greengrocer Lindholm 512")
    world.post("card", Decimal("-7.35"), "Corner Bakery 118")
    world.settle(held.external_id)
    world.remove(taken.external_id)


def day(world: World) -> None:
    """A day goes by, and nothing happens."""
    world.advance(1)


def settling(world: World) -> None:
    """A day goes by: the oldest pending row settles, and a new one is held."""
    pending = next((row for row in _newest(world) if row.status is Status.PENDING), None)
    world.advance(1)
    if pending is not None:
        world.settle(pending.external_id)
    held = world.hold("card", Decimal("-18.40"), "Trattoria da Pino 204")
    world.amend(held.external_id, amount=Decimal("-19.40"))


def taking_back(world: World) -> None:
    """A day goes by: one row is taken back, and the one taken back two days before returns."""
    world.advance(1)
    taken = _last(world, Status.POSTED)
    gone = world.gone()
    if len(gone) > 1:
        world.revive(gone[0].external_id)
    world.remove(taken.external_id)


def rekeying(world: World) -> None:
    """A day goes by: the three newest posted rows get new ids, without a word about the old."""
    world.advance(1)
    posted = [row for row in _newest(world) if row.status is Status.POSTED]
    for row in posted[-3:]:
        world.rekey(row.external_id)


def shifting(world: World) -> None:
    """Between two pages: a row that was read already is taken back, and a new one is booked."""
    world.remove(_first(world, Status.POSTED).external_id)
    world.post("checking", Decimal("-4.20"), "Corner Bakery 300")


def wandering(seed: int, moves: int) -> Step:
    """Return a step of random moves: book, hold, settle, take back, bring back, amend, wait."""

    def step(world: World) -> None:
        random = Random(seed)
        for _ in range(moves):
            _wander(world, random)

    return step


STEPS: dict[str, Step] = {
    "demo": demo,
    "day": day,
    "settling": settling,
    "taking_back": taking_back,
    "rekeying": rekeying,
    "shifting": shifting,
}


def _wander(world: World, random: Random) -> None:
    account, currency = _some_account(world, random)
    amount = coins(random.randrange(-9_000, 4_000), currency)
    rows = _newest(world)
    pending = [row for row in rows if row.status is Status.PENDING]
    gone = world.gone()
    match random.randrange(7):
        case 0:
            world.post(account, amount, f"Booked {random.randrange(1_000)}")
        case 1:
            world.hold(account, amount, f"Held {random.randrange(1_000)}")
        case 2 if pending:
            world.settle(random.choice(pending).external_id)
        case 3 if rows:
            world.remove(random.choice(rows).external_id)
        case 4 if gone:
            world.revive(random.choice(gone).external_id)
        case 5 if rows:
            row = random.choice(rows)
            world.amend(row.external_id, description=f"{row.description} again")
        case _:
            world.advance(random.randrange(3))


def _some_account(world: World, random: Random) -> tuple[str, str]:
    account = random.choice(world.accounts)
    return account.external_id, account.currency


def _newest(world: World) -> list[TransactionSeen]:
    """Return the live rows among the last hundred of the history, and all changed ones."""
    size = world.history.size
    tail = [world.find(world.history.id_of(row)) for row in range(max(0, size - 100), size)]
    fresh = [each.row for each in world.log.after(0) if each.born and not each.gone]
    return [row for row in tail if row is not None] + fresh


def _first(world: World, status: Status) -> TransactionSeen:
    """Return the oldest live row with this status. Raises Conflict."""
    rows = islice(world.live(), 1_000) if status is Status.POSTED else _newest(world)
    return _any(iter(rows), status)


def _last(world: World, status: Status) -> TransactionSeen:
    """Return the newest live row with this status. Raises Conflict."""
    return _any(reversed(_newest(world)), status)


def _any(rows: Iterator[TransactionSeen], status: Status) -> TransactionSeen:
    for row in rows:
        if row.status is status:
            return row
    raise Conflict(f"The bank has no {status} row left for this step.")
