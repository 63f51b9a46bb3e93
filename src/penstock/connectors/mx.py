"""MX (https://docs.mx.com, Platform API v20111101): banks of the US, Canada and Mexico.

A *user* of ours has *members*, each a login at one institution. MX reads a bank by a job, which is
asked for and then waited for; what it knows is told in pages with numbers, for all accounts of a
login together. It reads every login by itself once a day as well. A job that MX does not want to
begin, so soon after the last, leaves what it knows as it is, and dated as it is.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

from penstock.connectors.answer import response_of
from penstock.connectors.kind import Kind
from penstock.connectors.mx_accounts import (
    WHAT as ACCOUNTS,
)
from penstock.connectors.mx_accounts import (
    Account,
    balances,
    currency_of,
    parse_accounts,
    parse_institutions,
    seen,
)
from penstock.connectors.mx_app import App
from penstock.connectors.mx_holdings import WHAT as HOLDINGS
from penstock.connectors.mx_holdings import parse_holdings
from penstock.connectors.mx_link import ConnectWidget, check
from penstock.connectors.mx_pages import MOST_ON_A_PAGE, Count
from penstock.connectors.mx_reading import Reading, read_mark
from penstock.connectors.mx_rows import WHAT as TRANSACTIONS
from penstock.connectors.mx_rows import names_in, parse_aside, parse_rows
from penstock.connectors.mx_status import (
    Member,
    Sense,
    institution_of,
    parse_member,
    verdict_of,
)
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.clock import Clock, utc_now
from penstock.domain.consent import Credentials
from penstock.domain.errors import RowsMoved
from penstock.domain.holding import HoldingSeen
from penstock.domain.hook import Hooks
from penstock.domain.institution import Institution
from penstock.domain.limit import Limit
from penstock.domain.link_plan import VisitPlan
from penstock.domain.option import Given, Option
from penstock.domain.protocol import Pause, PendingRule, Pull, Verdict
from penstock.domain.request import Request, Response
from penstock.domain.says import EVERY_TYPE, Invested, Says
from penstock.domain.secret import Secret
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Absence, Balances, Discovery, Holdings, Page, Stream

PRODUCTION: Final = "https://api.mx.com"
ZONE: Final = "America/New_York"
USUAL: Final = "USD"
STATUS: Final = "status"
MOST_INSTITUTIONS: Final = 100
PAUSES: Final = (1, 2, 3, 5, 8, 8, 8, 8, 8)
"""Seconds between looks at a job. One that takes longer is waited for in a run of its own."""
NOT_YET: Final = Page((), (), "", more=False)
BUSY: Final = "MX was busy with something else for this login, and did not read the bank anew."

Job = Generator[Request | Pause, Response | None, tuple[Member | None, str]]


@dataclass(frozen=True, slots=True)
class MX:
    """The connector. `zone` is where its institutions' days are, for MX does not say.

    What MX's protocol cannot say: which posted transaction a pending one became, where it did not
    keep its guid; what was paid abroad; the day from which interest counts; an opening balance;
    that a payment is yet to come; an account's whole number. That a transaction was taken back is
    seen by its absence alone, and only for three months.
    """

    app: App
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(ZONE))
    usual_currency: str = USUAL
    clock: Clock = utc_now
    page_size: int = MOST_ON_A_PAGE
    missing_settings: tuple[str, ...] = ()
    name: str = "mx"
    title: str = "MX"
    docs_url: str = "https://docs.mx.com/api-reference/platform-api/v20111101/overview"
    keys_url: str = "https://dashboard.mx.com"
    pending_rule: PendingRule = PendingRule.USUALLY_SAME_ID
    sends_removals: bool = False
    reissues_ids: bool = True
    reuses_ids: bool = False
    budgets: tuple[Limit, ...] = ()
    absence: Absence = Absence.REMOVED
    says: Says = Says(
        EVERY_TYPE,
        frozenset(BalanceKind) - {BalanceKind.OPENING},
        later=False,
        to_come=False,
        abroad=False,
        holdings=True,
        invested=Invested.TOTAL,
    )
    hooks: Hooks | None = None

    @property
    def link_plans(self) -> tuple[VisitPlan, ...]:
        """A visit to MX's Connect widget, which stays open where it takes the password itself."""
        widget = ConnectWidget(self.app)
        return (VisitPlan(widget.begin, widget.finish, returns=False, end=widget.end),)

    def search(
        self, words: str, country: str
    ) -> Generator[Request, Response, Sequence[Institution]]:
        """Find institutions; the widget has a search too. Raises OAuthError, ContractBroken."""
        query: dict[str, str | int] = {"records_per_page": MOST_INSTITUTIONS}
        query |= {"name": words} if words else {}
        query |= {"iso_country_code[]": country} if country else {}
        return parse_institutions(check((yield self.app.ask("GET", "institutions", query))))

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the login and our keys on a request. Raises ContractBroken for another address."""
        return self.app.sign(request, credentials)

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means; a good one may tell that the login needs its person."""
        return verdict_of(response)

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask for the login and its accounts. Raises ContractBroken, RowsMoved."""
        member = parse_member((yield self.app.ask_login("GET")).body)
        accounts = yield from self._accounts()
        return Discovery(
            institution_of(member), [seen(each, self.usual_currency) for each in accounts]
        )

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return the one stream that carries every account, and one for what is held."""
        rows = Stream(TRANSACTIONS, tuple(each.external_id for each in discovery.accounts))
        invested = tuple(
            each.external_id for each in discovery.accounts if each.type is AccountType.INVESTMENT
        )
        return (rows, Stream(HOLDINGS, invested)) if invested else (rows,)

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Have the bank read, and read what MX knows then. Raises ContractBroken, RowsMoved."""
        if stream.key == HOLDINGS:
            yield from self._held(stream)
        else:
            yield from self._told(stream, cursor)

    def _told(self, stream: Stream, cursor: str | None) -> Pull:
        """Read rows and balances.

        The login is looked at before and after: where a job has begun or ended meanwhile, pages of
        two readings were mixed.
        """
        mark = None if cursor is None else read_mark(cursor)
        member, said = yield from self._job()
        if member is None:
            yield NOT_YET
            return
        heard = member.successfully_aggregated_at
        if heard is None:
            yield Page((), (), None, more=False, said=(said,)) if said else NOT_YET
            return
        accounts = yield from self._accounts()
        if accounts and not stream.accounts:
            yield NOT_YET
            return
        today = self.clock().astimezone(UTC).date()
        reading = Reading(stream.accounts, mark, heard.astimezone(UTC).date(), today)
        yield from self._rows(reading, accounts)
        yield from self._check_unmoved(member)
        usual, zone, known = self.usual_currency, self.zone, frozenset(stream.accounts)
        ours = [each for each in accounts if each.guid in known]
        yield Balances([one for each in ours for one in balances(each, usual, heard, zone)])
        yield reading.end([each.guid for each in ours], said)

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen:  # noqa: ARG002  a row names its account
        """Map one transaction that was set aside. Raises ContractBroken."""
        return parse_aside(raw)

    def _job(self) -> Job:
        """Have MX read the bank, and wait; return the login, and what to say if all is not well.

        None for a login that is not read to its end yet.
        """
        conflict = (int(HTTPStatus.CONFLICT),)
        asked = response_of((yield self.app.ask_login("POST", "aggregate", takes=conflict)))
        busy = BUSY if asked.status in conflict else ""
        if not busy:
            parse_member(asked.body)
        for seconds in PAUSES:
            answer = response_of((yield self.app.ask_login("GET", STATUS)))
            member = parse_member(answer.body)
            if not member.works:
                if member.meaning.sense is Sense.UNDER_WAY:
                    break
                return member, member.stale(self.clock()) or busy
            yield Pause(seconds)
        return None, ""

    def _held(self, stream: Stream) -> Pull:
        """Read what is held, once the rows have been: the job that found it is theirs."""
        member = parse_member(response_of((yield self.app.ask_login("GET", STATUS))).body)
        heard = member.successfully_aggregated_at
        if member.works or heard is None:
            yield NOT_YET
            return
        accounts = yield from self._accounts()
        currencies = {each.guid: currency_of(each, self.usual_currency) for each in accounts}
        held: dict[str, list[HoldingSeen]] = {name: [] for name in stream.accounts}
        count, more = Count(HOLDINGS), True
        while more:
            answer = yield self._page(HOLDINGS, count, {})
            page = parse_holdings(response_of(answer).body, currencies, heard)
            more = count.take(
                page.pagination, len(page.seen), [one.external_id for one in page.seen]
            )
            for one in page.seen:
                if one.account in held:  # that of a new account is told by the next reading
                    held[one.account].append(one)
        yield from self._check_unmoved(member)
        for name in stream.accounts:
            if name in currencies:
                yield Holdings(name, held[name])

    def _check_unmoved(self, member: Member) -> Pull:
        """See that MX knows what it knew before. Raises RowsMoved."""
        after = parse_member(response_of((yield self.app.ask_login("GET", STATUS))).body)
        if after.read != member.read:
            raise RowsMoved("MX has read the bank anew while its rows were being read.")

    def _accounts(self) -> Generator[Request, Response | None, list[Account]]:
        """Ask for the accounts, page after page. Raises ContractBroken, RowsMoved."""
        found: list[Account] = []
        count, more = Count(ACCOUNTS), True
        while more:
            answer = yield self._page(ACCOUNTS, count, {})
            page = parse_accounts(response_of(answer).body)
            found += page.listed
            names = [each.guid for each in page.listed]
            more = count.take(page.pagination, len(names), names)
        return found

    def _rows(self, reading: Reading, accounts: Sequence[Account]) -> Pull:
        """Ask for the transactions, window after window, page after page."""
        currencies = {each.guid: currency_of(each, self.usual_currency) for each in accounts}
        for window in reading.windows():
            count, more = Count(TRANSACTIONS), True
            while more:
                answer = yield self._page(TRANSACTIONS, count, window.query())
                rows = parse_rows(response_of(answer).body, currencies)
                more = count.take(rows.pagination, rows.listed, names_in(rows))
                yield from reading.hear(rows)

    def _page(self, what: str, count: Count, query: dict[str, str | int]) -> Request:
        number = {"page": count.page + 1, "records_per_page": self.page_size}
        return self.app.ask_login("GET", what, {**query, **number})


def _make(given: Given, clock: Clock) -> MX:
    return MX(
        App(given.url(), given.text("client_id"), given.secret("api_key") or Secret("")),
        zone=given.zone(),
        usual_currency=given.text("currency").upper(),
        clock=clock,
        missing_settings=given.missing,
    )


KIND: Final = Kind(
    "mx",
    (
        Option("client_id", "Our client id, from MX's dashboard.", required=True),
        Option("api_key", "The API key that goes with it.", required=True, secret=True),
        Option("url", "MX's API; its test environment is another address.", default=PRODUCTION),
        Option("zone", "Where its institutions' days are.", default=ZONE),
        Option("currency", "What accounts are in of which MX does not say it.", default=USUAL),
    ),
    _make,
)
