"""What a connector hands to the engine while it reads: pages, balances, holdings, and how far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from penstock.domain.account import AccountSeen
from penstock.domain.balance import BalanceSeen
from penstock.domain.holding import HoldingSeen
from penstock.domain.institution import Institution
from penstock.domain.transaction import Removal, TransactionSeen


@dataclass(frozen=True, slots=True)
class Discovery:
    """Everything that a connection reaches: its institution and all its accounts."""

    institution: Institution
    accounts: Sequence[AccountSeen]


@dataclass(frozen=True, slots=True)
class Stream:
    """Something with its own cursor: `key` names it for ever, `accounts` are what it carries."""

    key: str
    accounts: tuple[str, ...]


class Absence(StrEnum):
    """What it means that a row is no longer told of, where all was told (sync.md 14).

    NOTHING. PENDING_GONE: a pending row has ended, a posted one stays. REMOVED: the row is gone.
    """

    NOTHING = "nothing"
    PENDING_GONE = "pending_gone"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Covered:
    """The update tells every row of an account that is dated within these days, both included."""

    account: str
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A row that could not be mapped, whole and as it came (JSON); kept in quarantine (8)."""

    account: str | None
    external_id: str | None
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a stream. Within it `removed` comes after `upserts`.

    `next_cursor` is where to go on: None leaves the stored cursor as it is, the empty text means
    that the provider is not ready (sync.md 1). `more` says that the update goes on;
    `checkpoint` that it may be committed here although it does (4). A window feed says what it
    has `covered`: what is absent there follows the connector's rule for absence. What the provider
    has `said` beside its rows, in an answer that is good otherwise, is shown to the person.
    """

    upserts: Sequence[TransactionSeen]
    removed: Sequence[Removal]
    next_cursor: str | None
    more: bool
    checkpoint: bool = False
    unmapped: Sequence[Unmapped] = ()
    covered: Sequence[Covered] = ()
    said: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Balances:
    """Balances that belong to the update being read."""

    balances: Sequence[BalanceSeen]


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything that one account holds now: what is not told of is held no more.

    So it is yielded whole, once an update: a connector gathers the pages of an answer itself, and
    sums what its broker lists lot by lot, unless each lot has an id of its own. An account of which
    none is yielded keeps what it has; where it is yielded twice, the later one counts.
    """

    account: str
    holdings: Sequence[HoldingSeen]
