"""One page of what is new since a cursor, for every protocol that has such pages.

Scenarios that move the world between two updates, or in the middle of one, do so here.
"""

from penstock.sandbox import steps
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank, Desk
from penstock.sandbox.cursor import CursorUnknown
from penstock.sandbox.delta import Position, Slice, beginning, moved, read
from penstock.sandbox.faces.answers import Refusal, refuse_dead
from penstock.sandbox.scenario import Scenario

MUTATIONS = 2


def next_page(bank: Bank, grant: Grant, cursor: str | None, limit: int) -> tuple[Slice, str]:
    """Return at most `limit` rows, and the cursor after them; None reads from the beginning.

    Raises Refusal for a cursor of others, for a consent that has ended meanwhile, and in the
    scenario `mutation` where the rows moved since the update began.
    """
    desk = bank.desk_of(grant)
    position = _position(desk, cursor)
    if not position.update:
        bank.begin_update(grant)
        refuse_dead(bank, grant)
        if cursor is None:
            position = beginning(desk.world)
    elif grant.scenario is Scenario.MUTATION:
        _mutate(grant, desk, position)
    found = read(desk.world, position, limit)
    grant.updates += not found.more
    bank.counters["rows"] += found.size
    return found, desk.cursors.write(found.after)


def _position(desk: Desk, cursor: str | None) -> Position:
    world = desk.world
    if cursor is None:
        return beginning(world)
    try:
        return desk.cursors.read(cursor, rows=world.history.size, version=world.version)
    except CursorUnknown as unknown:
        raise Refusal(400, "cursor_not_associated", unknown.message) from None


def _mutate(grant: Grant, desk: Desk, position: Position) -> None:
    """Move the world twice in a grant's life, and refuse to read on over any change."""
    if grant.faults < MUTATIONS and not moved(desk.world, position):
        grant.faults += 1
        steps.shifting(desk.world)
    if moved(desk.world, position):
        raise Refusal(400, "mutation_during_pagination", "The rows changed: begin again.")
