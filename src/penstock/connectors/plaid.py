"""Plaid (https://plaid.com/docs, API version 2020-09-14): banks of the US, Canada and Europe.

One Item is one login at one institution. /transactions/sync is one delta for all its accounts: an
opaque cursor, and rows added, modified and removed since. The cursor of the last page is kept, for
an update that is not read to its end begins again at its first page; an empty one says that Plaid
has not gathered anything yet. A posted row has an id of its own and names its pending one.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from penstock.connectors.answer import response_of
from penstock.connectors.kind import Kind
from penstock.connectors.plaid_accounts import (
    parse_accounts,
    parse_balances,
    parse_institution,
    parse_institutions,
    parse_item,
)
from penstock.connectors.plaid_app import App
from penstock.connectors.plaid_errors import check, verdict_of
from penstock.connectors.plaid_hooks import Webhooks
from penstock.connectors.plaid_link import PRODUCTS, HostedLink
from penstock.connectors.plaid_rows import (
    parse_entry,
    parse_page,
)
from penstock.domain.balance import BalanceKind
from penstock.domain.clock import Clock, utc_now
from penstock.domain.consent import Credentials
from penstock.domain.errors import InvalidInput
from penstock.domain.hook import Hooks
from penstock.domain.institution import Institution
from penstock.domain.limit import Limit, Scope, quota, rate
from penstock.domain.link_plan import VisitPlan
from penstock.domain.option import Given, Option
from penstock.domain.protocol import PendingRule, Pull, Verdict
from penstock.domain.remedy import fix_code
from penstock.domain.request import Request, Response
from penstock.domain.says import EVERY_TYPE, Invested, Says
from penstock.domain.secret import Secret
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Absence, Balances, Discovery, Stream

PRODUCTION: Final = "https://production.plaid.com"
ZONE: Final = "America/New_York"
TRANSACTIONS: Final = "transactions"
SYNC: Final = "transactions/sync"
ACCOUNTS: Final = "accounts/get"
ITEM: Final = "item/get"
INSTITUTION: Final = "institutions/get_by_id"
MOST_ROWS: Final = 500
_MINUTE: Final = timedelta(minutes=1)
BUDGETS: Final = (
    quota(50, _MINUTE, endpoint=SYNC),
    quota(15, _MINUTE, endpoint=ACCOUNTS),
    quota(15, _MINUTE, endpoint=ITEM),
    rate(2_500, _MINUTE, Scope.APP, SYNC),
    rate(15_000, _MINUTE, Scope.APP, ACCOUNTS),
    rate(5_000, _MINUTE, Scope.APP, ITEM),
    rate(400, _MINUTE, Scope.APP, INSTITUTION),
)
"""Of production (https://plaid.com/docs/errors/rate-limit-exceeded/). No header tells of them."""


@dataclass(frozen=True, slots=True)
class Plaid:
    """The connector. `zone` is where its institutions' days are, for Plaid does not say.

    What Plaid's protocol cannot say: what was paid abroad, the day from which interest counts, an
    opening balance, and whether a row is due in days to come (then `date` lies after
    `authorized_date`, on a pending row).
    """

    app: App
    countries: tuple[str, ...] = ("US",)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(ZONE))
    clock: Clock = utc_now
    client_name: str = "Penstock"
    page_size: int = MOST_ROWS
    missing_settings: tuple[str, ...] = ()
    name: str = "plaid"
    title: str = "Plaid"
    docs_url: str = "https://plaid.com/docs"
    keys_url: str = "https://dashboard.plaid.com/developers/keys"
    pending_rule: PendingRule = PendingRule.LINKED
    sends_removals: bool = True
    reissues_ids: bool = True
    reuses_ids: bool = False
    budgets: tuple[Limit, ...] = BUDGETS
    absence: Absence = Absence.REMOVED
    says: Says = Says(
        EVERY_TYPE,
        frozenset(BalanceKind) - {BalanceKind.OPENING},
        abroad=False,
        invested=Invested.TOTAL,
    )

    @property
    def hooks(self) -> Hooks:
        """Each Item's address is set by us."""
        return Webhooks(self.app).declared()

    @property
    def link_plans(self) -> tuple[VisitPlan, ...]:
        """A visit to Plaid's Hosted Link, where the person finds their institution."""
        link = HostedLink(self.app, self.client_name, self.countries)
        return (VisitPlan(link.begin, link.finish, end=link.end),)

    def search(
        self, words: str, country: str
    ) -> Generator[Request, Response, Sequence[Institution]]:
        """Find institutions, or list the first where there are no words; Link has a search too.

        Raises OAuthError and ContractBroken.
        """
        countries = (country,) if country else self.countries
        wanted: dict[str, Any] = {"query": words, "products": PRODUCTS}
        if not words:
            wanted = {"count": MOST_ROWS, "offset": 0, "options": {"products": PRODUCTS}}
        endpoint = "institutions/search" if words else "institutions/get"
        answer = yield self.app.post(endpoint, authorized=False, country_codes=countries, **wanted)
        return parse_institutions(check(answer))

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the access token into the body. Raises ContractBroken for another address."""
        return self.app.sign(request, credentials)

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means; a good one may tell that the Item needs its person."""
        return verdict_of(response, self.clock())

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask for the accounts, and for the institution if the Item does not name it."""
        item, accounts = parse_accounts((yield self.app.post(ACCOUNTS)).body)
        if not item.institution_id:
            return Discovery(Institution(self.name, self.title), accounts)
        if item.institution_name:
            return Discovery(Institution(item.institution_id, item.institution_name), accounts)
        answer = yield self.app.post(
            INSTITUTION,
            authorized=False,
            institution_id=item.institution_id,
            country_codes=self.countries,
        )
        return Discovery(parse_institution(answer.body), accounts)

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return the one stream that carries every account."""
        return (Stream(TRANSACTIONS, tuple(each.external_id for each in discovery.accounts)),)

    def pull(self, stream: Stream, cursor: str | None) -> Pull:  # noqa: ARG002  there is but one
        """Read page after page.

        The balances are asked for after the last page, and handed over before it, so that who
        commits at the last page has them. Raises ContractBroken.
        """
        while True:
            page = parse_page(response_of((yield self._sync(cursor))).body)
            if page.next_cursor and not page.more:
                item = parse_item(response_of((yield self.app.post(ITEM))).body)
                stated = response_of((yield self.app.post(ACCOUNTS))).body
                yield Balances(parse_balances(stated, item.updated or self.clock(), self.zone))
            yield page
            if not page.more or not page.next_cursor:
                return
            cursor = page.next_cursor

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen | Removal:  # noqa: ARG002  a row names its account
        """Map one row, whichever list of a page it came from. Raises ContractBroken."""
        return parse_entry(raw)

    def _sync(self, cursor: str | None) -> Request:
        since: dict[str, Any] = {} if cursor is None else {"cursor": cursor}
        return self.app.post(
            SYNC, count=self.page_size, options={"include_original_description": True}, **since
        )


def _make(given: Given, clock: Clock) -> Plaid:
    return Plaid(
        App(given.url(), given.text("client_id"), given.secret("secret") or Secret("")),
        countries=_countries(given.text("countries")),
        zone=given.zone(),
        clock=clock,
        client_name=given.text("client_name"),
        missing_settings=given.missing,
    )


KIND: Final = Kind(
    "plaid",
    (
        Option("client_id", "Our client id, from Plaid's dashboard.", required=True),
        Option("secret", "The secret of the environment.", required=True, secret=True),
        Option("url", "Plaid's API; its sandbox is another address.", default=PRODUCTION),
        Option("countries", "Whose institutions people may choose from.", default="US"),
        Option("zone", "Where those institutions' days are.", default=ZONE),
        Option("client_name", "What people are told who asks.", default="Penstock"),
    ),
    _make,
)


def _countries(text: str) -> tuple[str, ...]:
    """Return ISO 3166 codes, as in `US,CA`. Raises InvalidInput."""
    codes = tuple(word.strip().upper() for word in text.split(","))
    if not all(len(code) == 2 and code.isascii() and code.isalpha() for code in codes):  # noqa: PLR2004  they are alpha-2
        raise InvalidInput(
            "PENSTOCK_PLAID_COUNTRIES is no list of countries.",
            remedy=fix_code("Write codes of two letters: US,CA."),
        )
    return codes
