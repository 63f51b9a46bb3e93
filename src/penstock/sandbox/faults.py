"""What goes wrong, and when. Pure: the same grant sees the same faults at the same requests."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from penstock.sandbox.authority import Grant
from penstock.sandbox.scenario import Scenario


class FaultKind(StrEnum):
    """One way for an answer to go wrong."""

    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    RESET = "reset"
    SLOW = "slow"
    CUT = "cut"
    HTML = "html"
    WRONG_TYPE = "wrong_type"
    NAN = "nan"
    HUGE = "huge"
    HALF = "half"
    MISSING = "missing"
    MUTATION = "mutation"
    NOT_READY = "not_ready"
    CURSOR_LOST = "cursor_lost"
    TOKEN_LOST = "token_lost"  # noqa: S105  a fault's name, no token


class RetryAfter(StrEnum):
    """How a 429 says when to come back."""

    SECONDS = "seconds"
    DATE = "date"
    ABSENT = "absent"


class Place(StrEnum):
    """Which requests a fault may strike."""

    ANY = "any"
    ACCOUNTS = "accounts"
    BALANCES = "balances"
    HOLDINGS = "holdings"
    TRANSACTIONS = "transactions"
    TOKEN = "token"  # noqa: S105  an endpoint's name, no token


GARBAGE = (
    FaultKind.HTML,
    FaultKind.WRONG_TYPE,
    FaultKind.NAN,
    FaultKind.HUGE,
    FaultKind.HALF,
    FaultKind.MISSING,
)
_FLAKY = (FaultKind.SERVER_ERROR, FaultKind.RESET, FaultKind.SLOW, FaultKind.CUT)
_RETRY_AFTER = tuple(RetryAfter)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `status` is of a server error, `seconds` the wait of a 429."""

    kind: FaultKind
    status: int = 503
    retry_after: RetryAfter = RetryAfter.SECONDS
    seconds: int = 1


def scheduled(grant: Grant, seed: int) -> Fault | None:
    """Return what goes wrong with this request of the grant (its number is `grant.requests`).

    Never more than two in a row, so that whoever tries again gets through in the end.
    """
    turn = grant.requests
    match grant.scenario:
        case Scenario.RATE_LIMITED if turn % 4 == 2:  # noqa: PLR2004  the second of every four
            return Fault(FaultKind.THROTTLED, retry_after=_RETRY_AFTER[turn // 4 % 3])
        case Scenario.FLAKY if _strikes(grant, seed, turn):
            draw = _draw(grant, seed, turn, "kind")
            return Fault(_FLAKY[draw % 4], status=(500, 502, 503, 504)[draw // 4 % 4])
        case Scenario.GARBAGE if turn % 2 == 0 and grant.faults < len(GARBAGE):
            return Fault(GARBAGE[grant.faults])
        case _:
            return None


def _strikes(grant: Grant, seed: int, turn: int) -> bool:
    """Tell whether a flaky bank fails here: about every third time, never thrice in a row."""
    if turn % 3 == 0:
        return False
    return _draw(grant, seed, turn, "strike") % 2 == 0


def _draw(grant: Grant, seed: int, turn: int, what: str) -> int:
    text = f"{seed}:{grant.number}:{turn}:{what}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4])
