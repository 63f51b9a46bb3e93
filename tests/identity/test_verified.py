"""What is remembered of a token that was read once, and what is not (T2, T3)."""

from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import OctKey

from penstock.identity.scopes import ALL
from penstock.identity.tokens import LIFETIME, Grant, Signer, TokenBad, TokenFormat
from penstock.identity.verified import Verified

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
KEY = OctKey.import_key(bytes(range(32)))
OTHER = OctKey.import_key(bytes(range(1, 33)))
FORM = TokenFormat("penstock")


def issue() -> str:
    """Return a new token."""
    return FORM.issue(Grant(1, 2, ALL), Signer("k", KEY), now=NOW)


def test_a_token_says_the_same_again() -> None:
    """T2: read from memory it says what it said."""
    verified, token = Verified(FORM), issue()
    assert verified.read(token, KEY, now=NOW) == verified.read(token, KEY, now=NOW)
    assert verified.read(token, KEY, now=NOW) == FORM.read(token, KEY, now=NOW)


def test_it_ends_in_memory_too() -> None:
    """T3: its ten minutes pass, and nothing of it is good before it was issued."""
    verified, token = Verified(FORM), issue()
    verified.read(token, KEY, now=NOW)
    for moment in (NOW + LIFETIME, NOW - timedelta(seconds=11)):
        with pytest.raises(TokenBad):
            verified.read(token, KEY, now=moment)


def test_another_key_checks_it_anew() -> None:
    """T4: what one key signed is not good by another, whatever is remembered."""
    verified, token = Verified(FORM), issue()
    verified.read(token, KEY, now=NOW)
    with pytest.raises(TokenBad):
        verified.read(token, OTHER, now=NOW)


def test_a_token_that_was_altered_is_another_one() -> None:
    """T1: every part counts, the signature too; what was refused is not remembered as good."""
    verified, token = Verified(FORM), issue()
    verified.read(token, KEY, now=NOW)
    head, claims, signature = token.split(".")
    for changed in (f"{head}.{claims}.{signature[:-2]}AA", f"{head}.{claims}.", f"{token}=", "é"):
        for _ in range(2):
            with pytest.raises(TokenBad):
                verified.read(changed, KEY, now=NOW)


def test_memory_has_a_bound() -> None:
    """X4: many tokens take no more room than few, and all of them go on to be read."""
    verified, tokens = Verified(FORM, most=3), [issue() for _ in range(10)]
    for token in tokens * 2:
        assert verified.read(token, KEY, now=NOW).user_id == 1
    assert len(verified._seen) <= 3  # noqa: SLF001 - what it holds is what is bounded
