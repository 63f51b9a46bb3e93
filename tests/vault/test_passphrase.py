"""A key leaves the house under a passphrase only."""

from dataclasses import replace

import pytest

from penstock.domain.errors import InvalidInput, KeyWrong
from penstock.domain.secret import Secret
from penstock.vault.key import Key
from penstock.vault.passphrase import Sealed, open_key, seal_key

KEY = Key(bytes(range(32)))
WORDS = Secret("gate mill lever autumn stone")
CHEAP = 4
"""The cost of a guess in tests: what it is otherwise takes a good part of a second."""


def test_a_key_comes_back_with_its_passphrase() -> None:
    """What was sealed opens, also after it was written down as JSON."""
    sealed = Sealed.from_json(seal_key(KEY, WORDS, cost=CHEAP).as_json())
    assert open_key(sealed, WORDS).written() == KEY.written()


def test_the_usual_cost_is_dear() -> None:
    """K4: a guess at a passphrase costs scrypt with N = 2^17; salt and nonce are new each time."""
    one, other = seal_key(KEY, WORDS), seal_key(KEY, WORDS, cost=CHEAP)
    assert one.cost == 17
    assert not {one.salt, one.nonce, one.box} & {other.salt, other.nonce, other.box}


def test_another_passphrase_opens_nothing() -> None:
    """K4: whoever has the file but not the passphrase has no key."""
    with pytest.raises(KeyWrong, match="passphrase"):
        open_key(seal_key(KEY, WORDS, cost=CHEAP), Secret("gate mill lever autumn stones"))


def test_a_short_passphrase_is_refused() -> None:
    """A passphrase of eleven characters seals nothing."""
    with pytest.raises(InvalidInput, match="12 characters"):
        seal_key(KEY, Secret("short words"), cost=CHEAP)


@pytest.mark.parametrize("field", ["key_id", "cost", "salt", "nonce", "box"])
def test_what_was_altered_does_not_open(field: str) -> None:
    """Each part of a sealed key is authenticated."""
    sealed = seal_key(KEY, WORDS, cost=CHEAP)
    other = seal_key(Key(bytes(range(1, 33))), WORDS, cost=CHEAP + 1)
    with pytest.raises(KeyWrong):
        open_key(replace(sealed, **{field: getattr(other, field)}), WORDS)


@pytest.mark.parametrize(
    "change", [{"cost": 40}, {"cost": "17"}, {"cost": 0}, {"salt": "%"}, {"more": 1}]
)
def test_a_file_cannot_ask_for_all_our_memory(change: dict[str, object]) -> None:
    """A sealed key that is none of ours is refused before anything is computed."""
    written = seal_key(KEY, WORDS, cost=CHEAP).as_json() | change
    with pytest.raises(KeyWrong):
        Sealed.from_json(written)
