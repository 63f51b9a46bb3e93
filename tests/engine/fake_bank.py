"""A connector that reads a script instead of asking a bank, to be passed in where one is wanted."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace

from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import ContractBroken
from penstock.domain.hook import Hooks
from penstock.domain.institution import Institution
from penstock.domain.limit import Limit
from penstock.domain.link_plan import LinkPlan, TokenPlan
from penstock.domain.protocol import PendingRule, Pull, Search, Verdict, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.says import Says
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Absence, Balances, Discovery, Holdings, Page, Stream

URL = "https://bank.example/v1"
STATUSES = {
    401: VerdictKind.UNAUTHORIZED,
    403: VerdictKind.CONSENT,
    404: VerdictKind.CURSOR_LOST,
    409: VerdictKind.RESTART,
    422: VerdictKind.CONTRACT,
    425: VerdictKind.NOT_READY,
    429: VerdictKind.THROTTLED,
    503: VerdictKind.TRANSIENT,
}


def account(external_id: str) -> AccountSeen:
    """Make an account."""
    return AccountSeen(external_id, f"Account {external_id}", AccountType.CHECKING, "EUR")


def page(
    *upserts: TransactionSeen, cursor: str | None, more: bool = False, checkpoint: bool = False
) -> Page:
    """Make a page without removals."""
    return Page(upserts, [], cursor, more=more, checkpoint=checkpoint)


def reading(*steps: Page | Balances | Holdings | Request) -> Callable[[str | None], Pull]:
    """Return a stream that always gives these steps, whatever its cursor."""

    def pull(_cursor: str | None) -> Pull:
        for step in steps:  # noqa: UP028 - a tuple's iterator cannot be sent an answer
            yield step

    return pull


@dataclass(slots=True)
class FakeBank:
    """The connector: lists `accounts`, and reads each of `scripts` as a stream of its own.

    A stream's key is its script's; it carries the account of that name, or all for "all". What was
    asked from which cursor is kept in `asked`.
    """

    accounts: list[AccountSeen] = field(default_factory=lambda: [account("a")])
    scripts: Mapping[str, Callable[[str | None], Pull]] = field(default_factory=dict)
    sends_removals: bool = True
    reissues_ids: bool = False
    reuses_ids: bool = False
    absence: Absence = Absence.REMOVED
    budgets: tuple[Limit, ...] = ()
    pending_rule: PendingRule = PendingRule.LINKED
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    closed: int = 0
    name: str = "fake"
    title: str = "Fake Bank"
    docs_url: str = "https://bank.example"
    keys_url: str = "https://bank.example/keys"
    link_plans: tuple[LinkPlan, ...] = (TokenPlan("anywhere", "https://bank.example"),)
    missing_settings: tuple[str, ...] = ()
    search: Search | None = None
    says: Says = Says()
    hooks: Hooks | None = None

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the token into a header of its own."""
        return replace(request, headers={"authorization": credentials.access.reveal()})

    def classify(self, response: Response) -> Verdict:
        """Take the status for all there is to say."""
        kind = STATUSES.get(response.status, VerdictKind.OK)
        consent = {403: ConsentState.REVOKED, 203: ConsentState.EXPIRING}.get(response.status)
        return Verdict(kind, f"The bank said {response.status}.", consent)

    def discover(self) -> Generator[Request, Response, Discovery]:
        """List the accounts without asking."""
        yield from ()
        return Discovery(Institution("fake", "Fake Bank"), self.accounts)

    def streams(self, discovery: Discovery) -> tuple[Stream, ...]:
        """Return a stream for each script."""
        listed = tuple(one.external_id for one in discovery.accounts)
        return tuple(
            Stream(key, listed if key == "all" else tuple(one for one in listed if one == key))
            for key in self.scripts
        )

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read a stream's script."""
        self.asked.append((stream.key, cursor))
        try:
            yield from self.scripts[stream.key](cursor)
        finally:
            self.closed += 1

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen | Removal:
        """Map a row that reads "good"; refuse any other."""
        if raw != b"good":
            raise ContractBroken(f"{stream.key}: {raw!r} is no row")
        return Removal(stream.accounts[0], "gone")
