"""Bringing a file of a bank into the ledger, as an update like any other.

The file is read first; then, in one transaction: each account is found or made, its rows are named
and staged, and merged by what merges every update (commit.store). A run for each connection says
what was done; it can be undone. A dry run is the same transaction, rolled back at its end.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from penstock.db import bulk, mappings, suggestions, turns
from penstock.db.lane import Database
from penstock.db.leases import Lease
from penstock.db.runs import IMPORT, Tally
from penstock.domain.clock import Clock
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.imported import FILES, source_of
from penstock.domain.update import Absence
from penstock.engine import own_run
from penstock.engine.commit import Move, Place, store
from penstock.engine.import_archive import as_answer
from penstock.engine.import_page import balance_of, page_of
from penstock.engine.import_plan import Fingerprint, Placed, Wanted, place
from penstock.engine.own_run import DryRun
from penstock.engine.stage import Stage
from penstock.engine.tieout import check_connection
from penstock.files.mapping import mapping_of
from penstock.files.reading import How, Reading, read


@dataclass(frozen=True, slots=True)
class Wish:
    """A file, where it goes, and what the person says of how it is written."""

    content: bytes
    wanted: Wanted
    format: str = ""
    order: str = ""
    decimal: str = ""
    mapping: str = ""

    @property
    def told(self) -> dict[str, str]:
        """Return what is said of how it is written, by its names."""
        return {
            "format": self.format,
            "currency": self.wanted.currency,
            "order": self.order,
            "decimal": self.decimal,
            "mapping": self.mapping,
        }


@dataclass(frozen=True, slots=True)
class IntoAccount:
    """An account of an import. `account_id` is None where a dry run would make it."""

    account_id: int | None
    name: str
    mask: str | None
    created: bool
    rows: int
    period: tuple[str, str] | None
    balances: int


@dataclass(frozen=True, slots=True)
class Import:
    """What came into one connection; without numbers where nothing was kept."""

    run_id: int | None
    connection_id: int | None
    accounts: list[IntoAccount]
    tally: Tally
    suggested: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file brought, or would."""

    format: str
    imports: list[Import]
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read, and how: with the settings of its mapping as they were then."""

    reading: Reading
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Importer:
    """Imports files."""

    database: Database
    fingerprint: Fingerprint
    clock: Clock

    async def read(self, wish: Wish) -> Reading:
        """Read a file without storing anything. Raises InvalidInput, NotFound."""
        return (await self.database.read(read_file, wish)).reading

    async def import_file(self, wish: Wish, *, dry: bool) -> Imported:
        """Import a file. Raises InvalidInput, NotFound, Conflict: then nothing was written."""
        found = await self.database.read(read_file, wish)
        try:
            return await self.database.write(self._write, wish, found, dry)
        except DryRun as end:
            if isinstance(end.result, Imported):
                return end.result
            raise

    def _write(
        self,
        connection: sa.Connection,
        wish: Wish,
        found: Read,
        dry: bool,  # noqa: FBT001 - it is passed on, not chosen here
    ) -> Imported:
        now = self.clock()
        placed = place(connection, found.reading.statements, wish.wanted, self.fingerprint, now=now)
        by_connection: dict[int, list[Placed]] = defaultdict(list)
        for one in placed:
            by_connection[one.account.connection_id].append(one)
        imports = [
            _import(connection, wish, found, number, by_connection[number], now)
            for number in sorted(by_connection)
        ]
        left_out = [said for one in found.reading.statements for said in one.left_out]
        done = Imported(found.reading.format, imports, left_out)
        if dry:
            raise DryRun(replace(done, imports=[_without_numbers(one) for one in imports]))
        return done


def read_file(connection: sa.Connection, wish: Wish) -> Read:
    """Read a file with the mapping that is named. Raises InvalidInput, NotFound."""
    settings: dict[str, str] = {}
    if wish.mapping:
        settings = mappings.get(connection, wish.mapping, owner_id=wish.wanted.owner_id).settings
    how = How(
        format=wish.format,
        currency=wish.wanted.currency,
        order=wish.order,
        decimal=wish.decimal,
        mapping=mapping_of(settings) if settings else None,
    )
    return Read(read(wish.content, how), settings)


def _import(
    connection: sa.Connection,
    wish: Wish,
    found: Read,
    connection_id: int,
    placed: Sequence[Placed],
    now: datetime,
) -> Import:
    """Merge what a file tells of one connection's accounts, in a run of its own."""
    owner_id = wish.wanted.owner_id
    own = own_run.begin(connection, connection_id, owner_id=owner_id, trigger=IMPORT, now=now)
    source = source_of(found.reading.format)
    where = Place(
        lease=Lease(connection_id, "", 0),
        run_id=own.run_id,
        owner_id=owner_id,
        accounts={one.account.external_id: one.account.id for one in placed},
        feed=bulk.Feed(pairs_unlinked=False, sends_removals=True, source=source),
        absence=Absence.NOTHING,
        stream=FILES,
        moves_cursor=False,
    )
    tally = Tally(received_bytes=len(wish.content))
    with Stage() as stage:
        numbers = {number: one.account.id for one in placed for number, _ in one.statements}
        told = {**wish.told, "format": found.reading.format}
        stage.hear(as_answer(wish.content, told, found.settings, numbers))
        for one in placed:
            stage.add(
                page_of(one.account.external_id, [each for _, each in one.statements], source)
            )
            stage.balances += (
                balance_of(one.account.external_id, said)
                for _, each in one.statements
                for said in each.balances
            )
        try:
            tally = store(connection, where, stage, Move(None, None), tally, now)
        except ContractBroken as error:
            raise InvalidInput(error.message) from error
    check_connection(connection, connection_id, now=now)
    own_run.end(connection, own, tally, now=now)
    turns.note_import(connection, connection_id)
    asked = suggestions.count_of_run(connection, own.run_id)
    return Import(own.run_id, connection_id, [_into(one) for one in placed], tally, asked)


def _into(one: Placed) -> IntoAccount:
    row = one.account
    periods = [each.period for _, each in one.statements]
    days = [day for period in periods if period for day in period]
    return IntoAccount(
        account_id=row.id,
        name=row.label or row.name,
        mask=row.mask,
        created=one.created,
        rows=sum(len(each.rows) for _, each in one.statements),
        period=(min(days).isoformat(), max(days).isoformat()) if days else None,
        balances=sum(len(each.balances) for _, each in one.statements),
    )


def _without_numbers(one: Import) -> Import:
    """Leave out the numbers of what is rolled back."""
    created = any(each.created for each in one.accounts)
    shown = [
        replace(each, account_id=None if each.created else each.account_id) for each in one.accounts
    ]
    return replace(
        one, run_id=None, connection_id=None if created else one.connection_id, accounts=shown
    )
