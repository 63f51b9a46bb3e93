"""A backup is one instant of a living installation, and comes back whole or not at all."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db import dump, migrations
from penstock.db.tables import metadata
from penstock.domain.errors import Conflict
from penstock.engine.backup_file import Head, verify
from penstock.sandbox.bank import Options
from tests.databases import Database as Place
from tests.databases import Databases
from tests.db.books import NOW
from tests.engine.backups import everything, lived_in, opened, put_back, saved
from tests.engine.crowd import crowd
from tests.engine.house import house, play


def test_all_comes_back(database: Place, databases: Databases) -> None:
    """Every row of every table is what it was, of the tables that there are."""
    lived_in(database.url)
    file = saved(database.url)
    before = everything(database.url)
    assert {*before} == {*metadata.tables}
    with databases.empty() as place:
        contents = put_back(place.url, file)
        assert everything(place.url) == before
    assert contents.rows == sum(map(len, before.values())) > 30


@pytest.mark.postgres
def test_either_kind_is_restored_into_the_other(
    sqlite_databases: Databases, postgres_databases: Databases
) -> None:
    """Who outgrows SQLite takes a backup to PostgreSQL; and could go back."""
    with (
        sqlite_databases.fresh() as first,
        postgres_databases.empty() as second,
        sqlite_databases.empty() as third,
    ):
        lived_in(first.url)
        put_back(second.url, saved(first.url))
        put_back(third.url, saved(second.url))
        assert everything(first.url) == everything(second.url) == everything(third.url)
        lived_on(second.url)


def lived_on(url: str) -> None:
    """See that a new row gets a number that none has."""
    with opened(url) as database:
        users = metadata.tables["users"]
        values = {"username": "eve", "password_hash": "", "created_at": NOW}
        added = users.insert().values(values).returning(users.c.id)
        number = database.write_now(lambda one: one.execute(added).scalar_one())
        assert number == 2


@pytest.mark.postgres
def test_no_number_is_given_twice(postgres_databases: Databases) -> None:
    """The number of a row that is gone is not given again after a restore."""
    with postgres_databases.fresh() as first, postgres_databases.empty() as second:
        lived_in(first.url)
        with opened(first.url) as database:
            database.write_now(lambda one: one.exec_driver_sql("DELETE FROM users"))
        put_back(second.url, saved(first.url))
        lived_on(second.url)


@pytest.mark.postgres
def test_each_kind_of_value_keeps_its_last_digit(
    sqlite_databases: Databases, postgres_databases: Databases
) -> None:
    """Amounts of 38 digits, microseconds, truths, days, odd texts and bytes survive both ways."""
    odd = "a\tb\\n\\.\n\"'\u2028\U0001f3e6{}[]"
    table = sa.Table(
        "odd",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text),
        sa.Column("bytes", sa.LargeBinary),
        sa.Column("truth", sa.Boolean),
        sa.Column("day", sa.Date),
        sa.Column("real", sa.Float),
    )
    row = {"id": 1, "text": odd, "bytes": bytes(range(256)), "truth": True}
    row |= {"day": date(2026, 2, 28), "real": 0.1}
    nothing = {"id": 2, "text": None, "bytes": None, "truth": None, "day": None, "real": None}
    with sqlite_databases.empty() as first, postgres_databases.empty() as second:
        for place in (first, second):
            with opened(place.url) as database:
                database.write_now(table.create)
        with opened(first.url) as source, opened(second.url) as target:
            source.write_now(lambda one: one.execute(table.insert(), [row, nothing]))
            [layout] = source.read_now(dump.layouts)
            found = source.read_now(lambda one: list(dump.rows(one, layout)))
            assert target.write_now(dump.load, target.read_now(dump.tables), layout, found) == 2
            assert target.read_now(lambda one: list(dump.rows(one, layout))) == found
            back = target.read_now(lambda one: one.execute(table.select()).mappings().all())
            assert [dict(one) for one in back] == [row, nothing]
    assert dump._neutral(Decimal("-12345678901234567890123456789012345678.10")) == (  # noqa: SLF001 - what both kinds share
        "-12345678901234567890123456789012345678.10"
    )
    moment = datetime(2026, 11, 22, 1, 2, 3, 4, UTC)
    assert dump._neutral(moment) == "2026-11-22T01:02:03.000004Z"  # noqa: SLF001 - as above


def test_nothing_is_added_to_what_is_there(database: Place) -> None:
    """A database that has tables is refused, and stays as it was."""
    file = saved(database.url)
    before = everything(database.url)
    with pytest.raises(Conflict, match="already"):
        put_back(database.url, file)
    assert everything(database.url) == before


def test_an_empty_database_is_no_backup(empty_database: Place) -> None:
    """Where there is nothing, a backup is refused: it would only make somebody feel safe."""
    with pytest.raises(Conflict, match="nothing to back up"):
        saved(empty_database.url)


def test_a_newer_schema_is_refused(sqlite_databases: Databases) -> None:
    """What a newer program saved is not squeezed into an older one's tables."""
    with sqlite_databases.fresh() as first, sqlite_databases.empty() as second:
        with opened(first.url) as database:
            newer = "UPDATE alembic_version SET version_num = '9001'"
            database.write_now(lambda one: one.exec_driver_sql(newer))
        file = saved(first.url)
        with pytest.raises(Conflict, match="9001"):
            put_back(second.url, file)


def test_an_older_schema_is_brought_up(databases: Databases) -> None:
    """A backup of the first schema is restored, and has all tables of today afterwards."""
    with databases.empty() as first, databases.empty() as second:
        with opened(first.url) as database:
            database.write_now(migrations.bring, to="0001")
            statement = (
                "INSERT INTO users (username, password_hash, created_at) "
                "VALUES ('ann', '', '2026-11-01T00:00:00.000000Z')"
            )
            database.write_now(lambda one: one.exec_driver_sql(statement))
        contents = put_back(second.url, saved(first.url))
        assert contents.head.schema == "0001"
        assert {*everything(second.url)} == {*metadata.tables}
        assert [row[1] for row in everything(second.url)["users"]] == ["ann"]
        with opened(second.url) as database:
            assert database.read_now(migrations.revisions).newest


def test_the_head_says_what_it_is(database: Place) -> None:
    """Schema, instant, version and kind stand in the first line, for whoever looks."""
    head = verify(saved(database.url))
    assert head == Head(
        schema="0023",
        made_at="2026-11-20T12:00:00.000000Z",
        made_by="0.1.0",
        database="sqlite" if database.kind == "sqlite" else "postgresql",
        key_ids=[],
    )


@pytest.mark.long
def test_a_backup_amid_syncs_is_a_state_that_was(database: Place, databases: Databases) -> None:
    """Backups taken while other processes sync hold what one instant held: rows, runs and feed.

    A first copy of 100 rows is one commit: each backup has none of them or all, the cursor with
    them, and the feed's number with the rows. Whoever restores it syncs on to the bank's truth.
    """
    options = Options(transactions=100, page_size=20, latency_ms=5, access_seconds=10**6)
    found: list[int] = []

    async def story() -> None:
        async with house(database.url, options) as home:
            number = await home.link()
            syncing = asyncio.create_task(
                crowd(
                    2,
                    "tests.engine.acts.sync",
                    url=database.url,
                    bank_url=home.bank.url,
                    connection_id=number,
                    times=1,
                )
            )
            files = []
            while not syncing.done():
                files.append(await asyncio.to_thread(saved, database.url))
                await asyncio.wait([syncing], timeout=0.5)
            await syncing
            files.append(await asyncio.to_thread(saved, database.url))
            for file in [*files[:: max(1, len(files) // 2)], files[-1]]:
                with databases.empty() as place:
                    put_back(place.url, file)
                    found.append(await asyncio.to_thread(sound, place.url))
            assert await home.rows() == home.truth()
            assert found[-1] == len(home.truth())

    play(story())
    assert {*found} <= {0, found[-1]}


def sound(url: str) -> int:
    """Count the rows of a restored installation, and see that all agrees with them."""
    state = everything(url)
    with opened(url) as database:

        def ask(sql: str) -> Any:
            return database.read_now(lambda one: one.exec_driver_sql(sql).scalar_one())

        rows = int(ask("SELECT count(*) FROM transactions"))
        assert int(ask("SELECT sum(inserted) FROM runs") or 0) == rows
        last = int(ask("SELECT max(last) FROM feeds"))
        assert int(ask("SELECT coalesce(max(change_number), 0) FROM transactions")) <= last
        assert bool(state["cursors"]) == bool(rows)
    return rows
