"""Each scenario does what its words say, each time in the same way, and lets who tries again in."""

import asyncio
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

import pytest

from penstock.sandbox.authority import Asked, Grant
from penstock.sandbox.faces.own_rows import Row
from penstock.sandbox.faults import FaultKind, scheduled
from penstock.sandbox.scenario import IN_WORDS, SHAPES_THE_WORLD, Scenario
from tests.sandbox.patience import whole_update
from tests.sandbox.visitor import NOON, Watch, visiting


def grant_of(scenario: Scenario) -> Grant:
    """Return a consent in a scenario."""
    return Grant(1, Asked("penstock", "", "", ""), "ada", scenario, NOON + timedelta(days=90))


def test_every_scenario_has_words() -> None:
    """The consent page can explain each of them."""
    assert IN_WORDS.keys() == set(Scenario)
    assert set(Scenario) > SHAPES_THE_WORLD


@pytest.mark.parametrize("scenario", Scenario)
def test_faults_are_the_same_each_time_and_never_thrice_in_a_row(scenario: Scenario) -> None:
    """A grant's faults follow from the seed and its requests: whoever tries again gets through."""
    runs = []
    for _ in range(2):
        grant, seen = grant_of(scenario), []
        for turn in range(1, 200):
            grant.requests = turn
            fault = scheduled(grant, seed=7)
            grant.faults += fault is not None
            seen.append(fault)
        runs.append(seen)
    assert runs[0] == runs[1]
    assert all(None in runs[0][start : start + 3] for start in range(196))


def test_calm_has_no_faults() -> None:
    """In calm weather each request is answered, once."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            for _ in range(20):
                assert (await visitor.get("/v1/balances")).status == 200
            assert not [name for name in visitor.bank.counters if name.startswith("fault")]

    asyncio.run(story())


def test_rate_limited_says_when_in_three_ways() -> None:
    """sync.md 22: 429 with Retry-After in seconds, as a date, and without one."""

    async def story() -> None:
        async with visiting(scenario=Scenario.RATE_LIMITED, clock=Watch()) as visitor:
            await visitor.link()
            told: list[str | None] = []
            for _ in range(12):
                answer = await visitor.get("/v1/balances")
                if answer.status == 429:
                    assert answer.json["error"]["code"] == "rate_limited"
                    told.append(answer.headers.get("Retry-After"))
            seconds, when, absent = told
            assert (seconds, absent) == ("1", None)
            at = parsedate_to_datetime(str(when)).astimezone(UTC)
            assert timedelta(0) < at - NOON <= timedelta(seconds=2)
            assert visitor.bank.counters["fault:throttled"] == 3

    asyncio.run(story())


def test_rate_limited_strikes_in_the_middle_of_the_first_update() -> None:
    """Accounts, then a page, then 429 before the end: the demo has one to obey."""

    async def story() -> None:
        async with visiting(scenario=Scenario.RATE_LIMITED) as visitor:
            await visitor.link()
            assert (await visitor.get("/v1/accounts")).status == 200
            came, _, _ = await whole_update(visitor)
            assert len(came) == 15
            assert visitor.bank.counters["fault:throttled"] >= 1

    asyncio.run(story())


def test_flaky_breaks_in_every_way_and_still_tells_the_truth() -> None:
    """5xx, resets, slow and cut answers; who tries again reads everything exactly once."""

    async def story() -> None:
        options = {"transactions": 120, "page_size": 4, "slow_seconds": 0.0}
        async with visiting(scenario=Scenario.FLAKY, **options) as visitor:
            await visitor.link()
            came, _, _ = await whole_update(visitor)
            assert sorted(came) == sorted(row.external_id for row in visitor.bank.world.live())
            struck = {name for name in visitor.bank.counters if name.startswith("fault:")}
            kinds = {FaultKind.SERVER_ERROR, FaultKind.RESET, FaultKind.SLOW, FaultKind.CUT}
            assert struck == {f"fault:{kind}" for kind in kinds}

    asyncio.run(story())


def test_mutation_refuses_to_read_on() -> None:
    """sync.md 3: rows move in mid-pagination; the update must begin again from its first cursor."""

    async def story() -> None:
        async with visiting(scenario=Scenario.MUTATION) as visitor:
            await visitor.link()
            came: list[str] = []
            more, cursor, attempts = True, "", 0
            while more:
                answer = await visitor.page(cursor or None)
                if answer.status == 400:
                    assert answer.json["error"]["code"] == "mutation_during_pagination"
                    assert (await visitor.page(cursor)).status == 400, "for good"
                    cursor, came, attempts = "", [], attempts + 1
                    continue
                came += [row["id"] for row in answer.json["added"]]
                cursor, more = answer.json["next_cursor"], answer.json["has_more"]
            assert attempts == 2
            assert sorted(came) == sorted(row.external_id for row in visitor.bank.world.live())
            assert "tx-ada-00000000" not in came, "read on the first page, then taken back"

    asyncio.run(story())


def test_pending_rows_settle_between_updates() -> None:
    """sync.md 10: each update finds one more pending row settled, linked, and another one held."""

    async def story() -> None:
        async with visiting(scenario=Scenario.PENDING) as visitor:
            await visitor.link()
            _, _, cursor = await whole_update(visitor)
            for _ in range(3):
                page = (await visitor.page(cursor)).json
                links = {row["pending_id"] for row in page["added"] if "pending_id" in row}
                assert links == {row["id"] for row in page["removed"]}
                assert [row["status"] for row in page["added"]].count("pending") == 1
                cursor = page["next_cursor"]

    asyncio.run(story())


def test_removed_rows_come_back() -> None:
    """sync.md 12: each update takes a row back, and sometimes one returns under its old id."""

    async def story() -> None:
        async with visiting(scenario=Scenario.REMOVED) as visitor:
            await visitor.link()
            _, _, cursor = await whole_update(visitor)
            gone: list[str] = []
            returned: list[str] = []
            for _ in range(4):
                came, went, cursor = await whole_update(visitor, cursor)
                returned += [each for each in came if each in gone]
                gone += went
            assert len(gone) == 4
            assert returned

    asyncio.run(story())


def test_rekey_gives_new_ids_without_a_word() -> None:
    """sync.md 11: rows come again under new ids, and no removal says that the old ones went."""

    async def story() -> None:
        async with visiting(scenario=Scenario.REKEY) as visitor:
            await visitor.link()
            before, _, cursor = await whole_update(visitor)
            came, gone, _ = await whole_update(visitor, cursor)
            assert len(came) == 3
            assert set(came).isdisjoint(before)
            assert gone == []
            now, _, _ = await whole_update(visitor)
            assert len(now) == len(before)

    asyncio.run(story())


def test_twins_are_listed_twice() -> None:
    """sync.md 11: two equal purchases on one day have two ids, and are two rows."""

    async def story() -> None:
        async with visiting(scenario=Scenario.TWINS, page_size=20) as visitor:
            await visitor.link()
            rows = (await visitor.page()).json["added"]
            posted = [row for row in rows if row["status"] == "posted"]
            assert len({row.pop("id") for row in posted}) == len(posted)
            assert len({str(row) for row in posted}) == len(posted) / 2

    asyncio.run(story())


def test_no_ids_leaves_them_out_in_four_ways() -> None:
    """sync.md 13: an id is missing, blank, zero, or the same for many."""

    async def story() -> None:
        async with visiting(scenario=Scenario.NO_IDS, page_size=20) as visitor:
            await visitor.link()
            rows = (await visitor.page()).json["added"]
            ids = [row.get("id", "missing") for row in rows]
            assert set(ids) == {"missing", "", "0", "9998"}
            assert len(rows) == 15
            assert {name for row in rows for name in row} <= set(Row.__struct_fields__)

    asyncio.run(story())


def test_garbage_is_of_six_kinds_and_then_over() -> None:
    """HTML, a wrong type, NaN, a huge number, half a body, a missing field: once each."""

    async def story() -> None:
        async with visiting(scenario=Scenario.GARBAGE, page_size=20) as visitor:
            await visitor.link()
            good = (await visitor.page()).body
            answers = []
            for _ in range(20):
                async with visitor.http.get(
                    f"{visitor.bank.url}/v1/transactions",
                    headers={"Authorization": f"Bearer {visitor.tokens['access_token']}"},
                ) as answer:
                    answers.append(await answer.read())
            bad = [body for body in answers if b'"added"' not in body or body[:300] != good[:300]]
            assert len(bad) >= 5
            assert answers[-3:] == [good] * 3 or b'"NaN"' not in answers[-1]
            assert b"<h1>" in bad[0]
            assert any(b'"NaN"' in body for body in bad)
            assert any(b"9" * 60 in body for body in bad)
            assert any(body == good[: len(good) // 2] for body in answers)
            kinds = {name for name in visitor.bank.counters if name.startswith("fault:")}
            assert len(kinds) == 6

    asyncio.run(story())


def test_future_dated_rows_are_pending_on_the_wire() -> None:
    """A row of days to come is listed as pending, with the day on which it is due."""

    async def story() -> None:
        async with visiting(scenario=Scenario.FUTURE_DATED, page_size=20) as visitor:
            await visitor.link()
            rows = (await visitor.page()).json["added"]
            today = str(visitor.bank.world.today)
            future = [row for row in rows if row.get("booked_on", "") > today]
            assert future
            assert {row["status"] for row in future} == {"pending"}

    asyncio.run(story())


def test_many_currencies_keep_their_decimals() -> None:
    """Yen have none, dinars three, bitcoin eight; each account keeps to its own."""

    async def story() -> None:
        options = {"transactions": 300, "page_size": 300}
        async with visiting(scenario=Scenario.MANY_CURRENCIES, **options) as visitor:
            await visitor.link()
            rows = (await visitor.page()).json["added"]
            decimals = {(row["currency"], len(row["amount"].partition(".")[2])) for row in rows}
            assert decimals == {
                ("EUR", 2), ("USD", 2), ("GBP", 2), ("JPY", 0), ("KWD", 3), ("BTC", 8)
            }  # fmt: skip

    asyncio.run(story())
