"""Looking a secret up without storing it."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.secret import Secret
from penstock.vault.hashing import KeyedHash, hash_token
from penstock.vault.key import Key

KEY = Key(bytes(range(200, 232)))
OTHER = Key(bytes(range(100, 132)))


@given(st.text(st.characters(codec=None)))
def test_a_text_is_found_again_by_its_hash(text: str) -> None:
    """O1: the same text has the same hash in every process that has the key."""
    assert KeyedHash(KEY, "state")(text) == KeyedHash(KEY, "state")(text)
    assert len(KeyedHash(KEY, "state")(text)) == 64


def test_without_the_key_no_hash_can_be_made() -> None:
    """K4: an account number can be guessed, so its hash must not be computable from a dump."""
    text = "GB33BUKB20201555555555"
    hashed = KeyedHash(KEY, "account")(text)
    assert hashed != KeyedHash(OTHER, "account")(text)
    assert hashed != hashlib.sha256(text.encode()).hexdigest()


def test_purposes_are_kept_apart() -> None:
    """One and the same text cannot be recognised from one table in another."""
    assert KeyedHash(KEY, "state")("x") != KeyedHash(KEY, "account")("x")
    assert "***" in repr(KeyedHash(KEY, "state"))


def test_a_random_token_needs_no_key() -> None:
    """R1: what has 256 random bits is hashed plainly: nobody can guess it."""
    token = Secret("kUcPqgGx2pC7d4j9nqYk1sVb8rT5wZ0aLmNhFxQe3Ao")
    assert hash_token(token) == hashlib.sha256(token.reveal().encode()).hexdigest()
