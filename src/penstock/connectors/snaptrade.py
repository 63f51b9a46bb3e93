"""SnapTrade (https://docs.snaptrade.com): brokers of North America and beyond, through one API.

A person's connections to brokers are made and mended at SnapTrade; we are let in to all of them at
once, by OAuth or with their Personal key. Activities are told newest first, by offset, and are
gathered once a day. An account's first reading asks for all of them, each later one for a month
before the newest once more: a broker may tell late, and SnapTrade may tell rows under new ids.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from penstock.connectors.answer import response_of
from penstock.connectors.kind import Kind
from penstock.connectors.signing import with_bearer
from penstock.connectors.snaptrade_accounts import (
    Account,
    find_account,
    institution_of,
    parse_accounts,
    parse_balances,
    parse_disabled,
    seen,
)
from penstock.connectors.snaptrade_errors import verdict_of
from penstock.connectors.snaptrade_holdings import parse_positions
from penstock.connectors.snaptrade_hooks import Webhooks
from penstock.connectors.snaptrade_key import key_in, pasted_key, with_signature
from penstock.connectors.snaptrade_pages import Reading
from penstock.connectors.snaptrade_rows import parse_activities, parse_activity
from penstock.connectors.wire import broken
from penstock.domain.balance import BalanceKind
from penstock.domain.clock import Clock, utc_now
from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError, OAuthUnavailable, RowsMoved
from penstock.domain.hook import Hooks
from penstock.domain.limit import Limit, Scope, quota
from penstock.domain.link_plan import ClientAuth, Granted, LinkPlan, OAuthPlan, Rotation, TokenPlan
from penstock.domain.option import Given, Option
from penstock.domain.protocol import PendingRule, Pull, Search, Verdict, VerdictKind
from penstock.domain.rate_headers import GENERAL
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request, Response
from penstock.domain.says import EVERY_TYPE, Invested, Says
from penstock.domain.secret import Secret
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import (
    Absence,
    Balances,
    Covered,
    Discovery,
    Holdings,
    Page,
    Stream,
)

PRODUCTION: Final = "https://api.snaptrade.com"
DASHBOARD: Final = "https://dashboard.snaptrade.com"
ZONE: Final = "America/New_York"
MOST_ROWS: Final = 1000
OVERLAP: Final = timedelta(days=30)
SLACK: Final = timedelta(days=2)
"""So much earlier is asked than is told in full: nobody says in which zone SnapTrade cuts days."""

EARLIEST: Final = date(1900, 1, 1)
_MINUTE: Final = timedelta(minutes=1)
BUDGETS: Final = (
    quota(250, _MINUTE, Scope.CONNECTION, told_by=GENERAL),
    quota(10, _MINUTE, Scope.ACCOUNT, told_by="account"),
)
"""Of every client, which a Personal key is, and of every account of a person who is SnapTrade's own
customer. All endpoints of one account are counted together, so that no request names its own. Of
what one person may ask through an application, only the `Retry-After` of a 429 tells."""


@dataclass(frozen=True, slots=True)
class SnapTrade:
    """The connector. `zone` is where the brokers' days are, for SnapTrade does not say.

    What SnapTrade's protocol cannot say: what is pending, the day on which something was authorised
    beside that of the trade, what was paid abroad, an opening balance, a credit line, the ISIN and
    the value of a holding. Activities come a day late, and `--from-start` alone tells what happened
    to those that are older than a month.
    """

    base_url: str = PRODUCTION
    client_id: str = ""
    client_secret: Secret | None = None
    consumer_key: Secret | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(ZONE))
    clock: Clock = utc_now
    page_size: int = MOST_ROWS
    name: str = "snaptrade"
    title: str = "SnapTrade"
    docs_url: str = "https://docs.snaptrade.com"
    keys_url: str = f"{DASHBOARD}/settings"
    pending_rule: PendingRule = PendingRule.NEVER
    sends_removals: bool = False
    reissues_ids: bool = True
    reuses_ids: bool = False
    budgets: tuple[Limit, ...] = BUDGETS
    absence: Absence = Absence.REMOVED
    says: Says = Says(
        EVERY_TYPE,
        frozenset({BalanceKind.CURRENT, BalanceKind.AVAILABLE}),
        pending=False,
        to_come=False,
        happened=False,
        abroad=False,
        later=False,
        holdings=True,
        invested=Invested.MONEY,
    )
    missing_settings: tuple[str, ...] = ()
    search: Search | None = None

    @property
    def hooks(self) -> Hooks | None:
        """Webhooks where we know the key that they are signed with."""
        return Webhooks(self.consumer_key, DASHBOARD).declared() if self.consumer_key else None

    @property
    def link_plans(self) -> tuple[LinkPlan, ...]:
        """OAuth where this installation is registered; a Personal key always."""
        where = "The Personal key of SnapTrade's dashboard, as CLIENT-ID:CONSUMER-KEY"
        key = TokenPlan(where, self.keys_url, claim=self._claim)
        if not self.client_id:
            return (key,)
        oauth = OAuthPlan(
            issuer=self.base_url,
            authorize_url="",
            token_url="",
            revoke_url=None,
            client_id=self.client_id,
            client_secret=self.client_secret,
            client_auth=ClientAuth.BASIC,
            scopes=("read", "webhook") if self.consumer_key else ("read",),
            rotation=Rotation.STRICT,
            publishes=True,
        )
        return (oauth, key)

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the token on a request, or the key's signature. ContractBroken for others' requests.

        Nothing of the commercial way (`userId`, `userSecret`) goes along: either names the person.
        """
        key = key_in(credentials)
        if key is None:
            return with_bearer(request, credentials, self.base_url)
        return with_signature(request, key, self.base_url, self.clock())

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means; a 429 may say in its words alone when to come back."""
        return verdict_of(response)

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask for the accounts at all brokers. Raises ContractBroken."""
        accounts = parse_accounts((yield self._get("accounts")).body)
        return Discovery(institution_of(accounts, self.title), [seen(each) for each in accounts])

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return one stream for each account: a new one is read from its beginning."""
        return tuple(Stream(each.external_id, (each.external_id,)) for each in discovery.accounts)

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read an account: activities, newest first, then cash and positions.

        The cursor is the day of the newest activity. Not ready is an account of which SnapTrade is
        still gathering the history. Raises ContractBroken and RowsMoved.
        """
        name, since = stream.key, _day(cursor)
        account = yield from self._account(name)
        if not account.is_ready:
            yield Page((), (), next_cursor="", more=False)
            return
        asked = None if since is None else max(since, EARLIEST) - OVERLAP - SLACK
        reading = Reading()
        while True:
            body = (yield from self._ask(self._activities(name, asked, reading.place))).body
            page = parse_activities(body, name)
            if not reading.hear(page):
                break
            yield Page(page.upserts, (), None, more=True, unmapped=page.unmapped)
        said = yield from self._state(account)
        if reading.pages > 1 and (yield from self._account(name)).gathered != account.gathered:
            raise RowsMoved("SnapTrade gathered new activities while they were read.")
        yield Page(
            upserts=page.upserts,
            removed=(),
            next_cursor=self._cursor(since, reading.newest),
            more=False,
            unmapped=page.unmapped,
            covered=() if asked is None else (Covered(name, asked + SLACK, date.max),),
            said=said,
        )

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen:
        """Map one activity. Raises ContractBroken."""
        return parse_activity(raw, stream.key)

    def _state(
        self, account: Account
    ) -> Generator[Request | Balances | Holdings, Response | None, Sequence[str]]:
        """Read what stands on an account and what it holds; return what the person must know."""
        link = self._get("authorizations", account.brokerage_authorization)
        broker = parse_disabled((yield from self._ask(link)).body, account.brokerage_authorization)
        said = [] if broker is None else [f"{broker} must be connected again, at {DASHBOARD}."]
        if not account.tells_holdings:
            return said
        cash = yield from self._ask(self._get("accounts", account.id, "balances"))
        answer = yield from self._ask(self._get("accounts", account.id, "positions", "all"))
        positions = parse_positions(answer.body, account.id)
        yield Balances(parse_balances(cash.body, account.id, positions.as_of, self.zone))
        if positions.unknown:
            said.append(f"How many of {', '.join(positions.unknown)} are held is not told.")
        else:
            yield Holdings(account.id, positions.holdings)
        return said

    def _account(self, name: str) -> Generator[Request, Response | None, Account]:
        """Ask for one account among all: the list is not counted as what is asked of each."""
        return find_account((yield from self._ask(self._get("accounts"))).body, name)

    def _ask(self, request: Request) -> Generator[Request, Response | None, Response]:
        return response_of((yield request))

    def _activities(self, account: str, since: date | None, place: int) -> Request:
        query = {"offset": str(place), "limit": str(self.page_size)}
        if since is not None:
            query["startDate"] = since.isoformat()
        return self._get("accounts", account, "activities", **query)

    def _get(self, kind: str, name: str = "", *steps: str, **query: str) -> Request:
        path = "/".join(quote(one, safe="") for one in (kind, name, *steps) if one)
        account = name if kind == "accounts" else ""
        url = f"{self.base_url}/{path}{'?' * bool(query)}{urlencode(query)}"
        return Request("GET", url, {"Accept": "application/json"}, account=account)

    def _cursor(self, since: date | None, newest: date | None) -> str | None:
        """Return the newest day, but none to come: what is told of the days until then counts."""
        days = [day for day in (since, newest) if day is not None]
        return min(max(days), self.clock().date()).isoformat() if days else None

    def _claim(self, pasted: Secret) -> Generator[Request, Response, Granted]:
        """Ask SnapTrade whether a Personal key is good. Raises OAuthError, ContractBroken."""
        key = pasted_key(pasted)
        request = with_signature(self._get("accounts"), key, self.base_url, self.clock())
        response = yield Request(request.method, request.url, request.headers, authorized=False)
        verdict = self.classify(response)
        if verdict.kind in {VerdictKind.UNAUTHORIZED, VerdictKind.CONSENT}:
            raise OAuthError(
                "SnapTrade does not take this key.",
                code="invalid_token",
                remedy=ask_person(f"Copy both parts whole: {DASHBOARD}/settings"),
            )
        if verdict.kind in {VerdictKind.TRANSIENT, VerdictKind.THROTTLED}:
            raise OAuthUnavailable(verdict.message, retry_after=response.headers.get("retry-after"))
        parse_accounts(response.body)
        return Granted(key.credentials)


def _make(given: Given, clock: Clock) -> SnapTrade:
    return SnapTrade(
        given.url(),
        given.text("client_id"),
        given.secret("client_secret"),
        given.secret("consumer_key"),
        zone=given.zone(),
        clock=clock,
    )


KIND: Final = Kind(
    "snaptrade",
    (
        Option("url", "SnapTrade's API.", default=PRODUCTION),
        Option("client_id", "OAuth client id at SnapTrade; empty: paste a Personal key."),
        Option("client_secret", "Its secret.", secret=True),
        Option("consumer_key", "What signs your webhooks; empty: none are heard.", secret=True),
        Option("zone", "Where the brokers' days are.", default=ZONE),
    ),
    _make,
)


def _day(cursor: str | None) -> date | None:
    if cursor is None:
        return None
    try:
        return date.fromisoformat(cursor)
    except ValueError:
        raise broken("cursor", "it is no day", cursor) from None
