"""The world is exact, seeded, and moves only as it is told."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.currency import minor_digits
from penstock.domain.errors import Conflict, InvalidInput, NotFound
from penstock.domain.money import canonical
from penstock.domain.transaction import Status
from penstock.sandbox import steps
from penstock.sandbox.plan import Plan
from penstock.sandbox.scenario import SHAPES_THE_WORLD, Scenario
from penstock.sandbox.world import World

TODAY = date(2026, 11, 20)
FLAVOURS = st.sampled_from([Scenario.CALM, *sorted(SHAPES_THE_WORLD)])
PLANS = st.builds(
    Plan,
    today=st.just(TODAY),
    seed=st.integers(0, 50),
    person=st.sampled_from(["ada", "ben"]),
    transactions=st.integers(0, 120),
    flavour=FLAVOURS,
)


def wandered(plan: Plan, seed: int, moves: int) -> World:
    """Return a world after some random moves."""
    world = World(plan)
    steps.wandering(seed, moves)(world)
    return world


def assert_adds_up(world: World) -> None:
    """Assert that every balance is the sum of what there is."""
    posted: defaultdict[str, Decimal] = defaultdict(Decimal)
    pending: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in world.live():
        (posted if row.status is Status.POSTED else pending)[row.account] += row.amount
    for account in world.accounts:
        stated = {each.kind: each.amount for each in world.balances_of(account)}
        current = stated[BalanceKind.OPENING] + posted[account.external_id]
        assert stated[BalanceKind.CURRENT] == current
        line = stated.get(BalanceKind.LIMIT, Decimal(0))
        assert stated[BalanceKind.AVAILABLE] == current + pending[account.external_id] + line


@given(PLANS, st.integers(0, 10_000), st.integers(0, 60))
def test_balances_always_add_up(plan: Plan, seed: int, moves: int) -> None:
    """Current is opening plus posted rows, available counts pending ones too, whatever happened."""
    world = World(plan)
    assert_adds_up(world)
    steps.wandering(seed, moves)(world)
    assert_adds_up(world)


@given(PLANS, st.integers(0, 10_000), st.integers(0, 40))
def test_same_plan_and_moves_give_the_same_world(plan: Plan, seed: int, moves: int) -> None:
    """A world is a function of its plan and of what was done to it."""
    assert wandered(plan, seed, moves).truth() == wandered(plan, seed, moves).truth()


@given(PLANS, st.integers(0, 10_000), st.integers(0, 40))
def test_rows_are_canonical_and_sound(plan: Plan, seed: int, moves: int) -> None:
    """Ids are unique, amounts canonical in the account's currency, posted rows have their day."""
    world = wandered(plan, seed, moves)
    currencies = {account.external_id: account.currency for account in world.accounts}
    rows = list(world.live())
    assert len({row.external_id for row in rows}) == len(rows)
    for row in rows:
        assert row.currency == currencies[row.account]
        assert str(canonical(row.amount, row.currency)) == str(row.amount)
        assert row.booked_on is not None or row.status is Status.PENDING
        assert (row.original_amount is None) == (row.original_currency is None)
        assert world.get(row.external_id) == row


def test_two_seeds_give_two_worlds() -> None:
    """The seed and the person are what the world grows from."""
    first, other = World(Plan(TODAY)), World(Plan(TODAY, seed=8))
    assert {row.amount for row in first.live()} != {row.amount for row in other.live()}
    ben = World(Plan(TODAY, person="ben"))
    assert {row.external_id for row in first.live()}.isdisjoint(
        row.external_id for row in ben.live()
    )


def test_the_default_world_is_the_demos() -> None:
    """15 transactions, some pending, three kinds of accounts; a debt on the card is negative."""
    world = World(Plan(TODAY))
    rows = list(world.live())
    assert len(rows) == 15
    assert 1 <= sum(row.status is Status.PENDING for row in rows) < 15
    kinds = {account.type: account for account in world.accounts}
    assert kinds.keys() == {AccountType.CHECKING, AccountType.SAVINGS, AccountType.CREDIT_CARD}
    card = {each.kind: each.amount for each in world.balances_of(kinds[AccountType.CREDIT_CARD])}
    assert card[BalanceKind.CURRENT] < 0 < card[BalanceKind.LIMIT]


def test_opening_balance_stands_before_the_first_row() -> None:
    """No row is booked before the day at whose beginning the bank states the opening balance."""
    world = World(Plan(TODAY, transactions=500))
    first = min(row.booked_on for row in world.live() if row.booked_on is not None)
    opening = [each for each in world.balances() if each.kind is BalanceKind.OPENING]
    assert {each.as_of_on for each in opening} == {world.plan.first_day}
    assert world.plan.first_day <= first
    assert len(opening) == len(world.accounts)


def test_the_banks_day_is_its_own_zones() -> None:
    """The clock belongs to the bank: its day need not be the day in UTC (sync.md 16)."""
    summer = World(Plan(date(2026, 7, 1)))
    assert (summer.today, summer.now.date()) == (date(2026, 7, 1), date(2026, 6, 30))
    far = World(Plan(TODAY, zone="Pacific/Auckland"))
    assert (far.today, far.now.date()) == (TODAY, TODAY - timedelta(days=1))


def test_settling_takes_the_pending_rows_place() -> None:
    """A pending row that settles goes; a posted one with an id of its own names it."""
    world = World(Plan(TODAY))
    held = world.hold("card", Decimal(-20), "Dinner")
    posted = world.settle(held.external_id, Decimal(-23))
    assert world.find(held.external_id) is None
    assert posted.external_id != held.external_id
    assert posted.pending_external_id == held.external_id
    assert (posted.status, posted.amount) == (Status.POSTED, Decimal("-23.00"))
    assert posted.booked_on == world.today


def test_settling_adds_a_tip_where_tips_are_usual() -> None:
    """A dinner settles for more than was held, a ticket for what was held."""
    world = World(Plan(TODAY))
    dinner = world.hold("card", Decimal(-50), "Trattoria da Pino 7")
    ticket = world.hold("card", Decimal(-50), "Night Bus 7 101")
    assert Decimal(-60) <= world.settle(dinner.external_id).amount < Decimal(-50)
    assert world.settle(ticket.external_id).amount == Decimal(-50)


def test_what_went_can_come_back() -> None:
    """A row that was taken back returns under the same id, with the same content (sync.md 12)."""
    world = World(Plan(TODAY))
    row = next(world.live())
    before = world.truth()
    world.remove(row.external_id)
    assert world.find(row.external_id) is None
    assert_adds_up(world)
    world.revive(row.external_id)
    assert world.get(row.external_id) == row
    assert {each.amount for each in world.balances()} == {each.amount for each in before.balances}


def test_what_settled_or_was_renamed_does_not_come_back() -> None:
    """A pending row lives on in the posted one, a renamed one under its new id: once is enough."""
    world = World(Plan(TODAY))
    held = world.hold("card", Decimal(-20), "Dinner")
    world.settle(held.external_id)
    row = next(world.live())
    world.rekey(row.external_id)
    assert world.gone() == []
    for name in (held.external_id, row.external_id):
        with pytest.raises(NotFound):
            world.revive(name)


def test_a_new_id_without_a_word() -> None:
    """A row can get a new id while the old one vanishes silently."""
    world = World(Plan(TODAY))
    row = next(world.live())
    renamed = world.rekey(row.external_id)
    assert world.find(row.external_id) is None
    assert renamed._replace(external_id=row.external_id) == row


Move = Callable[[World], object]
IMPOSSIBLE: dict[str, tuple[Move, type[Exception]]] = {
    "no such row": (lambda world: world.get("tx-ada-99999999"), NotFound),
    "digits of another script": (lambda world: world.get("tx-ada-0000000٣"), NotFound),
    "settle what is booked": (lambda world: world.settle("tx-ada-00000000"), Conflict),
    "revive what never went": (lambda world: world.revive("tx-ada-00000000"), NotFound),
    "no such account": (lambda world: world.post("nowhere", Decimal(1), "x"), NotFound),
    "no amount": (lambda world: world.post("checking", Decimal("NaN"), "x"), InvalidInput),
    "part of a coin": (lambda world: world.post("card", Decimal("0.001"), "x"), InvalidInput),
    "back in time": (lambda world: world.advance(-1), Conflict),
}


@pytest.mark.parametrize(("move", "error"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_moves_change_nothing(move: Move, error: type[Exception]) -> None:
    """A move that cannot be made says so, and leaves the world as it was."""
    world = World(Plan(TODAY))
    before = world.truth()
    with pytest.raises(error):
        move(world)
    assert (world.truth(), world.version) == (before, 0)


def test_twins_are_pairs_of_equal_rows() -> None:
    """Where all are twins, each row is there twice but for its id, and both count (sync.md 11)."""
    world = World(Plan(TODAY, transactions=40, flavour=Scenario.TWINS))
    posted = [row for row in world.live() if row.status is Status.POSTED]
    contents = Counter(row._replace(external_id="") for row in posted)
    assert set(contents.values()) == {2}


def test_future_dated_rows_are_pending() -> None:
    """Rows dated in days to come are not on the books, so the current balance leaves them out."""
    world = World(Plan(TODAY, transactions=40, flavour=Scenario.FUTURE_DATED))
    future = [row for row in world.live() if row.booked_on is not None and row.booked_on > TODAY]
    assert future
    assert {row.status for row in future} == {Status.PENDING}
    assert_adds_up(world)


def test_many_currencies_have_many_decimals() -> None:
    """Accounts in six currencies, with 0, 2, 3 and 8 decimals, and rows paid abroad."""
    world = World(Plan(TODAY, transactions=400, flavour=Scenario.MANY_CURRENCIES))
    rows = list(world.live())
    currencies = {row.currency for row in rows}
    assert len(currencies) == 6
    assert {minor_digits(each) for each in currencies} == {0, 2, 3, 8}
    for row in rows:
        assert len(f"{row.amount:f}".partition(".")[2]) == minor_digits(row.currency)
    assert any(row.original_currency not in {None, row.currency} for row in rows)
