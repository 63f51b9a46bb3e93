"""SimpleFIN Bridge, and servers like it (https://www.simplefin.org/protocol.html, version 1.0.7).

A person who pays for the bridge links their banks there, and gives us a setup token. It is claimed
once, for an Access URL with a name and a password in it, which lasts until it is revoked. One
address answers for all accounts of all their banks, `GET /accounts`, for at most ninety days at a
time, and without pages. A month is read again each time: banks list late, and the bridge is known
to tell a block of days once more under new ids.
"""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from penstock.connectors.answer import by_status, response_of
from penstock.connectors.kind import Kind
from penstock.connectors.simplefin_access import HERE, claim_address, read_access
from penstock.connectors.simplefin_reading import Reading
from penstock.connectors.simplefin_rows import parse_aside
from penstock.connectors.simplefin_set import parse_set
from penstock.connectors.simplefin_windows import (
    EMPTY,
    MOST_WINDOWS,
    Window,
    read_mark,
    recent,
)
from penstock.connectors.wire import broken
from penstock.domain.account import AccountType
from penstock.domain.clock import Clock, utc_now
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import OAuthError, OAuthUnavailable
from penstock.domain.hook import Hooks
from penstock.domain.institution import Institution
from penstock.domain.limit import DAY, Limit, Scope, quota
from penstock.domain.link_plan import Granted, LinkPlan, TokenPlan
from penstock.domain.option import Given, Option
from penstock.domain.protocol import PendingRule, Pull, Search, Verdict, VerdictKind
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request, Response
from penstock.domain.says import EVERYDAY, Says
from penstock.domain.secret import Secret
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Absence, Discovery, Stream

BRIDGES: Final = ("https://bridge.simplefin.org", "https://beta-bridge.simplefin.org")
CREATE: Final = "https://bridge.simplefin.org/simplefin/create"
DOCS: Final = "https://www.simplefin.org/protocol.html"
EVERYTHING: Final = "accounts"
_MOST_NAMES: Final = 3


@dataclass(frozen=True, slots=True)
class SimpleFIN:
    """The connector.

    What the protocol cannot say: what kind of account it is, its number, its limit; categories,
    value days, the amount in another currency; which posted transaction a pending one became, for
    ids change; that a posted one was taken back; whatever happens to one that is older than a
    month; that a pending payment is yet to come. Days are those of Greenwich. A currency that is an
    address gets a code made of it. Whether a balance counts what is pending, banks differ in: the
    tie-out takes it as not counted, and an account of a bank that does shows a difference.

    `errors` inside a good answer are shown to the person. As long as there are any, the account
    they are about may be told in part: then nothing counts as missing, and the days are read again
    the next time.
    """

    bridges: tuple[str, ...] = BRIDGES
    clock: Clock = utc_now
    name: str = "simplefin"
    title: str = "SimpleFIN Bridge"
    docs_url: str = DOCS
    keys_url: str = CREATE
    pending_rule: PendingRule = PendingRule.UNLINKED
    sends_removals: bool = False
    reissues_ids: bool = True
    reuses_ids: bool = False
    budgets: tuple[Limit, ...] = (quota(24, DAY, Scope.CONNECTION),)
    absence: Absence = Absence.PENDING_GONE
    says: Says = Says(
        EVERYDAY | {AccountType.CREDIT_CARD}, later=False, to_come=False, abroad=False
    )
    missing_settings: tuple[str, ...] = ()
    search: Search | None = None
    hooks: Hooks | None = None

    @property
    def link_plans(self) -> tuple[LinkPlan, ...]:
        """A setup token, which is claimed for what opens the connection."""
        return (
            TokenPlan(
                "SimpleFIN Bridge, which makes setup tokens", self.keys_url, claim=self._claim
            ),
        )

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the Access URL's address and credentials on a request. Raises ContractBroken."""
        return read_access(credentials.access.reveal(), self.bridges).sign(request)

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means. 403 is access that was revoked; 402 wants to be paid."""
        if response.status == HTTPStatus.FORBIDDEN:
            message = "The bridge no longer lets us in: the access was revoked there (403)."
            return Verdict(VerdictKind.CONSENT, message, ConsentState.REVOKED)
        if response.status == HTTPStatus.PAYMENT_REQUIRED:
            message = "The bridge wants to be paid: look after your subscription there (402)."
            return Verdict(VerdictKind.CONSENT, message, ConsentState.LOGIN_REQUIRED)
        return by_status(response)

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask for the accounts without their transactions. Raises ContractBroken."""
        told = parse_set((yield _request([("balances-only", "1")])).body)
        if not told.accounts and told.said:
            raise broken("accounts", f"none is listed, and it is said: {'; '.join(told.said)}")
        names = list(dict.fromkeys(one.institution for one in told.accounts))
        more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
        institution = Institution("simplefin", ", ".join(names[:_MOST_NAMES] + more) or self.title)
        return Discovery(institution, [one.seen for one in told.accounts])

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return the one stream that carries every account: an answer tells them all."""
        return (Stream(EVERYTHING, tuple(each.external_id for each in discovery.accounts)),)

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read what is new of all accounts, then the history of those that are. ContractBroken.

        The newest window first, so that its balances are the newest, and backwards from there.
        """
        mark = None if cursor is None else read_mark(cursor)
        today = self.clock().astimezone(UTC).date()
        reading = Reading(stream.accounts, mark, today)
        for window in recent(mark, today):
            answer = yield _request(_asked(window))
            yield from reading.hear(parse_set(response_of(answer).body), window)
        empty = 0
        while reading.new and empty < EMPTY and reading.windows < MOST_WINDOWS:
            window = window.before
            only = () if mark is None else reading.raw_ids_of_new
            answer = yield _request([*_asked(window), *(("account", one) for one in only)])
            before = reading.rows
            yield from reading.hear(parse_set(response_of(answer).body), window)
            empty = empty + 1 if reading.rows == before else 0
        yield from reading.end()

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen:  # noqa: ARG002  it says whose it is
        """Map one transaction that was set aside. Raises ContractBroken."""
        return parse_aside(raw)

    def _claim(self, pasted: Secret) -> Generator[Request, Response, Granted]:
        """Claim a setup token: it is good for one use. Raises as its plan says, and InvalidInput.

        Nothing is sent to an address that is not below one of the bridges.
        """
        address = claim_address(pasted, self.bridges)
        response = yield Request("POST", address, body=b"", authorized=False)
        if response.status == HTTPStatus.FORBIDDEN:
            raise OAuthError(
                "The bridge does not take this token: it was used before, or never made.",
                code="access_denied",
                remedy=ask_person(
                    "If you did not use it yourself, somebody else may be reading your accounts: "
                    "revoke it at the bridge, and make a new one."
                ),
            )
        verdict = by_status(response)
        if verdict.kind in {VerdictKind.TRANSIENT, VerdictKind.THROTTLED}:
            raise OAuthUnavailable(verdict.message, retry_after=response.headers.get("retry-after"))
        if verdict.kind is not VerdictKind.OK:
            raise OAuthError(
                f"The bridge did not take this token ({response.status}).",
                remedy=ask_person("Make a new one at the bridge."),
            )
        return Granted(Credentials(access=self._access(response.body)))

    def _access(self, body: bytes) -> Secret:
        text = body.decode("ascii", "replace").strip()
        read_access(text, self.bridges)
        return Secret(text)


def _request(query: list[tuple[str, str]]) -> Request:
    return Request("GET", f"{HERE}/accounts?{urlencode(query)}")


def _asked(window: Window) -> list[tuple[str, str]]:
    """Return the query for a window. Never `pending=0`: servers take that for yes as well."""
    return [*window.query(), ("pending", "1")]


def _make(given: Given, clock: Clock) -> SimpleFIN:
    return SimpleFIN(given.urls(), clock)


KIND: Final = Kind(
    "simplefin",
    (
        Option(
            "url",
            "The bridges whose setup tokens are taken, with commas between.",
            default=",".join(BRIDGES),
        ),
    ),
    _make,
)
