"""What requests pass on their way to a bank: budgets, with short waits slept and long ones kept."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from penstock.db import budgets
from penstock.db.connect import open_database
from penstock.db.lane import Database as Opened
from penstock.domain.errors import LeaseLost
from penstock.domain.limit import DAY, Limit, Scope, quota, rate
from penstock.domain.outcome import Ending, Halt, Outcome
from penstock.domain.request import Request, Response
from penstock.engine.drive import Limits
from penstock.engine.health import Health
from penstock.engine.ledger import SharedLedger
from penstock.engine.meter import Meter, Meters, limits_in_force
from penstock.observe.metrics import Metrics
from tests.databases import Database
from tests.engine.bench import Bench, bench
from tests.engine.fake_bank import URL, FakeBank, page, reading
from tests.engine.house import play
from tests.engine.interposed import Interposed
from tests.engine.road import NOW, Road, Said, answer

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
GET = Request("GET", URL)


class Office:
    """A road whose driver's requests pass a meter; time passes by sleeping."""

    def __init__(self, database: Opened, says: list[Said], *limits: Limit, run: str = "1") -> None:
        self.road = Road(says)
        clock: Callable[[], datetime] = lambda: self.road.now  # noqa: E731 - it moves
        self.metrics = Metrics()
        self.meters = Meters(
            database=database,
            ledger=SharedLedger(database, clock, one_clock=True),
            health=Health(database, clock),
            metrics=self.metrics,
            clock=clock,
            sleep=self.road._sleep,  # noqa: SLF001 - its time is ours
        )
        self.bank = FakeBank(budgets=limits)
        self.meter: Meter = self.meters.of_run(self.bank, 1, "", run, self.road.driver.tally)
        self.road.driver.meter = self.meter

    async def ask(self, times: int = 1, request: Request = GET) -> None:
        """Ask again and again."""
        for _ in range(times):
            await self.road.driver.ask(request)

    async def halt(self, request: Request = GET) -> Ending:
        """Ask, and return the ending that comes of it."""
        with pytest.raises(Halt) as caught:
            await self.road.driver.ask(request)
        return caught.value.ending


def with_office(
    url: str, story: Callable[[Office], Coroutine[Any, Any, None]], says: list[Said], *limits: Limit
) -> None:
    """Play a story in an office of one connection."""

    async def told() -> None:
        async with bench(url, FakeBank()) as it:
            assert it.connection_id == 1
            await story(Office(it.database, says, *limits))

    play(told())


def test_requests_are_spaced(sqlite_database: Database) -> None:
    """sync.md 23: each waits for its turn, and what was waited for is counted."""

    async def story(office: Office) -> None:
        await office.ask(3)
        assert office.road.slept == pytest.approx([0.22, 0.22])
        assert office.road.driver.tally.waited_ms == 440
        assert b'turn_wait_seconds_total{connector="fake"} 0.44' in office.metrics.render()[0]

    with_office(sqlite_database.url, story, [200] * 3, rate(5, SECOND))


def test_waiting_for_turns_costs_no_patience(sqlite_database: Database) -> None:
    """sync.md 22: a long sync of many paced pages is not ended for the sum of its short waits."""

    async def story(office: Office) -> None:
        await office.ask(99)
        assert sum(office.road.slept) > Limits().wait_at_most

    with_office(sqlite_database.url, story, [*[200] * 98, 503, 200], rate(1, SECOND))


def test_a_long_wait_ends_the_run_without_asking(database: Database) -> None:
    """sync.md 22: what is longer than a run may wait is no sleep, but an instant to come back."""

    async def story(office: Office) -> None:
        await office.ask(2)
        ending = await office.halt()
        assert (ending.outcome, ending.until) == (Outcome.THROTTLED, NOW + DAY + SECOND)
        assert (office.road.slept, len(office.road.sent)) == ([], 2)
        assert office.road.driver.tally.requests == 2
        assert (
            b'held_back_total{connector="fake",reason="budget"} 1.0' in office.metrics.render()[0]
        )

    with_office(database.url, story, [200, 200], quota(2))


def test_retries_spend_the_same_quota(sqlite_database: Database) -> None:
    """sync.md 22: the second and third attempt count as the first does."""

    async def story(office: Office) -> None:
        ending = await office.halt()
        assert ending.outcome is Outcome.THROTTLED
        assert len(office.road.sent) == 3

    with_office(sqlite_database.url, story, [503, 429, 503, 200], quota(3))


def test_a_refresh_spends_too(sqlite_database: Database) -> None:
    """sync.md 22, 23: the token endpoint's own limit, and those that count everything."""

    async def story(office: Office) -> None:
        await office.meter.admit_refresh()
        with pytest.raises(Halt):
            await office.meter.admit_refresh()
        await office.ask()
        assert (await office.halt()).outcome is Outcome.THROTTLED

    token = quota(1, scope=Scope.APP, endpoint="token")
    with_office(sqlite_database.url, story, [200], token, quota(2, timedelta(hours=1)))


def test_each_account_and_endpoint_has_its_own(sqlite_database: Database) -> None:
    """sync.md 23: four calls a day of one account's rows leave its balances and others alone."""
    rows = Request("GET", URL, account="a", endpoint="transactions")
    others = (
        Request("GET", URL, account="a", endpoint="balances"),
        Request("GET", URL, account="b", endpoint="transactions"),
        GET,
    )

    async def story(office: Office) -> None:
        await office.ask(4, rows)
        assert (await office.halt(rows)).outcome is Outcome.THROTTLED
        for other in others:
            await office.ask(1, other)

    with_office(sqlite_database.url, story, [200] * 7, quota(4, scope=Scope.ACCOUNT))


LAST = {"x_ratelimit_limit": "10", "x_ratelimit_remaining": "0", "x_ratelimit_reset": "3600"}


def test_nothing_left_is_believed_without_a_429(database: Database) -> None:
    """sync.md 23: where the bank says that nothing is left, it is not asked for a refusal."""

    async def story(office: Office) -> None:
        await office.ask()
        ending = await office.halt()
        assert (ending.outcome, ending.until) == (Outcome.THROTTLED, NOW + timedelta(hours=1))
        assert len(office.road.sent) == 1
        next_run = Office(office.meters.database, [200], run="2")
        assert (await next_run.halt()).until == ending.until
        next_run.road.now = NOW + timedelta(hours=1)
        await next_run.ask()

    with_office(database.url, story, [answer(200, **LAST)])


def test_a_bank_that_wants_days_is_probed_daily(sqlite_database: Database) -> None:
    """sync.md 22: a `Retry-After` of a week means one probe a day, and that is said and shown."""

    async def story(office: Office) -> None:
        ending = await office.halt()
        assert ending.until == NOW + DAY
        assert "once a day" in (ending.message or "")
        (row,) = await office.meters.database.read(budgets.busy, now=NOW)
        assert (row.standing.told_left, row.standing.told_until) == (0, NOW + DAY)

    with_office(sqlite_database.url, story, [answer(429, retry_after="604800")])


def test_a_turn_that_is_missed_is_lost(sqlite_database: Database) -> None:
    """sync.md 23: a process that wakes too late takes another turn instead of two at once."""

    async def story(office: Office) -> None:
        await office.ask()
        naps = iter([5.0, 0.0, 0.0])

        async def oversleep(seconds: float) -> None:
            office.road.slept.append(seconds)
            office.road.now += timedelta(seconds=seconds + next(naps))

        office.meter.office = replace(office.meters, sleep=oversleep)
        await office.ask()
        assert len(office.road.slept) >= 1
        (row,) = await office.meters.database.read(budgets.busy, now=NOW)
        next_at = row.standing.next_at
        assert next_at is not None
        assert next_at > office.road.now

    with_office(sqlite_database.url, story, [200] * 2, rate(5, SECOND))


def test_a_connection_that_was_deleted_ends_its_run(sqlite_database: Database) -> None:
    """sync.md 29: whoever spends for what is gone has lost its lease, and nothing worse."""

    async def story() -> None:
        async with open_database(sqlite_database.url) as opened:
            office = Office(opened, [200], quota(3))
            with pytest.raises(LeaseLost):
                await office.ask()

    play(story())


def test_the_operators_rate_stands_in_place_of_the_connectors() -> None:
    """sync.md 23: it replaces the rate of the whole app, and no quota or endpoint's own."""
    token = rate(100, timedelta(hours=1), endpoint="token")
    bank = FakeBank(budgets=(rate(5, SECOND), token, quota(4)))
    assert limits_in_force(bank, {}) == bank.budgets
    assert limits_in_force(bank, {"other": rate(1, SECOND)}) == bank.budgets
    assert limits_in_force(bank, {"fake": rate(1, SECOND)}) == (token, quota(4), rate(1, SECOND))


def test_a_provider_without_limits_costs_no_write(database: Database) -> None:
    """sync.md 23, 24: no budget, no header, no trouble: a sync writes what it wrote without."""
    writes: list[str] = []

    async def noted(name: str) -> None:
        writes.append(name)

    asking = reading(*[GET] * 5, page(cursor="x"))
    bank = FakeBank(scripts={"a": asking})

    async def sync(it: Bench) -> list[str]:
        writes.clear()
        ending, run = await it.sync()
        assert (ending.outcome, run.tally.requests) == (Outcome.DONE, 5)
        return list(writes)

    async def story() -> None:
        def opening(url: str) -> Interposed:
            return Interposed(open_database(url).engine, noted)

        async with bench(database.url, bank, opening=opening) as it:
            await sync(it)
            without = await sync(it)
            it.syncer = replace(it.syncer, meters=Office(it.database, []).meters)
            assert await sync(it) == without

    play(story())


def test_headers_of_a_limit_far_away_cost_no_write(sqlite_database: Database) -> None:
    """sync.md 23: what the bank says is stored once little is left, not at every answer."""
    plenty = {**LAST, "x_ratelimit_remaining": "9"}

    async def story(office: Office) -> None:
        await office.ask(3)
        assert await office.meters.database.read(budgets.busy, now=NOW) == []

    with_office(sqlite_database.url, story, [answer(200, **plenty)] * 3)


def test_the_token_endpoints_answers_are_noted(sqlite_database: Database) -> None:
    """sync.md 23: what it says of limits counts for the next refresh."""

    async def story(office: Office) -> None:
        async def send(_request: Request) -> Response:
            return answer(200, **LAST)

        await office.meter.admit_refresh()
        await office.meter.noting(send)(Request("POST", URL))
        with pytest.raises(Halt):
            await office.meter.admit_refresh()

    with_office(sqlite_database.url, story, [])
