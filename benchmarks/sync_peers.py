"""The peers of benchmarks/sync.py: what others do, and what nobody can beat."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

COLUMNS = (
    "id", "account_id", "status", "amount", "currency", "description", "booked_on", "value_on",
    "authorized_on", "counterparty", "category", "reference", "original_amount",
    "original_currency", "pending_id",
)  # fmt: skip


class Row(msgspec.Struct, array_like=False):
    """A transaction of the sandbox bank."""

    id: str
    account_id: str
    status: str
    amount: str
    currency: str
    description: str
    booked_on: str | None = None
    value_on: str | None = None
    authorized_on: str | None = None
    counterparty: str | None = None
    category: str | None = None
    reference: str | None = None
    original_amount: str | None = None
    original_currency: str | None = None
    pending_id: str | None = None


class Page(msgspec.Struct):
    """A page of the sandbox bank."""

    added: list[Row]
    next_cursor: str


DECODER = msgspec.json.Decoder(Page)
UPDATES = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
UPSERT = f"ON CONFLICT (id) DO UPDATE SET {UPDATES}"


def raw(pages: Sequence[bytes], url: str) -> None:
    """Decode and upsert page by page: rows and cursor together, and nothing else."""
    (_raw_sqlite if url.startswith("sqlite") else _raw_postgres)(pages, url)


def _raw_sqlite(pages: Sequence[bytes], url: str) -> None:
    marks = ", ".join("?" * len(COLUMNS))
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        columns = ", ".join(f"{name} TEXT" for name in COLUMNS[1:])
        database.execute(f"CREATE TABLE IF NOT EXISTS t (id TEXT PRIMARY KEY, {columns})")
        database.execute("CREATE TABLE IF NOT EXISTS c (one INTEGER PRIMARY KEY, cursor TEXT)")
        for body in pages:
            page = DECODER.decode(body)
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                f"INSERT INTO t ({', '.join(COLUMNS)}) VALUES ({marks}) {UPSERT}",
                [msgspec.structs.astuple(row) for row in page.added],
            )
            database.execute("INSERT OR REPLACE INTO c VALUES (1, ?)", (page.next_cursor,))
            database.execute("COMMIT")


def _raw_postgres(pages: Sequence[bytes], url: str) -> None:
    types = {"amount": "numeric", "original_amount": "numeric"}
    types |= dict.fromkeys(("booked_on", "value_on", "authorized_on"), "date")
    columns = ", ".join(f"{name} {types.get(name, 'text')}" for name in COLUMNS[1:])
    names = ", ".join(COLUMNS)
    with psycopg.connect(url.replace("+psycopg", "")) as database:
        database.execute(f"CREATE TABLE IF NOT EXISTS t (id text PRIMARY KEY, {columns})")
        database.execute("CREATE TABLE IF NOT EXISTS c (one int PRIMARY KEY, cursor text)")
        database.execute(f"CREATE TEMP TABLE s (id text, {columns})")
        database.commit()
        for body in pages:
            page = DECODER.decode(body)
            with database.cursor() as cursor, cursor.copy(f"COPY s ({names}) FROM STDIN") as copy:
                for row in page.added:
                    copy.write_row(msgspec.structs.astuple(row))
            database.execute(f"INSERT INTO t ({names}) SELECT {names} FROM s {UPSERT}")
            database.execute("DELETE FROM s")
            database.execute(
                "INSERT INTO c VALUES (1, %s)"
                " ON CONFLICT (one) DO UPDATE SET cursor = excluded.cursor",
                (page.next_cursor,),
            )
            database.commit()


def dlt_pipeline(pages: Sequence[bytes], url: str) -> None:
    """Let dlt merge the same pages by primary key."""
    with TemporaryDirectory() as folder:
        os.environ |= {
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
            "DLT_DATA_DIR": folder,
        }
        import dlt  # noqa: PLC0415 - it reads the environment when it is imported

        @dlt.resource(name="transactions", write_disposition="merge", primary_key="id")
        def transactions() -> Iterator[list[dict[str, Any]]]:
            for body in pages:
                yield msgspec.json.decode(body)["added"]

        sqlite = url.startswith("sqlite")
        for_dlt = url.replace("+psycopg", "").replace("@", ":none@")
        postgres = dlt.destinations.postgres
        destination = dlt.destinations.sqlalchemy(url) if sqlite else postgres(for_dlt)
        pipeline = dlt.pipeline(
            "bench",
            destination=destination,
            dataset_name="main" if sqlite else "bench",
            pipelines_dir=folder,
        )
        pipeline.run(transactions())


class Base(DeclarativeBase):
    """The ORM's own."""


class Stored(Base):
    """A transaction, as an ORM class."""

    __tablename__ = "t"
    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str]
    status: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(sa.Numeric(38, 2))
    currency: Mapped[str]
    description: Mapped[str]
    booked_on: Mapped[date | None]
    counterparty: Mapped[str | None]


def orm(pages: Sequence[bytes], url: str) -> None:
    """Do it the usual way: one object at a time, a commit a page."""
    engine = sa.create_engine(url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for body in pages:
            for row in DECODER.decode(body).added:
                session.merge(
                    Stored(
                        id=row.id,
                        account_id=row.account_id,
                        status=row.status,
                        amount=Decimal(row.amount),
                        currency=row.currency,
                        description=row.description,
                        booked_on=date.fromisoformat(row.booked_on) if row.booked_on else None,
                        counterparty=row.counterparty,
                    )
                )
            session.commit()
    engine.dispose()
