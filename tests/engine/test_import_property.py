"""Any files, in any order, of any format: the ledger is that of one file (sync.md 11, 13)."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from penstock.db.mappings import save
from penstock.db.transactions import transactions
from tests.databases import Database
from tests.engine.house import House
from tests.engine.importing import counts, import_file
from tests.engine.linking import at_home
from tests.files.samples import Row, ofx
from tests.files.writing import MAPPING, WRITERS

START = date(2026, 10, 14)
STORIES = [
    pytest.param(range(1), id="one"),
    pytest.param(range(1, 4), id="more", marks=pytest.mark.long),
]


def history(chance: random.Random) -> list[Row]:
    """Return some weeks of an account, with days on which things happen twice."""
    rows: list[Row] = []
    for day in range(20):
        for _ in range(chance.randrange(4)):
            words, amount = chance.choice(
                [("CITY BUS", "-2.50"), ("COFFEE", "-3.20"), ("COFFEE", "-2.50"), ("PAY", "900.00")]
            )
            rows.append((f"F{len(rows)}", START + timedelta(days=day), amount, words))
    return rows or [("F0", START, "-2.50", "CITY BUS")]


def files(chance: random.Random, rows: Sequence[Row]) -> list[list[Row]]:
    """Cut a history into files of whole days that overlap, in any order, some twice."""
    days = sorted({row[1] for row in rows})
    parts, first = [], 0
    while first < len(days):
        last = min(first + chance.randrange(1, 6), len(days))
        since = days[max(first - chance.randrange(3), 0)]
        parts.append([row for row in rows if since <= row[1] <= days[last - 1]])
        first = last
    parts += chance.sample(parts, chance.randrange(len(parts)) if len(parts) > 1 else 0)
    chance.shuffle(parts)
    return parts


async def ledger(home: House, account: int) -> Counter[tuple[str, str, str]]:
    """Return what stands on an account, with how often."""
    c = transactions.c
    query = transactions.select().where(c.account_id == account, c.removed_at.is_(None))
    rows = await home.all(query)
    return Counter((str(row.dated_on), str(row.amount), row.description) for row in rows)


def told(rows: Sequence[Row]) -> Counter[tuple[str, str, str]]:
    """Return the same of a history."""
    return Counter((str(day), amount, words) for _, day, amount, words in rows)


@pytest.mark.parametrize("seeds", STORIES)
@pytest.mark.parametrize("name", ["ofx", "qif"])
def test_any_split_into_overlapping_files_is_one_file(
    database: Database, name: str, seeds: Sequence[int]
) -> None:
    """With ids and without: nothing is doubled, no twin is lost, and the counts add up."""

    async def story(home: House) -> None:
        for seed in seeds:
            chance = random.Random(seed)
            rows = history(chance)
            inserted = 0
            account = None
            for part in files(chance, rows):
                content = ofx(part, account=f"7{seed}") if name == "ofx" else WRITERS[name](part)
                done = await import_file(
                    home, content, new=f"Purse {seed}", currency="EUR", order="mdy"
                )
                inserted += counts(done)[0]
                assert sum(counts(done)) == len(part)
                account = done.imports[0].accounts[0].account_id
            assert account is not None
            assert inserted == len(rows)
            assert await ledger(home, account) == told(rows)

    at_home(database, story)


@pytest.mark.parametrize("seeds", STORIES)
def test_all_formats_tell_one_ledger(database: Database, seeds: Sequence[int]) -> None:
    """Whichever format comes first, and whatever part of it: each row stands once."""

    async def story(home: House) -> None:
        await home.penstock.database.write(
            save, "ours", MAPPING, owner_id=home.owner_id, now=home.penstock.clock()
        )
        for seed in seeds:
            chance = random.Random(seed)
            rows = history(chance)
            first = await import_file(home, ofx(rows[:1], account=f"8{seed}"))
            account = first.imports[0].accounts[0].account_id
            assert account is not None
            steps = [(name, part) for name in WRITERS for part in files(chance, rows)]
            for name, part in chance.sample(steps, len(steps)):
                content = ofx(part, account=f"8{seed}") if name == "ofx" else WRITERS[name](part)
                if name in ("camt", "mt940"):
                    content = content.replace(b"DE02", b"DE%02d" % (seed + 10)).replace(
                        b"12030000/", b"1203000%d/" % seed
                    )
                done = await import_file(
                    home,
                    content,
                    account=account,
                    currency="EUR",
                    order="mdy",
                    mapping="ours" if name == "csv" else "",
                    format=name,
                )
                assert sum(counts(done)) == len(part)
            assert await ledger(home, account) == told(rows)

    at_home(database, story)
