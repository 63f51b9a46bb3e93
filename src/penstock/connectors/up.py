"""Up, Australia (https://developer.up.com.au, API v1).

A person makes a token for themselves; it reads everything of theirs, and does not expire. Answers
are JSON:API; a list is told newest first, page after page by `links.next`. An account's first
reading asks for all of it, each later one for what was created since our cursor (up_cursor.py): a
week is read again, and whatever was pending, until it has settled. Days are Melbourne's.
"""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode

from penstock.connectors.answer import answered_at, by_status, response_of
from penstock.connectors.by_creation import Reading, Since
from penstock.connectors.holds import balances
from penstock.connectors.kind import Kind
from penstock.connectors.signing import with_bearer
from penstock.connectors.up_accounts import (
    check_ping,
    parse_accounts,
    parse_available,
)
from penstock.connectors.up_cursor import next_cursor, read_cursor
from penstock.connectors.up_hooks import Webhooks
from penstock.connectors.up_rows import melbourne, parse_row, parse_rows
from penstock.connectors.wire import broken
from penstock.domain.account import AccountSeen
from penstock.domain.clock import Clock
from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError, OAuthUnavailable
from penstock.domain.hook import Hooks
from penstock.domain.institution import Institution
from penstock.domain.limit import Limit, Scope, quota
from penstock.domain.link_plan import Granted, LinkPlan, TokenPlan
from penstock.domain.option import Given, Option
from penstock.domain.protocol import PendingRule, Pull, Search, Verdict, VerdictKind
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request, Response
from penstock.domain.says import Says
from penstock.domain.secret import Secret
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Absence, Balances, Covered, Discovery, Page, Stream

PRODUCTION: Final = "https://api.up.com.au/api/v1"
TOKENS: Final = "https://api.up.com.au/getting_started"
MOST_ON_A_PAGE: Final = 100
AN_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Up:
    """The connector.

    What the protocol cannot say: that a settled transaction was taken back, or changed later than
    a week after it was made; an account's number; credit cards; an opening balance. A HELD one
    that was deleted is seen by its absence alone. On rare occasions a transaction settles under a
    new id: then it takes over the one that is gone where account, amount and day leave no doubt.

    Up states the available balance only, less what is on hold. Every reading tells all that is on
    hold, so that the current balance is known: available, and the holds besides. It is stated
    where the available balance was the same before and after the reading. The tie-out then proves
    that settled and held transactions together explain how the available balance moved; that a
    hold was counted as settled, or the other way round, it cannot find.
    """

    base_url: str = PRODUCTION
    page_size: int = MOST_ON_A_PAGE
    name: str = "up"
    title: str = "Up"
    docs_url: str = "https://developer.up.com.au"
    keys_url: str = TOKENS
    pending_rule: PendingRule = PendingRule.USUALLY_SAME_ID
    sends_removals: bool = False
    reissues_ids: bool = False
    reuses_ids: bool = False
    budgets: tuple[Limit, ...] = (quota(1000, AN_HOUR, Scope.CONNECTION),)
    absence: Absence = Absence.PENDING_GONE
    says: Says = Says(later=False, to_come=False)
    missing_settings: tuple[str, ...] = ()
    search: Search | None = None

    @property
    def hooks(self) -> Hooks:
        """One webhook for each connection, made by us."""
        return Webhooks(self.base_url).declared()

    @property
    def link_plans(self) -> tuple[LinkPlan, ...]:
        """A token that the person makes; Up is asked whose it is before anything is stored."""
        where = "Up's page for developers, with the app on your phone at hand"
        return (TokenPlan(where, self.keys_url, claim=self._check),)

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the bearer token on a request to the API. Raises ContractBroken for any other."""
        return with_bearer(request, credentials, self.base_url)

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means. 401 is a token that was deleted; it has no successor."""
        if response.status == HTTPStatus.UNAUTHORIZED:
            return Verdict(VerdictKind.UNAUTHORIZED, "Up does not know the token any more (401).")
        return by_status(response)

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask for the accounts, savers and home loans. Raises ContractBroken."""
        found: list[AccountSeen] = []
        link: str | None = self._address("accounts", {"page[size]": str(self.page_size)})
        asked: set[str] = set()
        while link is not None:
            self._check_link(link, asked)
            accounts, link = parse_accounts((yield Request("GET", link)).body)
            found += accounts
        return Discovery(Institution("up", "Up"), found)

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return one stream for each account: a new one is read from its beginning."""
        return tuple(Stream(each.external_id, (each.external_id,)) for each in discovery.accounts)

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read an account's transactions, newest first. Raises ContractBroken.

        All of them where there is no cursor; else those that the cursor asks for, among which is
        everything that is dated by the days it names: a pending row of these days that is not told
        has ended.
        """
        account, since = stream.key, None if cursor is None else read_cursor(cursor)
        before = parse_available((yield from self._account(account)).body, account)
        reading, asked = Reading(), set[str]()
        link = self._first_page(account, since)
        while True:
            self._check_link(link, asked)
            answer = yield Request("GET", link)
            rows = parse_rows(response_of(answer).body, account)
            reading.hear(rows.upserts, rows.made, whole=not rows.unmapped)
            if rows.next is None:
                break
            link = rows.next
            yield Page(rows.upserts, (), None, more=True, unmapped=rows.unmapped)
        response = yield from self._account(account)
        after = parse_available(response.body, account)
        held = reading.held if before == after and reading.whole else None
        at = answered_at(response.headers, "balance")
        yield Balances(balances(account, after, at, melbourne(at), held))
        yield Page(
            upserts=rows.upserts,
            removed=(),
            next_cursor=next_cursor(since, reading),
            more=False,
            unmapped=rows.unmapped,
            covered=() if since is None else (Covered(account, since.told_from, date.max),),
        )

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen:
        """Map one transaction. Raises ContractBroken, also where a Round Up belongs to it."""
        return parse_row(raw, stream.key)

    def _check(self, pasted: Secret) -> Generator[Request, Response, Granted]:
        """Ask Up whether a token is good. Raises OAuthError, ContractBroken."""
        token = {"Authorization": f"Bearer {pasted.reveal()}"}
        response = yield Request("GET", self._address("util/ping"), token, authorized=False)
        verdict = self.classify(response)
        if verdict.kind is VerdictKind.UNAUTHORIZED:
            raise OAuthError(
                "Up does not know this token.",
                code="invalid_token",
                remedy=ask_person(f"Copy it whole, with `up:yeah:`, or make a new one: {TOKENS}"),
            )
        if verdict.kind in {VerdictKind.TRANSIENT, VerdictKind.THROTTLED}:
            raise OAuthUnavailable(verdict.message, retry_after=response.headers.get("retry-after"))
        check_ping(response.body)
        return Granted(Credentials(access=pasted))

    def _account(self, account: str) -> Generator[Request, Response | None, Response]:
        answer = yield Request("GET", self._address(f"accounts/{quote(account, safe='')}"))
        return response_of(answer)

    def _first_page(self, account: str, since: Since | None) -> str:
        query = {"page[size]": str(self.page_size)}
        if since is not None:
            query["filter[since]"] = since.read_from.isoformat()
        return self._address(f"accounts/{quote(account, safe='')}/transactions", query)

    def _address(self, path: str, query: dict[str, str] | None = None) -> str:
        return f"{self.base_url}/{path}{'?' * bool(query)}{urlencode(query or {})}"

    def _check_link(self, link: str, asked: set[str]) -> None:
        """See that a link stays at the bank and leads on. Raises ContractBroken."""
        if not link.startswith(f"{self.base_url}/"):
            raise broken("links", f"`next` leads away from {self.base_url}")
        if link in asked:
            raise broken("links", "`next` leads back to a page that was read")
        asked.add(link)


def _make(given: Given, _clock: Clock) -> Up:
    return Up(given.url())


KIND: Final = Kind(
    "up",
    (Option("url", "Up's API, with its version.", default=PRODUCTION),),
    _make,
)
