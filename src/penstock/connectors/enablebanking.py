"""Enable Banking (https://enablebanking.com/docs/api/reference/): banks of Europe, by one API.

An application of our own signs every request. A session is one consent at one bank; its accounts
have a `uid` that is good for as long as it is, and a hash by which they are known again in the
next one. Transactions come page by page, each with the key of the next; a page may be empty, and
there be more. The first reading asks for all there is; a month is read again each time.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from penstock.connectors.answer import answered_at, response_of
from penstock.connectors.berlin_quota import A_DAY, BALANCES, MORE, TRANSACTIONS
from penstock.connectors.berlin_reading import SEVERAL, name_of, places_by_currency
from penstock.connectors.berlin_window import covered, mark, since
from penstock.connectors.enablebanking_accounts import (
    currencies_of,
    parse_account,
    parse_balances,
    parse_session,
)
from penstock.connectors.enablebanking_app import SESSION, App, read_key
from penstock.connectors.enablebanking_errors import verdict_of
from penstock.connectors.enablebanking_link import INSTITUTION, LONGEST, SessionLink
from penstock.connectors.enablebanking_rows import WHAT, parse_aside, parse_list
from penstock.connectors.kind import Kind
from penstock.connectors.wire import broken
from penstock.domain.account import AccountSeen
from penstock.domain.balance import BalanceKind
from penstock.domain.clock import Clock
from penstock.domain.consent import Credentials
from penstock.domain.hook import Hooks
from penstock.domain.institution import Institution
from penstock.domain.limit import DAY, Limit, Scope, quota
from penstock.domain.link_plan import VisitPlan
from penstock.domain.option import Given, Option
from penstock.domain.protocol import PendingRule, Pull, Verdict
from penstock.domain.request import Request, Response
from penstock.domain.says import EVERY_TYPE, Says
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Absence, Balances, Discovery, Page, Stream

PRODUCTION: Final = "https://api.enablebanking.com"
ZONE: Final = "Europe/Berlin"
HISTORY: Final = timedelta(days=3_650)
DETAILS: Final = "details"
BUDGETS: Final = tuple(
    quota(A_DAY, DAY, Scope.ACCOUNT, endpoint=endpoint)
    for endpoint in (DETAILS, BALANCES, TRANSACTIONS)
)
"""What banks answer while nobody is there; the pages of one reading are one (berlin_quota.py)."""


@dataclass(frozen=True, slots=True)
class EnableBanking:
    """The connector; `zone` is where its banks' days are.

    What the protocol cannot say: categories; which posted row a pending one became; that a posted
    row was taken back, and whatever happens to one that is older than a month; an opening balance.
    The credit line of a card is not read.

    An id that is blank, `"0"`, or that several rows have counts as none, and `transaction_id`
    never counts as one. What was cancelled or rejected is no movement.
    """

    app: App
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(ZONE))
    country: str = ""
    psu_type: str = "personal"
    missing_settings: tuple[str, ...] = ()
    name: str = "enablebanking"
    title: str = "Enable Banking"
    docs_url: str = "https://enablebanking.com/docs/api/reference/"
    keys_url: str = "https://enablebanking.com/cp/applications"
    pending_rule: PendingRule = PendingRule.UNLINKED
    sends_removals: bool = False
    reissues_ids: bool = True
    reuses_ids: bool = True
    budgets: tuple[Limit, ...] = BUDGETS
    absence: Absence = Absence.PENDING_GONE
    says: Says = Says(
        EVERY_TYPE, frozenset({BalanceKind.CURRENT, BalanceKind.AVAILABLE}), later=False
    )
    hooks: Hooks | None = None

    @property
    def link_plans(self) -> tuple[VisitPlan, ...]:
        """A visit to the chosen bank."""
        link = self._link
        return (
            VisitPlan(
                link.begin,
                link.finish,
                chooses=(INSTITUTION,),
                consent_days=LONGEST.days,
                end=link.end,
            ),
        )

    def search(
        self, words: str, country: str
    ) -> Generator[Request, Response, Sequence[Institution]]:
        """Find banks. Raises OAuthError and ContractBroken."""
        return self._link.search(words, country)

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Sign a request, and say whose session it is of. ContractBroken for another address."""
        return self.app.sign(request, credentials)

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means."""
        return verdict_of(response)

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask for the session, and for each of its accounts. Raises ContractBroken."""
        institution, uids = parse_session((yield self._session()).body)
        seen: list[AccountSeen] = []
        for name, uid in uids.items():
            account = parse_account((yield self._of(name, uid, DETAILS, DETAILS)).body)
            codes = [account.currency]
            if account.currency == SEVERAL:
                codes = currencies_of((yield self._of(name, uid, BALANCES, BALANCES)).body)
            seen += [account.seen(name, code) for code in codes]
        return Discovery(institution, seen)

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return a stream for each account of the bank, whatever currencies are in it."""
        places = [each.external_id for each in discovery.accounts]
        names = dict.fromkeys(name_of(one) for one in places)
        return tuple(
            Stream(name, tuple(one for one in places if name_of(one) == name)) for name in names
        )

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read an account's transactions from a day on, page by page, then its balances.

        What the session calls the account is asked first. The balances are handed over before the
        last page. Raises ContractBroken.
        """
        today = self.app.clock().astimezone(self.zone).date()
        first = since(cursor, today, HISTORY)
        places = places_by_currency(stream.accounts)
        _, uids = parse_session(response_of((yield self._session())).body)
        uid = uids.get(stream.key)
        if uid is None:
            raise broken("session", "it no longer opens this account", stream.key)
        query = {"strategy": "longest"} if cursor is None else {"date_from": first.isoformat()}
        endpoint, keys = TRANSACTIONS, set[str]()
        while True:
            asked = f"{TRANSACTIONS}?{urlencode(query)}"
            answer = response_of((yield self._of(stream.key, uid, asked, endpoint)))
            listed = parse_list(answer.body, places)
            if listed.next is None:
                break
            yield Page(listed.rows, (), None, more=True, unmapped=listed.unmapped)
            if listed.next in keys:
                raise broken(WHAT, "`continuation_key` leads back to a page that was read")
            keys.add(listed.next)
            query["continuation_key"], endpoint = listed.next, MORE
        answer = response_of((yield self._of(stream.key, uid, BALANCES, BALANCES)))
        at = answered_at(answer.headers, "balances")
        yield Balances(tuple(parse_balances(answer.body, places, at, self.zone)))
        yield Page(
            upserts=listed.rows,
            removed=(),
            next_cursor=mark(today),
            more=False,
            unmapped=listed.unmapped,
            covered=covered(cursor, first, stream.accounts),
        )

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen:  # noqa: ARG002  it says whose it is
        """Map one row that was set aside. Raises ContractBroken."""
        return parse_aside(raw)

    @property
    def _link(self) -> SessionLink:
        return SessionLink(self.app, self.country, self.psu_type)

    def _session(self) -> Request:
        return self.app.get(f"sessions/{SESSION}")

    def _of(self, name: str, uid: str, rest: str, endpoint: str) -> Request:
        path = f"accounts/{quote(uid, safe='')}/{rest}"
        return self.app.get(path, account=name, endpoint=endpoint)


def _make(given: Given, clock: Clock) -> EnableBanking:
    return EnableBanking(
        App(given.url(), given.text("application_id"), read_key(given.document("key")), clock),
        zone=given.zone(),
        country=given.text("country").upper(),
        psu_type=given.text("psu_type"),
        missing_settings=given.missing,
    )


KIND: Final = Kind(
    "enablebanking",
    (
        Option("application_id", "Our application's id, from the control panel.", required=True),
        Option(
            "key",
            "Its private key: the .pem file's path, or what is in it.",
            required=True,
            secret=True,
        ),
        Option("url", "Enable Banking's API.", default=PRODUCTION),
        Option("country", "Whose banks are meant where no country is said: `FI`."),
        Option("zone", "Where those banks' days are.", default=ZONE),
        Option("psu_type", "`personal` accounts, or those of a `business`.", default="personal"),
    ),
    _make,
)
