"""Sealing secrets for the place where they belong."""

import base64
import secrets
from collections.abc import Callable
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import KeyMissing, SealBroken, VaultError
from penstock.domain.secret import Secret
from penstock.vault.cipher import Cipher, Place
from penstock.vault.key import Key

KEY = Key(bytes(range(200, 232)))
NEWER = Key(bytes(range(100, 132)))
PLACE = Place("user:1", "connection:5", "access")

NAMES = st.text(max_size=12)
PLACES = st.builds(Place, NAMES, NAMES, NAMES, st.integers(0, 9))


def counting() -> Callable[[int], bytes]:
    """Return an entropy that never gives the same bytes twice."""
    numbers = iter(range(1 << 30))
    return lambda count: next(numbers).to_bytes(count, "big")


@given(st.text() | st.text(st.characters(codec=None)), PLACES)
def test_what_is_sealed_opens_in_its_place(text: str, place: Place) -> None:
    """K1: any text comes back exactly, lone surrogates included."""
    cipher = Cipher(KEY)
    assert cipher.open(cipher.seal(Secret(text), place), place) == Secret(text)


@given(st.lists(PLACES, min_size=2, max_size=6, unique=True))
def test_no_pair_can_be_swapped(places: list[Place]) -> None:
    """K1: a sealed text opens in its own place and in no other, for every pair of places."""
    cipher = Cipher(KEY)
    sealed = {place: cipher.seal(Secret("token"), place) for place in places}
    for here, there in permutations(places, 2):
        with pytest.raises(SealBroken):
            cipher.open(sealed[here], there)


@given(NAMES, NAMES, NAMES, NAMES)
def test_parts_of_a_place_do_not_run_into_each_other(a: str, b: str, c: str, d: str) -> None:
    """K1: `ab` + `c` is another place than `a` + `bc`."""
    one, other = Place(a + b, c, d), Place(a, b + c, d)
    cipher = Cipher(KEY)
    sealed = cipher.seal(Secret("token"), one)
    if one != other:
        with pytest.raises(SealBroken):
            cipher.open(sealed, other)


@given(st.text(min_size=1, max_size=8), st.data())
def test_no_altered_text_opens(text: str, data: st.DataObject) -> None:
    """K1: whichever character is changed, and however, nothing opens."""
    cipher = Cipher(KEY)
    sealed = cipher.seal(Secret(text), PLACE)
    at = data.draw(st.integers(0, len(sealed) - 1))
    character = data.draw(st.characters().filter(lambda one: one != sealed[at]))
    with pytest.raises(VaultError):
        cipher.open(sealed[:at] + character + sealed[at + 1 :], PLACE)


def test_no_single_bit_can_be_turned() -> None:
    """K1: every bit of nonce, ciphertext and tag is authenticated."""
    cipher = Cipher(KEY)
    head, box = cipher.seal(Secret("token"), PLACE).rsplit(".", 1)
    raw = base64.urlsafe_b64decode(box + "=" * (-len(box) % 4))
    for bit in range(len(raw) * 8):
        turned = bytearray(raw)
        turned[bit // 8] ^= 1 << bit % 8
        text = base64.urlsafe_b64encode(bytes(turned)).decode().rstrip("=")
        with pytest.raises(SealBroken):
            cipher.open(f"{head}.{text}", PLACE)


@given(
    st.text() | st.from_regex(r"v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]*", fullmatch=True),
)
def test_no_text_makes_opening_fail_otherwise(text: str) -> None:
    """X4: whatever stands in the row, the answer is one of the vault's own errors."""
    with pytest.raises(VaultError):
        Cipher(KEY).open(text, PLACE)


@pytest.mark.parametrize("length", range(30))
def test_a_text_that_is_cut_short_does_not_open(length: int) -> None:
    """K1: nor one too short to hold a nonce and a tag."""
    box = base64.urlsafe_b64encode(b"x" * length).decode().rstrip("=")
    with pytest.raises(SealBroken):
        Cipher(KEY).open(f"v1.{KEY.id}.{box}", PLACE)


def test_a_base64_text_has_one_spelling() -> None:
    """K1: bits that base64 does not use cannot be altered either."""
    cipher = Cipher(KEY)
    sealed = cipher.seal(Secret("x" * 4), PLACE)  # 32 bytes: the last character has spare bits
    spellings = [sealed[:-1] + c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"]
    opened = []
    for spelling in spellings:
        try:
            opened.append(cipher.open(spelling, PLACE))
        except SealBroken:
            continue
    assert len(opened) <= 1
    for other in (f"{sealed}=", f"{sealed}\n", f" {sealed}", sealed.replace("v1", "v2", 1)):
        with pytest.raises(SealBroken):
            cipher.open(other, PLACE)


def test_the_text_says_how_it_was_sealed_and_nothing_else() -> None:
    """K1: format, key and box; neither the secret nor its place can be read from it."""
    sealed = Cipher(KEY).seal(Secret("canary"), PLACE)
    version, key_id, box = sealed.split(".")
    assert (version, key_id) == ("v1", KEY.id)
    raw = base64.urlsafe_b64decode(box + "=" * (-len(box) % 4))
    assert len(raw) == 12 + len("canary") + 16
    for known in (b"canary", b"connection", b"user"):
        assert known not in raw


def test_each_seal_has_a_nonce_of_its_own() -> None:
    """K1: the same secret in the same place never gives the same text twice."""
    cipher = Cipher(KEY, entropy=counting())
    assert len({cipher.seal(Secret("token"), PLACE) for _ in range(100)}) == 100
    real = Cipher(KEY)
    assert len({real.seal(Secret("token"), PLACE) for _ in range(100)}) == 100


def test_the_nonce_is_the_entropy_that_was_given() -> None:
    """K1: 96 random bits, straight from the source."""
    asked: list[int] = []

    def source(count: int) -> bytes:
        asked.append(count)
        return secrets.token_bytes(count)

    Cipher(KEY, entropy=source).seal(Secret("token"), PLACE)
    assert asked == [12]


def test_an_older_key_still_opens_and_no_longer_seals() -> None:
    """K2: with the newer key in front, old rows stay readable and new ones are sealed anew."""
    before = Cipher(KEY).seal(Secret("token"), PLACE)
    both = Cipher(NEWER, older=(KEY,))
    assert both.open(before, PLACE) == Secret("token")
    after = both.seal(both.open(before, PLACE), PLACE)
    assert Cipher(NEWER).open(after, PLACE) == Secret("token")
    with pytest.raises(KeyMissing, match=NEWER.id):
        Cipher(KEY).open(after, PLACE)


def test_a_wrong_key_opens_nothing() -> None:
    """K4: a key that is not the one fails closed, even where it is given the right one's name."""
    sealed = Cipher(KEY).seal(Secret("token"), PLACE)
    forged = sealed.replace(KEY.id, NEWER.id)
    with pytest.raises(SealBroken):
        Cipher(NEWER).open(forged, PLACE)


def test_errors_show_no_secret() -> None:
    """K3: the error names the row and what to do, never what is in it."""
    cipher = Cipher(KEY)
    sealed = cipher.seal(Secret("canary"), PLACE)
    with pytest.raises(SealBroken, match="connection:6") as caught:
        cipher.open(sealed, Place("user:1", "connection:6", "access"))
    assert sealed not in str(caught.value)
    assert caught.value.remedy is not None
