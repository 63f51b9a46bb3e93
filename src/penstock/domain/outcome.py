"""How a sync ends: a value with its reason, its remedy, and when to try again (sync.md 21)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from penstock.domain.consent import ConsentState
from penstock.domain.errors import PenstockError
from penstock.domain.remedy import Remedy, ask_person, fix_code, wait


class Outcome(StrEnum):
    """In the order of how much they matter where several streams end differently."""

    DONE = "done"
    NOT_READY = "not_ready"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    CURSOR_LOST = "cursor_lost"
    PARTIAL = "partial"
    CONTRACT = "contract"
    CONSENT = "consent"


_GRAVITY = list(Outcome)


@dataclass(frozen=True, slots=True)
class Ending:
    """An outcome and all that there is to say of it. `until` is when it may be tried again."""

    outcome: Outcome
    message: str | None = None
    remedy: Remedy | None = None
    until: datetime | None = None
    consent: ConsentState | None = None


DONE = Ending(Outcome.DONE)


class Halt(PenstockError):
    """This sync cannot go on; `ending` says why."""

    def __init__(self, ending: Ending) -> None:
        self.ending = ending
        super().__init__(ending.message, remedy=ending.remedy)


def worst(endings: list[Ending]) -> Ending:
    """Return the gravest ending: one failing stream is never hidden by others that went well.

    Where the bank also asked to be left alone, its instant goes along: `until`.
    """
    gravest = max(endings, key=lambda ending: _GRAVITY.index(ending.outcome), default=DONE)
    bars = [one.until for one in endings if one.outcome is Outcome.THROTTLED and one.until]
    return replace(gravest, until=max(bars)) if bars else gravest


def not_ready(until: datetime, to_do: str = "") -> Ending:
    """The bank has not gathered the data yet, or waits for the person to do something there."""
    text = "The bank is still gathering the data. It is asked again by itself."
    remedy = ask_person(to_do) if to_do else wait(text, until)
    return Ending(Outcome.NOT_READY, "The bank is not ready yet.", remedy, until)


def transient(message: str) -> Ending:
    """Something failed that often mends itself."""
    return Ending(Outcome.TRANSIENT, message, wait("It is tried again by itself, later and later."))


def throttled(message: str, until: datetime) -> Ending:
    """The bank wants to be left alone until then."""
    text = f"The bank limits how often it is asked: again after {until:%Y-%m-%d %H:%M} UTC."
    return Ending(Outcome.THROTTLED, message, wait(text, until), until)


def consent_needed(message: str, state: ConsentState) -> Ending:
    """Only the person can open this door again."""
    text = (
        "Renew the consent: `penstock connect NAME --renew ID`. Nothing is doubled or lost by it."
    )
    return Ending(Outcome.CONSENT, message, ask_person(text), consent=state)


def contract_broken(message: str) -> Ending:
    """The bank sent what its documents do not allow."""
    text = "Nothing of this update was stored, and nothing is lost. Report it with the run's id."
    return Ending(Outcome.CONTRACT, message, fix_code(text))


def partial(message: str) -> Ending:
    """The bank stopped in the middle: less is not success."""
    return Ending(
        Outcome.PARTIAL, message, wait("The whole update is read again, from where it began.")
    )


def told(said: Sequence[str]) -> Ending:
    """The provider answered, and said besides that not all is well: less may have come."""
    text = (
        "See to it where you manage that access. What did come is stored, and the rest is asked "
        "for again each time."
    )
    return Ending(Outcome.PARTIAL, f"The provider says: {' '.join(said)}", ask_person(text))
