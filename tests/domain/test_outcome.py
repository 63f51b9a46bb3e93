"""How a sync ends, and what it asks of whom."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain import outcome
from penstock.domain.consent import ConsentState
from penstock.domain.errors import (
    ContractBroken,
    GrantRefused,
    NotFound,
    OAuthUnavailable,
    PenstockError,
    TooManyAttempts,
)
from penstock.domain.outcome import DONE, Ending, Halt, Outcome, worst
from penstock.domain.remedy import Remedy, RemedyKind, ask_person, fix_code, wait

LATER = datetime(2026, 11, 20, 13, 5, tzinfo=UTC)

endings = st.builds(Ending, st.sampled_from(Outcome), st.text(max_size=3))


@given(st.lists(endings, max_size=6))
def test_the_gravest_ending_stands_for_all(several: list[Ending]) -> None:
    """sync.md 21, 29: where streams end differently, the one that matters most is told."""
    said = worst(several)
    assert said in several or (not several and said is DONE)
    gravity = list(Outcome)
    assert gravity.index(said.outcome) == max(
        (gravity.index(each.outcome) for each in several), default=0
    )


def test_one_failure_is_never_hidden_by_success() -> None:
    """sync.md 21: done beside anything else is not done, in whatever order they come."""
    for other in (each for each in Outcome if each is not Outcome.DONE):
        for order in permutations([DONE, Ending(other), DONE]):
            assert worst(list(order)).outcome is other


def test_the_order_of_gravity() -> None:
    """What needs a person outweighs what needs a programmer, and that outweighs what waits."""
    assert worst([outcome.contract_broken("x"), outcome.transient("y")]).message == "x"
    needed = outcome.consent_needed("z", ConsentState.REVOKED)
    assert worst([outcome.contract_broken("x"), needed, outcome.partial("p")]) is needed


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (outcome.not_ready(LATER), RemedyKind.WAIT),
        (outcome.transient("x"), RemedyKind.WAIT),
        (outcome.throttled("x", LATER), RemedyKind.WAIT),
        (outcome.partial("x"), RemedyKind.WAIT),
        (outcome.told(["x"]), RemedyKind.ASK_PERSON),
        (outcome.consent_needed("x", ConsentState.EXPIRED), RemedyKind.ASK_PERSON),
        (outcome.contract_broken("x"), RemedyKind.FIX_CODE),
    ],
)
def test_every_failure_says_who_has_to_act(ending: Ending, kind: RemedyKind) -> None:
    """sync.md 21: each ending that is no success carries its remedy, in a whole sentence."""
    assert ending.remedy is not None
    assert ending.remedy.kind is kind
    assert ending.remedy.text.endswith(".")
    assert ending.message
    assert ending.remedy.until == ending.until


def test_when_it_may_be_tried_again_is_said() -> None:
    """sync.md 22: a throttled ending names the instant, in UTC, for people too."""
    ending = outcome.throttled("The bank asks us to slow down.", LATER)
    assert ending.until == LATER
    assert ending.remedy is not None
    assert "2026-11-20 13:05 UTC" in ending.remedy.text


def test_a_halt_carries_its_ending() -> None:
    """Whoever stops a sync says how it ends; message and remedy come along."""
    ending = outcome.consent_needed("Gone.", ConsentState.REVOKED)
    halt = Halt(ending)
    assert (halt.ending, halt.message, halt.remedy) == (ending, "Gone.", ending.remedy)


def test_remedies() -> None:
    """A remedy is one of three, and only a wait has an instant."""
    assert wait("w", LATER) == Remedy(RemedyKind.WAIT, "w", LATER)
    assert ask_person("a") == Remedy(RemedyKind.ASK_PERSON, "a", None)
    assert fix_code("f") == Remedy(RemedyKind.FIX_CODE, "f", None)
    assert {str(kind) for kind in RemedyKind} == {"wait", "ask_person", "fix_code"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TooManyAttempts(retry_after=3.2), RemedyKind.WAIT),
        (GrantRefused(), RemedyKind.ASK_PERSON),
        (OAuthUnavailable(), RemedyKind.WAIT),
        (ContractBroken(), RemedyKind.FIX_CODE),
    ],
)
def test_errors_bring_their_remedy(error: PenstockError, kind: RemedyKind) -> None:
    """An error on which somebody can act says who, and has a message without being given one."""
    assert error.remedy is not None
    assert error.remedy.kind is kind
    assert error.message == str(error)


def test_an_error_without_words_has_its_class_line() -> None:
    """The class's own sentence is the message, so that no error is ever mute."""
    assert NotFound().message == "There is no such thing here."
    assert NotFound("x", remedy=ask_person("y")).remedy == ask_person("y")


def test_a_bar_of_the_bank_goes_along_with_what_is_graver() -> None:
    """sync.md 22: one stream is throttled, another is broken: both are known afterwards."""
    broken, barred = outcome.contract_broken("x"), outcome.throttled("y", LATER)
    for both in permutations([broken, barred, outcome.throttled("z", LATER - timedelta(hours=1))]):
        assert (worst(list(both)).message, worst(list(both)).until) == ("x", LATER)
    assert worst([barred]) == barred
