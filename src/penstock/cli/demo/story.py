"""The story itself: three syncs, and everything that must be so after each."""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from penstock.cli.connect import Wish, link
from penstock.cli.demo import ledger
from penstock.cli.demo.report import FIGURES, Report
from penstock.cli.demo.stage import NAME, PAGE_SIZE, TRANSACTIONS, Stage, set_up
from penstock.cli.failure import Failed
from penstock.cli.listing import account_name
from penstock.cli.watching import Silent, watch_one
from penstock.domain.errors import PenstockError
from penstock.observe.redact import redact_text

Say = Callable[[str], Any]

PAUSE_SECONDS: Final = 1
"""How long the bank wants to be left alone when it answers 429."""

TIMER_MS: Final = 50
"""How much too early a timer of the system may ring."""

PAGES: Final = -(-TRANSACTIONS // PAGE_SIZE)


async def tell(keep: Path | None, *, say: Say) -> Report:
    """Play the whole demo; what breaks it off is an expectation that did not hold."""
    report = Report()
    began = time.perf_counter()
    try:
        async with set_up(keep) as stage:
            await Story(stage, report, say).play()
    except Exception as error:  # noqa: BLE001 - whatever breaks it off is what it has to tell
        what = error.message if isinstance(error, Failed | PenstockError) else redacted(error)
        report.expect("the demo goes on to its end", "no error", what)
    report.seconds = time.perf_counter() - began
    return report


def redacted(error: Exception) -> str:
    """Return an unforeseen error in words, without what looks like a secret."""
    return f"{type(error).__name__}: {redact_text(str(error))}"


class Story:
    """The acts, in their order. Each says what it does and counts what came of it."""

    def __init__(self, stage: Stage, report: Report, say: Say) -> None:
        self.stage = stage
        self.report = report
        self.say = say

    async def play(self) -> None:
        """Play all acts."""
        self.say(f"The sandbox bank listens on {self.stage.bank_url}, on this machine alone.")
        self.say(f"A fresh installation is in {self.stage.home}: one SQLite file, one key.")
        await self.sign_in()
        connection = await self.link()
        await self.first_sync(connection)
        await self.read_all_again(connection)
        await self.sync_the_difference(connection)
        await self.show_accounts()

    async def sign_in(self) -> None:
        """Trade the new person's password for tokens."""
        session = await self.stage.client.access.sign_in(NAME, self.stage.password)
        person = await self.stage.client.get("/v1/me")
        self.report.expect("the person who is signed in", NAME, person["username"])
        lasting = bool(session.refresh and session.expires_at)
        self.report.expect("the session ends, and can be renewed", True, lasting)
        self._title("Sign in")
        self.say(f"  {person['username']} has a session: {' '.join(person['scopes'])}.")

    async def link(self) -> str:
        """Link the bank through OAuth, and return the connection's id."""
        self._title("Link the bank: OAuth 2.1, authorization code with PKCE")
        wish = Wish("sandbox", None, auto_consent=True, scenario=None, browser=False,
                    token_from_stdin=False)  # fmt: skip
        connection = await link(self.stage.client, wish)
        self.report.expect("the consent", "active", connection["consent"]["state"])
        self.report.expect("nothing is called fresh yet", "never", connection["freshness"]["state"])
        self.say(f"  {connection['id']} is linked; its tokens are sealed in the database.")
        return str(connection["id"])

    async def first_sync(self, connection: str) -> None:
        """Read everything, through a 429 on the way."""
        self._title("First sync")
        await self.stage.control(
            "faults", kind="throttled", place="transactions", seconds=PAUSE_SECONDS
        )
        began = time.perf_counter()
        counts = await self.sync("first", connection)
        took = time.perf_counter() - began
        self._expect("first", counts, pages=PAGES, inserted=TRANSACTIONS, changed=0, unchanged=0)
        self._expect("first", counts, removed=0, paired=0)
        refused = (await self.stage.bank_says("counters")).get("fault:throttled", 0)
        self.report.expect("first: 429 answers that the bank counted", refused, counts["throttled"])
        self._at_least("first: 429 answers", 1, counts["throttled"])
        self._at_least("first: waited, in ms", PAUSE_SECONDS * 1000, counts["waited_ms"])
        least = PAUSE_SECONDS * 1000 - TIMER_MS
        self._at_least("first: took, in ms", least, round(took * 1000))
        await self.compare("first")

    async def read_all_again(self, connection: str) -> None:
        """Read everything again, from no cursor: nothing may be doubled, nothing rewritten."""
        self._title("The same again, all of it, from no cursor")
        counts = await self.sync("second", connection, from_start=True)
        self._expect("second", counts, pages=PAGES, inserted=0, changed=0, unchanged=TRANSACTIONS)
        self._expect("second", counts, removed=0, paired=0)
        await self.compare("second")

    async def sync_the_difference(self, connection: str) -> None:
        """Let a day go by at the bank, and sync what is new."""
        self._title("A day goes by at the bank; sync the difference")
        self.say("  the bank sends: two new rows, a pending one that settled, one taken back")
        await self.stage.control("step", name="demo")
        counts = await self.sync("third", connection)
        self._expect("third", counts, inserted=2, changed=0, unchanged=0, removed=1, paired=1)
        await self.compare("third")

    async def sync(self, name: str, connection: str, *, from_start: bool = False) -> dict[str, Any]:
        """Sync, wait for the end, and return the counts."""
        path = f"/v1/connections/{connection}/syncs"
        sent_before = (await self.stage.bank_says("counters")).get("rows", 0)
        started = (await self.stage.client.post(path, {"from_start": from_start})).json()
        ended = await watch_one(self.stage.client, started, Silent())
        sent = (await self.stage.bank_says("counters"))["rows"] - sent_before
        self.report.expect(f"{name}: the sync's outcome", "done", ended["outcome"])
        counts: dict[str, Any] = ended["counts"]
        self.report.figures[name] = {figure: counts[figure] for figure in FIGURES}
        # A settled row comes twice: as the posted one, and as the removal of the pending one.
        seen = sum(counts[one] for one in ("inserted", "changed", "unchanged", "removed"))
        self.report.expect(f"{name}: rows that the bank sent", sent, seen + 2 * counts["paired"])
        self.say(f"  {_in_words(counts)}")
        return counts

    async def compare(self, name: str) -> None:
        """Compare with the bank's own books, row by row, and see that every account adds up."""
        truth = await self.stage.bank_says("truth")
        rows = ledger.theirs(truth)
        different = ledger.differences(await ledger.ours(self.stage.client), rows)
        self.report.expect(f"{name}: rows that differ from the bank's", 0, different)
        stated, kept = ledger.their_balances(truth), await ledger.our_balances(self.stage.client)
        wrong = sorted(" ".join(one) for one in stated if kept.get(one) != stated[one])
        self.report.expect(f"{name}: balances that differ from the bank's", [], wrong)
        accounts = [row async for row in self.stage.client.pages("/v1/accounts")]
        self.report.expect(f"{name}: accounts", len(truth["accounts"]), len(accounts))
        states = [one["status"] for row in accounts for one in row["tie_outs"]]
        self.report.expect(f"{name}: the tie-out of each account", ["ok"] * len(accounts), states)
        self.report.tie_outs += states or ["unproven"]
        amounts = [Decimal(one["amount"]) for row in accounts for one in row["tie_outs"]]
        off = sum(map(abs, amounts), Decimal(0))
        self.report.expect(f"{name}: what does not add up", "0", f"{off.normalize():f}")
        self.say(
            f"  {rows.total() - different} of the bank's {rows.total()} rows are here, "
            f"{different} differ; {states.count('ok')} of {len(accounts)} accounts add up"
        )

    async def show_accounts(self) -> None:
        """Show what there is now."""
        self._title("What the API says now")
        async for row in self.stage.client.pages("/v1/accounts"):
            current = next(one for one in row["balances"] if one["type"] == "current")
            state = ", ".join(one["status"] for one in row["tie_outs"])
            amount = f"{Decimal(current['amount']):,f} {current['currency']}"
            self.report.expect(
                f"the freshness of {row['name']}", "fresh", row["freshness"]["state"]
            )
            self.say(f"  {account_name(row):<24} {amount:>14}   tie-out {state}")

    def _title(self, text: str) -> None:
        self.say("")
        self.say(text)

    def _expect(self, name: str, counts: dict[str, Any], **wanted: int) -> None:
        for figure, number in wanted.items():
            self.report.expect(f"{name}: {figure}", number, counts[figure])

    def _at_least(self, what: str, least: int, found: int) -> None:
        self.report.expect_that(what, f"{least} or more", found, held=found >= least)


def _in_words(counts: dict[str, Any]) -> str:
    """Return what a sync counted; what did not happen is left out."""
    pages = f"{counts['pages']} page{'s' if counts['pages'] != 1 else ''}"
    rows = [
        f"{counts[name]} {name}"
        for name in ("inserted", "paired", "changed", "unchanged", "removed")
        if counts[name] or name == "inserted"
    ]
    if counts["throttled"]:
        waited = f"waited {counts['waited_ms'] / 1000:.1f} s as asked"
        pages += f", through {counts['throttled']} x 429 ({waited})"
    return f"{pages}: {', '.join(rows)}"
