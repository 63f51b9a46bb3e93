"""Monzo, UK (https://docs.monzo.com).

A person makes an OAuth client of their own at Monzo, consents in the browser, and then allows
access in the app on their phone; until then nothing is told. An access token lives for six hours,
and each refresh, good for one use, ends the one before; there is one living token for each person
and client. A list is told oldest first, and goes on after the last id. Each reading asks again for
the last week, for whatever is still pending, and for what Monzo owes us (monzo_cursor.py). Days are
London's.
"""

from collections.abc import Generator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from penstock.connectors.kind import Kind
from penstock.connectors.monzo_accounts import parse_accounts, parse_balance, seen
from penstock.connectors.monzo_errors import is_dead, verdict_of
from penstock.connectors.monzo_reading import Api, read
from penstock.connectors.monzo_rows import parse_row
from penstock.connectors.signing import with_bearer
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.clock import Clock
from penstock.domain.consent import Credentials
from penstock.domain.errors import InvalidInput
from penstock.domain.hook import Hooks
from penstock.domain.institution import Institution
from penstock.domain.limit import Limit
from penstock.domain.link_plan import ClientAuth, LinkPlan, OAuthPlan, Rotation
from penstock.domain.option import Given, Option, variable
from penstock.domain.protocol import PendingRule, Pull, Search, Verdict
from penstock.domain.remedy import fix_code
from penstock.domain.request import Request, Response
from penstock.domain.says import Says
from penstock.domain.secret import Secret
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Absence, Discovery, Stream
from penstock.oauth.answer import check_done
from penstock.oauth.token import refresh

PRODUCTION: Final = "https://api.monzo.com"
CONSENT: Final = "https://auth.monzo.com/"
MOST_ON_A_PAGE: Final = 100
ALL, RECENT = "all", "recent"


@dataclass(frozen=True, slots=True)
class Monzo:
    """The connector.

    What the protocol cannot say: pots. What they hold is told, and what went there from the account
    and back, but not their interest, so they are no accounts here: a transfer to a pot is a row of
    the account. Nor: an opening balance; the account behind Flex, of which programs are refused
    everything; what becomes of a settled transaction later than a week after it was made, and of
    one that is pending for more than 89 days: it stays as it was told last, pending.

    Older transactions than 89 days are told in the five minutes after the person's approval in the
    app. Where that is over, a sync says from when to when they are missing, ends as a partial one,
    and asks again each time; a renewal and a sync at once bring them. Without `whole_history` they
    are not asked for at an account's first reading, and not missed.

    Monzo states the available balance, less what is on hold. Every reading tells all that is on
    hold, so that the current balance is known: available, and the holds besides. It is stated where
    the available balance was the same before and after the reading.
    """

    base_url: str = PRODUCTION
    client_id: str = ""
    client_secret: Secret | None = None
    whole_history: bool = True
    page_size: int = MOST_ON_A_PAGE
    missing_settings: tuple[str, ...] = ()
    name: str = "monzo"
    title: str = "Monzo"
    docs_url: str = "https://docs.monzo.com"
    keys_url: str = "https://developers.monzo.com"
    pending_rule: PendingRule = PendingRule.SAME_ID
    sends_removals: bool = True
    reissues_ids: bool = False
    reuses_ids: bool = False
    budgets: tuple[Limit, ...] = ()
    absence: Absence = Absence.PENDING_GONE
    says: Says = Says(frozenset({AccountType.CHECKING}), later=False, long_ago=False, to_come=False)
    search: Search | None = None
    hooks: Hooks | None = None
    """Monzo's webhooks are not signed: anybody could send them, so we ask instead."""

    @property
    def link_plans(self) -> tuple[LinkPlan, ...]:
        """Authorization code with a secret in the form; Monzo's has no PKCE and no scopes."""
        return (self._plan,)

    @property
    def _plan(self) -> OAuthPlan:
        at_home = self.base_url == PRODUCTION
        return OAuthPlan(
            issuer=self.base_url,
            authorize_url=CONSENT if at_home else f"{self.base_url}/authorize",
            token_url=f"{self.base_url}/oauth2/token",
            revoke_url=None,
            client_id=self.client_id,
            client_secret=self.client_secret,
            client_auth=ClientAuth.POST,
            pkce=False,
            rotation=Rotation.STRICT,
            is_dead=is_dead,
            end=self._log_out,
        )

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the bearer token on a request to the API. Raises ContractBroken for any other."""
        return with_bearer(request, credentials, self.base_url)

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means. 403 waits for the person's approval in the app."""
        return verdict_of(response)

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask for the accounts, closed ones too. Raises ContractBroken."""
        found: list[AccountSeen] = []
        for account in parse_accounts((yield self._api.get("accounts")).body):
            currency = account.currency
            if currency is None:
                answer = yield self._api.balance(account.id)
                _, currency = parse_balance(answer.body, account.id)
            found.append(seen(account, currency))
        return Discovery(Institution(self.name, self.title), found)

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return one stream for each account."""
        return tuple(Stream(each.external_id, (each.external_id,)) for each in discovery.accounts)

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read an account: what Monzo tells at any time, then what it owes us. ContractBroken."""
        return read(self._api, stream.key, cursor, whole_history=self.whole_history)

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen | Removal:
        """Map one transaction. Raises ContractBroken."""
        return parse_row(raw, stream.key)

    @property
    def _api(self) -> Api:
        return Api(self.base_url, self.page_size)

    def _log_out(self, opened: Credentials) -> Generator[Request, Response, None]:
        """Give the access back: with the token, or with a newer one where that is too old."""
        response = yield self._logout_with(opened.access)
        if response.status == HTTPStatus.UNAUTHORIZED and opened.refresh is not None:
            fresh = yield from refresh(self._plan, opened.refresh)
            response = yield self._logout_with(fresh.access)
        check_done(response)

    def _logout_with(self, token: Secret) -> Request:
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        return Request("POST", f"{self.base_url}/oauth2/logout", headers, b"", authorized=False)


def _make(given: Given, _clock: Clock) -> Monzo:
    history = given.text("history")
    if history not in {ALL, RECENT}:
        raise InvalidInput(
            f"{variable('monzo_history')} is neither `{ALL}` nor `{RECENT}`.",
            remedy=fix_code(f"Write `{ALL}`, or `{RECENT}` for the last 89 days."),
        )
    return Monzo(
        given.url(),
        given.text("client_id"),
        given.secret("client_secret"),
        whole_history=history == ALL,
        missing_settings=given.missing,
    )


KIND: Final = Kind(
    "monzo",
    (
        Option("url", "Monzo's API.", default=PRODUCTION),
        Option("client_id", "OAuth client id at Monzo, of a confidential client.", required=True),
        Option("client_secret", "Its secret.", required=True, secret=True),
        Option("history", "How much an account is read at first: `all` or `recent`.", default=ALL),
    ),
    _make,
)
