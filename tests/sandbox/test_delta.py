"""Whoever reads on from where they were knows the truth, whatever happened meanwhile."""

from collections.abc import Iterator
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.transaction import TransactionSeen
from penstock.sandbox import steps
from penstock.sandbox.delta import Position, Slice, beginning, moved, read
from penstock.sandbox.plan import Plan
from penstock.sandbox.world import World

TODAY = date(2026, 11, 20)
Ledger = dict[str, TransactionSeen]
Moves = st.lists(st.tuples(st.integers(0, 9_999), st.integers(1, 15)), max_size=4)


def pages(world: World, position: Position, size: int) -> Iterator[Slice]:
    """Read page after page, until there are no more."""
    more = True
    while more:
        page = read(world, position, size)
        yield page
        position, more = page.after, page.more


def apply(world: World, ledger: Ledger, page: Slice) -> None:
    """Do with a page what any reader does: write what came, then drop what went."""
    for index in page.history:
        row = world.history.row(index)
        ledger[row.external_id] = row
    for row in (*page.added, *page.modified):
        ledger[row.external_id] = row
    for row in page.removed:
        ledger.pop(row.external_id, None)


def truth(world: World) -> Ledger:
    """Return what there is, by id."""
    return {row.external_id: row for row in world.live()}


@given(st.integers(0, 90), st.integers(1, 40), Moves)
def test_reading_from_nothing_gives_the_whole_truth(
    size: int, page: int, moves: list[tuple[int, int]]
) -> None:
    """No cursor gives everything there is, each row once, and removes nothing never seen."""
    world = World(Plan(TODAY, transactions=size))
    for seed, count in moves:
        steps.wandering(seed, count)(world)
    seen: list[str] = []
    for each in pages(world, beginning(world), page):
        assert each.size <= page
        assert not each.removed
        assert not each.modified
        seen += [world.history.id_of(index) for index in each.history]
        seen += [row.external_id for row in each.added]
    assert sorted(seen) == sorted(truth(world))


@given(st.integers(0, 90), st.integers(1, 40), st.integers(1, 40), Moves, Moves)
def test_delta_from_any_cursor_leads_to_the_truth(
    size: int, page: int, stop: int, before: list[tuple[int, int]], after: list[tuple[int, int]]
) -> None:
    """A reader who stopped anywhere, in mid-update too, and reads on later, ends at the truth."""
    world = World(Plan(TODAY, transactions=size))
    for seed, count in before:
        steps.wandering(seed, count)(world)
    ledger: Ledger = {}
    position = beginning(world)
    for number, each in enumerate(pages(world, position, page)):
        apply(world, ledger, each)
        position = each.after
        if number == stop:
            break
    for seed, count in after:
        steps.wandering(seed, count)(world)
        for each in pages(world, position, page):
            apply(world, ledger, each)
            position = each.after
        assert ledger == truth(world)


@given(st.integers(1, 60), st.integers(1, 10), st.integers(0, 9_999))
def test_a_world_that_moves_between_pages_is_still_read_whole(
    size: int, page: int, seed: int
) -> None:
    """What changes behind a reader's back comes at the end of the same update."""
    world = World(Plan(TODAY, transactions=size))
    ledger: Ledger = {}
    position, more, number = beginning(world), True, 0
    while more:
        each = read(world, position, page)
        apply(world, ledger, each)
        position, more, number = each.after, each.more, number + 1
        if more and number < 6:
            steps.wandering(seed + number, 3)(world)
            assert moved(world, position) == (world.version != position.update - 1)
    assert ledger == truth(world)


def test_nothing_new_is_an_empty_page_at_the_same_place() -> None:
    """Reading on when nothing happened gives nothing, and leads nowhere else."""
    world = World(Plan(TODAY))
    *_, last = pages(world, beginning(world), 5)
    again = read(world, last.after, 5)
    assert (again.size, again.more, again.after) == (0, False, last.after)


def test_the_demos_step_is_three_added_and_two_removed() -> None:
    """15 rows in pages of five are three pages; then 3 come and 2 go, one of them settled."""
    world = World(Plan(TODAY))
    first = list(pages(world, beginning(world), 5))
    assert [each.size for each in first] == [5, 5, 5]
    steps.demo(world)
    (page,) = pages(world, first[-1].after, 5)
    assert (len(page.added), len(page.modified), len(page.removed)) == (3, 0, 2)
    linked = [row.pending_external_id for row in page.added if row.pending_external_id]
    assert len(linked) == 1
    assert linked[0] in {row.external_id for row in page.removed}


def test_only_an_update_under_way_can_be_overtaken() -> None:
    """Between two updates the world may move as it likes: nothing is to be begun again."""
    world = World(Plan(TODAY))
    first = read(world, beginning(world), 5)
    assert not moved(world, first.after)
    *_, last = pages(world, first.after, 5)
    steps.shifting(world)
    assert moved(world, first.after)
    assert not moved(world, last.after)


def test_a_silent_removal_is_told_to_nobody() -> None:
    """A row that got a new id comes as a new one; of the old there is not a word (sync.md 11)."""
    world = World(Plan(TODAY))
    *_, last = pages(world, beginning(world), 5)
    renamed = world.rekey("tx-ada-00000003")
    page = read(world, last.after, 5)
    assert (page.added, page.removed) == ([renamed], [])
