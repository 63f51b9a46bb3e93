"""What a page costs to commit as the table grows: 5,000,000 rows in it, beside 50,000.

    uv run --group bench python benchmarks/growth.py [--json] [--quick]

A page has 500 rows: 450 new ones, dated these days, and 50 that changed, of the last months; ids
are random, as most banks' are. All rows are one account's, which is the worst case. Each page goes
through the engine's own commit: staging, pairing, merge, cursor, run record, and afterwards the
tie-out, in the sync's last transaction. On SQLite and PostgreSQL, milliseconds:

    commit     a page, median, after a warm-up
    tie_out    the account against the bank's balance, once a sync
"""

import argparse
import json
import secrets
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.filled import STREAM, TODAY, Filled, fill
from benchmarks.sync import Fresh, postgres, sqlite_in
from penstock.db import leases, runs
from penstock.db.bulk import Feed
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.runs import Tally
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.clock import utc_now
from penstock.domain.request import Response
from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Absence, Page
from penstock.engine.commit import Move, Place, commit
from penstock.engine.stage import Stage
from penstock.engine.tieout import tie_out_connection

LESS, MORE = 50_000, 5_000_000
QUICK = (5_000, 100_000)
PAGES = 40
NEW, CHANGED = 450, 50
HOUR = timedelta(hours=1)
MOST_TIMES = 1.5

_RECENT = sa.text(
    "SELECT external_id FROM transactions WHERE account_id = :account"
    " ORDER BY dated_on DESC, id DESC LIMIT 20000"
)


@dataclass
class Growing:
    """A database of one account, and the pages that come to it."""

    database: Database
    filled: Filled
    run: int
    lease: leases.Lease
    recent: list[str]
    committed: int = 0

    def commit_page(self) -> float:
        """Commit one more page; return how many milliseconds that took."""
        place = Place(
            lease=self.lease,
            run_id=self.run,
            owner_id=self.filled.owner_id,
            accounts={"account": self.filled.account_ids[0]},
            feed=Feed(pairs_unlinked=True, sends_removals=True),
            absence=Absence.NOTHING,
            stream=STREAM,
        )
        move = Move(str(self.committed), str(self.committed + 1))
        with Stage() as stage:
            self.tell(stage)
            began = time.perf_counter()
            done = self.database.write_now(
                commit, place, stage, move, Tally(), utc_now(), clock=utc_now, lease_time=HOUR
            )
            taken = time.perf_counter() - began
        tally = done.tally
        if (tally.inserted, tally.changed) != (NEW, CHANGED):
            raise AssertionError(tally)
        self.committed += 1
        return taken * 1000

    def tie_out(self) -> float:
        """Check the account; return how many milliseconds that took."""
        began = time.perf_counter()
        self.database.write_now(tie_out_connection, self.lease, now=utc_now())
        return (time.perf_counter() - began) * 1000

    def tell(self, stage: Stage) -> None:
        """Stage what the bank tells next: a page, its bytes for the archive, a balance."""
        number = self.committed
        changed = self.recent[number * CHANGED : (number + 1) * CHANGED]
        ids = [*(secrets.token_hex(16) for _ in range(NEW)), *changed]
        rows = [self.row(name, f"Corrected {number}") for name in ids]
        stage.hear(Response(200, {}, msgspec.json.encode(rows), "http://bank.example/rows"))
        stage.add(Page(upserts=rows, removed=[], next_cursor=str(number + 1), more=False))
        day = TODAY - timedelta(days=PAGES - number)
        seen = BalanceSeen(
            "account", BalanceKind.CURRENT, Decimal("10.00") * number, "EUR", utc_now(), day
        )
        stage.balances.append(seen)

    def row(self, name: str, description: str) -> TransactionSeen:
        """Return a posted row."""
        amount = Decimal(secrets.randbelow(20_000) - 15_000) / 100
        return TransactionSeen(
            "account", name, Status.POSTED, amount, "EUR", TODAY, TODAY, TODAY, description
        )


def grow(fresh: Fresh, rows: int, pages: int) -> dict[str, float]:
    """Fill a database and commit pages to it; return milliseconds."""
    url = fresh()
    filled = fill(url, rows, shares=1)
    database = open_database(url)
    try:
        growing = database.write_now(begin, database, filled)
        committed = [growing.commit_page() for _ in range(pages)]
        tied = [growing.tie_out() for _ in range(4)]
    finally:
        database.close()
    return {
        "commit": round(statistics.median(committed[3:]), 2),
        "tie_out": round(statistics.median(tied[1:]), 2),
    }


def begin(connection: sa.Connection, database: Database, filled: Filled) -> Growing:
    """Take the lease and open a run."""
    now = utc_now()
    lease = leases.take(connection, filled.connection_id, holder="bench", now=now, until=now + HOUR)
    if lease is None:
        raise AssertionError("nobody else may hold the lease")
    run = runs.begin(
        connection,
        owner_id=filled.owner_id,
        connection_id=filled.connection_id,
        trigger="benchmark",
        request_id=None,
        now=now,
    )
    recent = list(connection.execute(_RECENT, {"account": filled.account_ids[0]}).scalars())
    return Growing(database, filled, run, lease, recent)


def compared(fresh: Fresh, sizes: tuple[int, int], pages: int) -> dict[str, float]:
    """Return the figures of both sizes, and the larger's as a multiple of the smaller's."""
    less, more = (grow(fresh, rows, pages) for rows in sizes)
    figures = {f"{name}_{sizes[0]}_ms": less[name] for name in less}
    figures |= {f"{name}_{sizes[1]}_ms": more[name] for name in more}
    return figures | {f"{name}_ratio": round(more[name] / less[name], 2) for name in less}


def main() -> None:
    """Measure on both kinds of database, and print the figures."""
    parser = argparse.ArgumentParser(description="What a page costs as the table grows.")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="smaller tables; ends within 50 s")
    given = parser.parse_args()
    sizes, pages = (QUICK, 15) if given.quick else ((LESS, MORE), PAGES)
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = compared(sqlite_in(Path(folder)), sizes, pages)
    with postgres() as fresh:
        figures["postgres"] = compared(fresh, sizes, pages)
    if given.json:
        print(json.dumps(figures))
        return
    for kind, one in figures.items():
        print(f"{kind}: " + "  ".join(f"{name} {number:,.2f}" for name, number in one.items()))
    print(f"wanted: commit_ratio of at most {MOST_TIMES}")


if __name__ == "__main__":
    main()
