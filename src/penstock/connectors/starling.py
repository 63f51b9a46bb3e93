"""Starling Bank, UK (https://developer.starlingbank.com, API v2).

A feed per category of an account: its own money, and each space. `changesSince` gives what was
created or updated since an instant, in one answer; our cursor is the newest `updatedAt` seen, and
an hour is read again each time, for equal rows change nothing. Amounts are unsigned minor units
with a direction; an item keeps its id from PENDING to SETTLED. Days are London's.

A person makes a token for themselves on the developer portal. An OAuth application needs a
registration and, in production, a client certificate at the token endpoint; its refresh token
rotates, and the one before stays good until the new one is used.
"""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from penstock.connectors.answer import by_status, response_of
from penstock.connectors.kind import Kind
from penstock.connectors.signing import with_bearer
from penstock.connectors.starling_accounts import (
    parse_accounts,
    parse_balance,
    parse_identifiers,
    parse_spaces,
    space_account,
    space_balance,
)
from penstock.connectors.starling_feed import parse_feed, parse_item
from penstock.connectors.wire import CANNOT_READ, broken
from penstock.domain.account import AccountSeen
from penstock.domain.clock import Clock
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.hook import Hooks
from penstock.domain.institution import Institution
from penstock.domain.limit import Limit
from penstock.domain.link_plan import ClientAuth, LinkPlan, OAuthPlan, Rotation, TokenPlan
from penstock.domain.option import Given, Option
from penstock.domain.protocol import PendingRule, Pull, Search, Verdict, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.says import Says
from penstock.domain.secret import Secret
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Absence, Balances, Discovery, Page, Stream

PRODUCTION: Final = "https://api.starlingbank.com"
PERSONAL: Final = "https://developer.starlingbank.com/personal"
TRIAL: Final = "https://api-sandbox.starlingbank.com"
BEFORE_ALL: Final = datetime.fromisoformat("2014-01-01T00:00:00+00:00")
"""Earlier than the bank's first account."""

OVERLAP: Final = timedelta(hours=1)
REFRESH_DAYS: Final = 180
SPACE: Final = "space:"
SCOPES: Final = (
    "account:read",
    "account-list:read",
    "account-identifier:read",
    "balance:read",
    "savings-goal:read",
    "space:read",
    "transaction:read",
)
OAUTH_AT: Final = {
    PRODUCTION: (
        "https://oauth.starlingbank.com",
        "https://token-api.starlingbank.com/oauth/access-token",
    ),
    TRIAL: ("https://oauth-sandbox.starlingbank.com", f"{TRIAL}/oauth/access-token"),
}
"""Where a person consents and where a code is exchanged, for each of the bank's environments."""


class _Error(msgspec.Struct):
    error: str = ""


_ERROR: Final = msgspec.json.Decoder(_Error)


@dataclass(frozen=True, slots=True)
class Starling:
    """The connector; without a client id a person can only paste a token of their own."""

    base_url: str = PRODUCTION
    client_id: str = ""
    client_secret: Secret | None = None
    name: str = "starling"
    title: str = "Starling Bank"
    docs_url: str = "https://developer.starlingbank.com"
    keys_url: str = PERSONAL
    pending_rule: PendingRule = PendingRule.SAME_ID
    sends_removals: bool = True
    reissues_ids: bool = False
    reuses_ids: bool = False
    budgets: tuple[Limit, ...] = ()
    absence: Absence = Absence.REMOVED
    says: Says = Says()
    missing_settings: tuple[str, ...] = ()
    search: Search | None = None
    hooks: Hooks | None = None

    @property
    def link_plans(self) -> tuple[LinkPlan, ...]:
        """A token that the person makes; OAuth too where this installation is registered."""
        token = TokenPlan(
            where="Starling's developer portal, Personal Access, with the scopes "
            + ", ".join(SCOPES),
            url=self.keys_url,
        )
        if not self.client_id:
            return (token,)
        own = (f"{self.base_url}/oauth/authorize", f"{self.base_url}/oauth/access-token")
        authorize_url, token_url = OAUTH_AT.get(self.base_url, own)
        oauth = OAuthPlan(
            issuer=authorize_url,
            authorize_url=authorize_url,
            token_url=token_url,
            revoke_url=None,
            client_id=self.client_id,
            client_secret=self.client_secret,
            client_auth=ClientAuth.POST,
            scopes=SCOPES,
            pkce=False,
            rotation=Rotation.GRACE,
            consent_days=REFRESH_DAYS,
        )
        return (token, oauth)

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the bearer token on a request to the API. Raises ContractBroken for any other."""
        return with_bearer(request, credentials, self.base_url)

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means. 403 is an old token, or one without the scope (their docs)."""
        if response.status != HTTPStatus.FORBIDDEN:
            return by_status(response)
        if _error_in(response.body) == "insufficient_scope":
            missing = f"The token lacks a scope; it needs {', '.join(SCOPES)}."
            return Verdict(VerdictKind.CONSENT, missing, ConsentState.LOGIN_REQUIRED)
        return Verdict(VerdictKind.UNAUTHORIZED, "The bank did not accept the token (403).")

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask for the accounts, their numbers and their spaces. Raises ContractBroken."""
        accounts: list[AccountSeen] = []
        for account in parse_accounts((yield self._get("accounts")).body):
            uid = account.account_uid
            numbers = yield self._get("accounts", uid, "identifiers")
            accounts.append(parse_identifiers(numbers.body, account))
            spaces = yield self._get("account", uid, "spaces")
            accounts += [space_account(space, account) for space in parse_spaces(spaces.body)]
        return Discovery(Institution("starling", self.title), accounts)

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return a stream for each account's own money and for each space."""
        return tuple(
            Stream(f"{SPACE * (each.parent is not None)}{each.external_id}", (each.external_id,))
            for each in discovery.accounts
        )

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read what changed since the cursor, an instant; it comes in one answer.

        The balances are handed over before the page, so that who commits at the page has them.
        Raises ContractBroken.
        """
        place = stream.key.removeprefix(SPACE)
        account_uid, _, category_uid = place.partition("/")
        since = _instant(cursor)
        asked = BEFORE_ALL if since is None else since - OVERLAP
        query = urlencode({"changesSince": _written(asked)})
        answer = yield self._get(
            "feed", "account", account_uid, "category", category_uid, query=query
        )
        feed = parse_feed(response_of(answer).body, place)
        if stream.key.startswith(SPACE):
            answer = response_of((yield self._get("account", account_uid, "spaces")))
            yield Balances(space_balance(answer.body, answer.headers, place))
        else:
            answer = response_of((yield self._get("accounts", account_uid, "balance")))
            yield Balances(parse_balance(answer.body, answer.headers, place))
        newest = max((at for at in (since, feed.newest) if at is not None), default=None)
        yield Page(
            upserts=feed.upserts,
            removed=feed.removed,
            next_cursor=None if newest is None else _written(newest),
            more=False,
            unmapped=tuple(feed.unmapped),
        )

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen | Removal:
        """Map one item of a feed. Raises ContractBroken."""
        return parse_item(raw, stream.key.removeprefix(SPACE))

    def _get(self, *steps: str, query: str = "") -> Request:
        path = "/".join(quote(step, safe="") for step in steps)
        return Request("GET", f"{self.base_url}/api/v2/{path}{'?' * bool(query)}{query}")


def _make(given: Given, _clock: Clock) -> Starling:
    return Starling(given.url(), given.text("client_id"), given.secret("client_secret"))


KIND: Final = Kind(
    "starling",
    (
        Option("url", "Starling's API, or its sandbox.", default=PRODUCTION),
        Option("client_id", "OAuth client id at Starling; empty: paste a personal token."),
        Option("client_secret", "Its secret.", secret=True),
    ),
    _make,
)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(cursor: str | None) -> datetime | None:
    if cursor is None:
        return None
    try:
        at = datetime.fromisoformat(cursor)
    except ValueError:
        raise broken("cursor", "it is no instant", cursor) from None
    if at.tzinfo is None:
        raise broken("cursor", "it has no offset", cursor)
    return at


def _error_in(body: bytes) -> str:
    try:
        return _ERROR.decode(body).error
    except CANNOT_READ:
        return ""
