"""The sandbox bank's own protocol (documented in `penstock.sandbox.faces.own`).

One delta stream for all accounts, with an opaque cursor: added, modified, removed, `has_more`.
Amounts are decimal texts, + towards the holder, also on credit cards, where what is owed is
negative. Days are the bank's own. A posted row that was pending has an id of its own and names
the pending one. When rows moved in mid-pagination, the bank asks for the update to begin again.
What investment accounts hold is a stream of its own, told whole each time, without a cursor.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from penstock.connectors.answer import by_status, response_of
from penstock.connectors.kind import Kind
from penstock.connectors.sandbox_holdings import parse_holdings
from penstock.connectors.sandbox_wire import (
    error_code,
    parse_accounts,
    parse_balances,
    parse_entry,
    parse_page,
)
from penstock.connectors.signing import with_bearer
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.clock import Clock
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.hook import Hooks
from penstock.domain.limit import Limit
from penstock.domain.link_plan import OAuthPlan, Rotation
from penstock.domain.option import Given, Option
from penstock.domain.protocol import PendingRule, Pull, Search, Verdict, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.says import EVERY_TYPE, Invested, Says
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Absence, Balances, Discovery, Stream

TRANSACTIONS: Final = "transactions"
HOLDINGS: Final = "holdings"
SCOPES: Final = ("accounts", "balances", "transactions")
CONSENT_DAYS: Final = 90
CONSENT_STATE: Final = "consent-state"

_OVER: Final = {
    "login_required": ConsentState.LOGIN_REQUIRED,
    "consent_required": ConsentState.LOGIN_REQUIRED,
    "consent_expired": ConsentState.EXPIRED,
    "consent_revoked": ConsentState.REVOKED,
}
_BY_CODE: Final = {
    "invalid_token": Verdict(VerdictKind.UNAUTHORIZED, "The access token is no longer good."),
    "mutation_during_pagination": Verdict(VerdictKind.RESTART, "Rows moved between two pages."),
    "cursor_not_associated": Verdict(VerdictKind.CURSOR_LOST, "The bank forgot our cursor."),
    **{
        code: Verdict(VerdictKind.CONSENT, f"The bank says: {code}.", state)
        for code, state in _OVER.items()
    },
}
USUAL: Final = "http://127.0.0.1:8322"
"""Where `penstock sandbox` listens, unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The connector. `scenario` is proposed to the person who links, `page_size` to the bank.

    `rotation` is what the chosen scenario's refresh tokens do; strict is safe with both kinds.
    """

    base_url: str
    client_id: str = "penstock"
    scenario: str | None = None
    page_size: int | None = None
    rotation: Rotation = Rotation.STRICT
    name: str = "sandbox"
    title: str = "Sandbox Bank"
    pending_rule: PendingRule = PendingRule.LINKED
    sends_removals: bool = True
    reissues_ids: bool = True
    reuses_ids: bool = False
    budgets: tuple[Limit, ...] = ()
    absence: Absence = Absence.REMOVED
    says: Says = Says(
        EVERY_TYPE,
        frozenset(BalanceKind),
        holdings=True,
        all_of_holdings=True,
        invested=Invested.MONEY,
    )
    search: Search | None = None
    hooks: Hooks | None = None

    @property
    def docs_url(self) -> str:
        """The bank's own front page, which says how to use it."""
        return f"{self.base_url or USUAL}/"

    @property
    def keys_url(self) -> str:
        """The same: nothing has to be had but its address."""
        return self.docs_url

    @property
    def missing_settings(self) -> tuple[str, ...]:
        """The address of the bank, if nobody said where it is."""
        return () if self.base_url else ("sandbox_url",)

    @property
    def link_plans(self) -> tuple[OAuthPlan, ...]:
        """Authorization code with PKCE, and `iss` in the callback."""
        return (
            OAuthPlan(
                issuer=self.base_url,
                authorize_url=f"{self.base_url}/oauth/authorize",
                token_url=f"{self.base_url}/oauth/token",
                revoke_url=f"{self.base_url}/oauth/revoke",
                client_id=self.client_id,
                scopes=SCOPES,
                iss_required=True,
                rotation=self.rotation,
                consent_days=CONSENT_DAYS,
                parameters={"scenario": self.scenario} if self.scenario else {},
            ),
        )

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the bearer token on a request to this bank. Raises ContractBroken for any other."""
        return with_bearer(request, credentials, self.base_url)

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means, by its status and by the code in it.

        A good answer carries EXPIRING where the bank says so in its `Consent-State` header.
        """
        verdict = by_status(response)
        if verdict.kind is VerdictKind.OK:
            return _expiring(response) or verdict
        if verdict.kind in {VerdictKind.CONTRACT, VerdictKind.UNAUTHORIZED, VerdictKind.CONSENT}:
            return _BY_CODE.get(error_code(response.body), verdict)
        return verdict

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask for the accounts. Raises ContractBroken."""
        response = yield Request("GET", f"{self.base_url}/v1/accounts")
        return parse_accounts(response.body)

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return the one stream that carries every account, and one for what is held.

        Nobody is asked for holdings who has no account for them.
        """
        rows = Stream(TRANSACTIONS, tuple(each.external_id for each in discovery.accounts))
        invested = tuple(
            each.external_id for each in discovery.accounts if each.type is AccountType.INVESTMENT
        )
        return (rows, Stream(HOLDINGS, invested)) if invested else (rows,)

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read page after page, or what is held. Raises ContractBroken."""
        if stream.key == HOLDINGS:
            answer = yield Request("GET", f"{self.base_url}/v1/holdings")
            yield from parse_holdings(response_of(answer).body, stream.accounts)
            return
        yield from self._rows(cursor)

    def _rows(self, cursor: str | None) -> Pull:
        """Read page after page.

        The balances are asked for after the last page, and handed over before it, so that who
        commits at the last page has them. Raises ContractBroken.
        """
        while True:
            answer = yield Request("GET", self._page_url(cursor))
            page = parse_page(response_of(answer).body)
            if page.next_cursor and not page.more:
                answer = yield Request("GET", f"{self.base_url}/v1/balances")
                yield Balances(parse_balances(response_of(answer).body))
            yield page
            if not page.more or not page.next_cursor:
                return
            cursor = page.next_cursor

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen | Removal:  # noqa: ARG002  a row names its account
        """Map one row, whichever list of a page it came from. Raises ContractBroken."""
        return parse_entry(raw)

    def _page_url(self, cursor: str | None) -> str:
        query = {} if cursor is None else {"cursor": cursor}
        if self.page_size is not None:
            query["limit"] = str(self.page_size)
        return f"{self.base_url}/v1/transactions{'?' * bool(query)}{urlencode(query)}"


def _make(given: Given, _clock: Clock) -> Sandbox:
    return Sandbox(given.url(), given.text("client_id"))


KIND: Final = Kind(
    "sandbox",
    (
        Option("url", "Where `penstock sandbox` listens.", required=True),
        Option("client_id", "Our client id at the sandbox bank.", default="penstock"),
    ),
    _make,
)


def _expiring(response: Response) -> Verdict | None:
    if response.headers.get(CONSENT_STATE) != ConsentState.EXPIRING:
        return None
    return Verdict(VerdictKind.OK, "The consent ends soon.", ConsentState.EXPIRING)
