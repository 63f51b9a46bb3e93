"""From nothing, or from an older schema, to the newest one; and never by surprise."""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from penstock.db import users
from penstock.db.connect import open_database
from penstock.db.migrations import SCRIPTS, back_up, prepare, revisions, upgrade
from penstock.db.tables import metadata
from penstock.domain.errors import Conflict
from penstock.domain.remedy import RemedyKind
from tests.databases import Database
from tests.db.books import NOW
from tests.engine.crowd import crowd
from tests.engine.house import play

HEAD = "0023"
"""The newest step."""

NEXT_STEP = """
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"


def upgrade() -> None:
    op.create_table("of_tomorrow", sa.Column("id", sa.Integer, primary_key=True))
    {then}
"""


@pytest.fixture
def tomorrow(tmp_path: Path) -> Callable[[str], str]:
    """Return what makes a folder of steps that has one more than ours, ending as it is told."""

    def make(then: str = "") -> str:
        folder = tmp_path / "steps of 100 %"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SCRIPTS, folder, ignore=ignored, dirs_exist_ok=True)
        step = folder / "versions" / "v9001_tomorrow.py"
        step.write_text(NEXT_STEP.format(then=then, head=HEAD), encoding="utf-8")
        return str(folder)

    return make


def ask(url: str, sql: str) -> list[object]:
    """Return the first column of a query's answer."""
    database = open_database(url)
    try:
        return database.read_now(lambda one: list(one.exec_driver_sql(sql).scalars()))
    finally:
        database.close()


def schema(url: str) -> str | None:
    """Return which schema a database has."""
    database = open_database(url)
    try:
        return database.read_now(revisions).stored
    finally:
        database.close()


def add_person(url: str) -> None:
    """Store somebody who must still be there afterwards."""
    database = open_database(url)
    values = {"username": "ann", "password_hash": "", "created_at": NOW}
    try:
        database.write_now(lambda one: one.execute(users.users.insert().values(values)))
    finally:
        database.close()


def differences(connection: sa.Connection) -> list[object]:
    """Return in what the tables differ from those that the program declares."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def test_the_steps_lead_to_what_the_program_declares(empty_database: Database) -> None:
    """Architecture, Storage: an empty database gets exactly the tables of the metadata."""
    prepare(empty_database.url)
    database = open_database(empty_database.url)
    try:
        assert database.read_now(revisions).newest
        assert database.read_now(differences) == []
        database.write_now(lambda one: one.exec_driver_sql("DROP TABLE erasures"))
        database.write_now(
            lambda one: one.exec_driver_sql("ALTER TABLE users ADD COLUMN extra TEXT")
        )
        assert len(database.read_now(differences)) >= 2, "a difference would not be seen"
    finally:
        database.close()


def test_twice_is_harmless(empty_database: Database) -> None:
    """What is at the newest schema is left alone, by either way in."""
    prepare(empty_database.url)
    add_person(empty_database.url)
    for again in (prepare, upgrade, prepare):
        again(empty_database.url)
    assert ask(empty_database.url, "SELECT username FROM users") == ["ann"]


def test_an_older_file_is_backed_up_then_upgraded(
    sqlite_database: Database, tomorrow: Callable[[str], str]
) -> None:
    """Architecture, Storage: the copy beside it is the old schema, the file the new one."""
    add_person(sqlite_database.url)
    prepare(sqlite_database.url, tomorrow(""))
    path = Path(sqlite_database.url.removeprefix("sqlite:///"))
    copy = path.with_name("penstock.sqlite.before-9001")
    assert (schema(sqlite_database.url), schema(f"sqlite:///{copy}")) == ("9001", HEAD)
    for url in (sqlite_database.url, f"sqlite:///{copy}"):
        assert ask(url, "SELECT username FROM users") == ["ann"]
    assert ask(sqlite_database.url, "SELECT count(*) FROM of_tomorrow") == [0]
    assert stat.S_IMODE(copy.stat().st_mode) & 0o077 == 0


def test_an_older_schema_in_use_by_others_is_refused(
    postgres_database: Database, tomorrow: Callable[[str], str]
) -> None:
    """Several machines may be on one PostgreSQL: nothing is upgraded unasked; then it is."""
    steps = tomorrow("")
    with pytest.raises(Conflict) as caught:
        prepare(postgres_database.url, steps)
    assert HEAD in caught.value.message
    assert "9001" in caught.value.message
    assert caught.value.remedy is not None
    assert "penstock db upgrade" in caught.value.remedy.text
    assert schema(postgres_database.url) == HEAD
    upgrade(postgres_database.url, steps)
    prepare(postgres_database.url, steps)
    assert schema(postgres_database.url) == "9001"


def test_a_newer_schema_is_refused(database: Database, tomorrow: Callable[[str], str]) -> None:
    """A database that a newer program made is not touched: the error says so, and what to do."""
    upgrade(database.url, tomorrow(""))
    for way in (prepare, upgrade):
        with pytest.raises(Conflict) as caught:
            way(database.url)
        assert "9001" in caught.value.message
        assert "newer" in caught.value.message
        assert caught.value.remedy is not None
        assert caught.value.remedy.kind is RemedyKind.FIX_CODE
    assert schema(database.url) == "9001"


def test_a_step_that_fails_changes_nothing(
    database: Database, tomorrow: Callable[[str], str]
) -> None:
    """An upgrade that breaks off leaves the database as it was, on either kind."""
    add_person(database.url)
    with pytest.raises(sa.exc.DBAPIError):
        upgrade(database.url, tomorrow('op.execute("SELECT * FROM nowhere")'))
    assert schema(database.url) == HEAD
    assert ask(database.url, "SELECT username FROM users") == ["ann"]
    prepare(database.url)


def test_several_at_once_take_turns(empty_database: Database) -> None:
    """Programs that start at the same moment on an empty database all find it ready."""

    async def story() -> None:
        told = await crowd(3, "tests.db.migrating.prepare", url=empty_database.url, scripts=SCRIPTS)
        assert told == ["ready"] * 3

    play(story())
    prepare(empty_database.url)


def test_the_copy_is_never_of_what_another_upgraded(
    sqlite_database: Database, tomorrow: Callable[[str], str]
) -> None:
    """Of several programs that find an older file at once, none overwrites the good copy."""

    async def story() -> None:
        steps = tomorrow("")
        told = await crowd(3, "tests.db.migrating.prepare", url=sqlite_database.url, scripts=steps)
        assert told == ["ready"] * 3

    play(story())
    assert schema(sqlite_database.url) == "9001"
    assert schema(f"{sqlite_database.url}.before-9001") == HEAD


def test_a_copy_is_whole_while_others_write(sqlite_database: Database) -> None:
    """What is committed is in the copy, also what still stands in the write-ahead log alone."""
    path = Path(sqlite_database.url.removeprefix("sqlite:///"))
    database = open_database(sqlite_database.url)
    values = {"username": "ann", "password_hash": "", "created_at": NOW}
    try:
        database.write_now(lambda one: one.execute(users.users.insert().values(values)))
        assert path.with_name(f"{path.name}-wal").stat().st_size > 0
        back_up(path, path.with_name("copy"))
    finally:
        database.close()
    assert ask(f"sqlite:///{path.with_name('copy')}", "SELECT username FROM users") == ["ann"]
