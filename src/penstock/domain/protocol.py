"""How those who know a protocol speak with those who do the input and output.

A connector, an OAuth step or a quote source is a generator: it yields a `Request`, is sent the
`Response`, and at last returns a value. It never opens a socket, sleeps, stores or asks the time.
One driver runs them all (engine/drive.py).
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.hook import Hooks
from penstock.domain.institution import Institution
from penstock.domain.limit import Limit
from penstock.domain.link_plan import LinkPlan
from penstock.domain.request import Request, Response
from penstock.domain.says import Says
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Absence, Balances, Discovery, Holdings, Page, Stream

Sender = Callable[[Request], Awaitable[Response]]
"""Sends one request. Raises TransportFailure where no whole answer came."""

SenderFor = Callable[[str], Sender]
"""Gives the sender for a connector, under whose name its requests are counted."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing to ask for so many seconds: the provider works on what was asked of it."""

    seconds: float


Pull = Generator[Request | Pause | Page | Balances | Holdings, Response | None, None]
"""A stream being read: yields requests, pauses, pages, balances and holdings; is sent a response
for each request, and None for all else."""


Search = Callable[[str, str], Generator[Request, Response, Sequence[Institution]]]
"""Finds institutions: words of the name and a country (ISO 3166-1 alpha-2), either may be empty.

Raises OAuthError where the provider refuses us, and ContractBroken.
"""


class VerdictKind(StrEnum):
    """What an answer means for the one who asked."""

    OK = "ok"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    UNAUTHORIZED = "unauthorized"
    CONSENT = "consent"
    CURSOR_LOST = "cursor_lost"
    RESTART = "restart"
    CONTRACT = "contract"
    NOT_READY = "not_ready"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the engine must take an answer.

    OK: parse it. TRANSIENT: try again. THROTTLED: wait first (the engine reads `Retry-After`; where
    there is none, `wait` are the seconds, if the provider documents them or says so in words).
    UNAUTHORIZED: refresh the access token once, then ask again. CONSENT: the person must act, and
    `consent` is the new state. CURSOR_LOST: the stored cursor is no good any more, start from
    nothing. RESTART: the data moved between two pages, start this update over from the cursor of
    its first page. CONTRACT: the answer makes no sense, somebody has to look. NOT_READY: the bank
    has not gathered the data, or the person has still to do what `message` says; later it may be.
    An answer whose status the request `takes` goes to whoever asked, whatever it means.
    """

    kind: VerdictKind
    message: str = ""
    consent: ConsentState | None = None
    wait: float | None = None


class PendingRule(StrEnum):
    """How a provider tells which posted row a pending one became.

    USUALLY_SAME_ID: by the id that it keeps, but for some, of which nothing is told. NEVER: it
    tells of posted rows only.
    """

    SAME_ID = "same_id"
    USUALLY_SAME_ID = "usually_same_id"
    LINKED = "linked"
    UNLINKED = "unlinked"
    NEVER = "never"


class Connector(Protocol):
    """Our code for one provider: declarations, and functions that do no input or output."""

    @property
    def name(self) -> str:
        """The word in `penstock connect NAME`."""

    @property
    def title(self) -> str:
        """The name that people know."""

    @property
    def docs_url(self) -> str:
        """Where the provider documents itself."""

    @property
    def keys_url(self) -> str:
        """Where a person gets what it needs: keys, an application, a token."""

    @property
    def link_plans(self) -> tuple[LinkPlan, ...]:
        """The ways to consent, the best first."""

    @property
    def search(self) -> Search | None:
        """How institutions are found, where the connector reaches many; None: it is one bank."""

    @property
    def missing_settings(self) -> tuple[str, ...]:
        """Settings without which this connector cannot be used; empty when it is ready."""

    @property
    def pending_rule(self) -> PendingRule:
        """How pending rows become posted ones."""

    @property
    def sends_removals(self) -> bool:
        """Whether the feed says when a row is taken back. If not, silence says nothing."""

    @property
    def reissues_ids(self) -> bool:
        """Whether the provider is known to tell rows under new ids (sync.md 11)."""

    @property
    def reuses_ids(self) -> bool:
        """Whether one id may be that of several rows, as if it were none (sync.md 13)."""

    @property
    def budgets(self) -> tuple[Limit, ...]:
        """How often the provider may be asked, as it documents; empty where it does not."""

    @property
    def absence(self) -> Absence:
        """What it means that a row is missing where the feed was told in full."""

    @property
    def says(self) -> Says:
        """What the protocol can say, and what it leaves out."""

    @property
    def hooks(self) -> Hooks | None:
        """How the provider tells us by itself that there is news; None where it does not."""

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Return the request with the credentials on it."""

    def classify(self, response: Response) -> Verdict:
        """Say what an answer means."""

    def discover(self) -> Generator[Request, Response, Discovery]:
        """Ask what this connection reaches. Raises ContractBroken."""

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return the streams to read, each with a cursor of its own."""

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read a stream from `cursor` (None: from the beginning, as far back as the bank gives).

        Yields requests (and is sent responses), pauses, pages, balances and holdings (and is sent
        None). Raises ContractBroken, and RowsMoved where what was told so far is no longer so.
        """

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen | Removal:
        """Map one row that was kept in quarantine. Raises ContractBroken where it still fails."""
