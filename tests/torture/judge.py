"""The judge: whatever happened before, what is stored is what the bank says is so.

Called when all has calmed down. Each finding is a sentence; none means that every promise held.
"""

import asyncio
import sys
from collections.abc import Mapping
from decimal import Decimal

import sqlalchemy as sa

from penstock.db.accounts import accounts
from penstock.db.leases import leases
from penstock.db.runs import RUNNING, Tally, runs
from penstock.db.tie_outs import tie_outs
from penstock.db.transactions import transactions
from penstock.domain.outcome import Outcome
from tests.engine.crowd import KEY
from tests.programs import surroundings
from tests.torture.nursery import ROOT
from tests.torture.site import Held, Site

Rows = Mapping[str, tuple[str, str, str, str]]
_TRIES = 5


async def judge(site: Site) -> list[str]:
    """Return everything that is wrong, in words.

    First one sync from the stored cursor: where that were ahead of the rows, some would stay
    missing. Then one from the start, which must find nothing to do.
    """
    site.bank.bank.calm()
    findings: list[str] = []
    for held in site.held:
        findings += await _sync(site, held)
        findings += await _compare(site, held, "after a sync from the stored cursor")
        findings += await _sync(site, held, from_start=True)
        findings += await _compare(site, held, "after a sync from the start")
    findings += await _feeds(site)
    findings += await _records(site)
    return findings + await _db_check(site)


async def _sync(site: Site, held: Held, *, from_start: bool = False) -> list[str]:
    """Sync once more to the end; from the start it must change nothing."""
    ending = None
    tally = Tally()
    for _ in range(_TRIES):
        await site.let_time_pass()
        run = await site.penstock.syncer.start(held.id, trigger="judge", from_start=from_start)
        if run is None:
            return [f"connection {held.id} is held by somebody, though no worker lives"]
        ending, _ = await run.finish()
        tally = run.tally
        if ending.outcome is Outcome.DONE:
            break
    if ending is None or ending.outcome is not Outcome.DONE:
        return [f"connection {held.id} does not get well: {ending}"]
    moved = tally.inserted + tally.changed + tally.removed + tally.paired + tally.quarantined
    if from_start and moved:
        return [f"connection {held.id}: reading all again changed {moved} rows: {tally}"]
    return []


async def _compare(site: Site, held: Held, when: str) -> list[str]:
    stored, truth = await rows(site, held), truth_of(site, held)
    lost = sorted(truth.keys() - stored.keys())
    stray = sorted(stored.keys() - truth.keys())
    other = sorted(name for name in truth.keys() & stored.keys() if truth[name] != stored[name])
    findings = [
        f"connection {held.id} {when}: {len(names)} rows {what}, such as {names[0]}"
        for what, names in (("lost", lost), ("too many", stray), ("different", other))
        if names
    ]
    if other:
        findings.append(f"  the bank: {truth[other[0]]}, stored: {stored[other[0]]}")
    return findings


async def rows(site: Site, held: Held) -> Rows:
    """Return a connection's standing rows by the bank's id: account, status, amount, words.

    Raises AssertionError where the same id stands twice.
    """
    t, a = transactions.c, accounts.c
    found = await site.all(
        sa.select(t.external_id, a.external_id, t.status, t.amount, t.description)
        .join_from(transactions, accounts, t.account_id == a.id)
        .where(a.connection_id == held.id, t.removed_at.is_(None))
    )
    names = [row[0] for row in found]
    if len(set(names)) != len(names):
        raise AssertionError(f"connection {held.id}: a row was doubled")
    return {row[0]: (row[1], row[2], str(row[3]), row[4]) for row in found}


def truth_of(site: Site, held: Held) -> Rows:
    """Return what the bank says stands, in the same form."""
    truth = site.bank.bank.desk(held.person, held.scenario).world.truth()
    return {
        row.external_id: (row.account, row.status.value, str(row.amount), row.description)
        for row in truth.transactions
    }


async def _feeds(site: Site) -> list[str]:
    """Whoever followed the feed all the time knows what is stored, and heard it in order."""
    findings, t = [], transactions.c
    await site.follow()
    for held in site.held:
        found = await site.all(
            sa.select(t.id, t.status, t.amount, t.description).where(
                t.owner_id == held.owner_id, t.removed_at.is_(None)
            )
        )
        stored = {row[0]: (row[1], Decimal(row[2]), row[3]) for row in found}
        if held.follower.standing() != stored:
            findings.append(f"connection {held.id}: whoever followed the feed knows other rows")
        if held.follower.backwards:
            findings.append(f"connection {held.id}: the feed went back {held.follower.backwards} x")
    return findings


async def _records(site: Site) -> list[str]:
    """No lease is held, no run is said to go on, and every account ties out."""
    findings = []
    lease = await site.all(leases.select().where(leases.c.holder.is_not(None)))
    if lease:
        findings.append(f"{len(lease)} leases are held by nobody who lives")
    going = await site.all(runs.select().where(runs.c.outcome == RUNNING))
    if going:
        findings.append(f"{len(going)} runs are said to go on")
    doubtful = [row for row in await site.all(tie_outs.select()) if row.status not in _TIED]
    findings += [f"account {row.account_id} does not tie out: {row}" for row in doubtful]
    if not await site.all(tie_outs.select()):
        findings.append("nothing was tied out")
    return findings


_TIED = frozenset({"ok", "settling"})


async def _db_check(site: Site) -> list[str]:
    """Ask `penstock db check`, as an operator would."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "penstock", "db", "check"),
        cwd=ROOT,
        env=surroundings(
            {
                "PENSTOCK_HOME": str(site.store.folder),
                "PENSTOCK_DATABASE_URL": site.store.url,
                "PENSTOCK_KEY": KEY,
            }
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return [] if process.returncode == 0 else [f"penstock db check: {said.decode()}"]
