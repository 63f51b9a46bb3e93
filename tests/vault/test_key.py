"""The master key, and what is derived from it."""

import base64
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import KeyWrong
from penstock.domain.remedy import RemedyKind
from penstock.domain.secret import Secret
from penstock.vault.key import Key, check_value, confirm

RAW = bytes(range(200, 232))
OTHER = bytes(range(100, 132))


@pytest.mark.parametrize(
    "text",
    [
        RAW.hex(),
        RAW.hex().upper(),
        base64.b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode().rstrip("="),
        f"  {RAW.hex()}\n",
    ],
)
def test_a_key_is_read_however_it_is_written(text: str) -> None:
    """K5: hex, and base64 in both alphabets, padded or not, are one and the same key."""
    assert check_value(Key.parse(Secret(text))) == check_value(Key(RAW))


def test_a_key_is_read_as_it_writes_itself() -> None:
    """K5: what is put into the key file comes out of it."""
    assert check_value(Key.parse(Key(RAW).written())) == check_value(Key(RAW))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "canary",
        RAW.hex()[:-2],
        RAW.hex() + "00",
        base64.b64encode(RAW[:31]).decode(),
        base64.b64encode(RAW + b"x").decode(),
        "00" * 32,
        "ab" * 32,
        "!" * 44,
        "ä" * 44,
        "\ud800" * 44,
    ],
)
def test_what_is_no_random_key_is_refused(text: str) -> None:
    """K5: too short, too long, not a key at all, or plainly not random: refused, and not shown."""
    with pytest.raises(KeyWrong) as caught:
        Key.parse(Secret(text))
    assert not text or text not in str(caught.value)
    assert caught.value.remedy is not None


@given(st.text())
def test_no_text_makes_reading_fail(text: str) -> None:
    """X4: any text is a key or is refused."""
    try:
        Key.parse(Secret(text))
    except KeyWrong:
        return


def test_purposes_have_nothing_in_common() -> None:
    """K1: what seals, what hashes and what is kept for checking are different keys."""
    key = Key(RAW)
    derived = {key.derive(purpose) for purpose in ("seal", "check", "id", "hash a", "hash b")}
    assert len(derived) == 5
    assert RAW not in derived
    assert all(len(one) == 32 for one in derived)


def test_the_database_knows_its_key_again() -> None:
    """K5: the key-check value refuses any other key, with words that lose nothing."""
    value = check_value(Key(RAW))
    confirm(Key(RAW), value)
    with pytest.raises(KeyWrong, match="not the one") as caught:
        confirm(Key(OTHER), value)
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is RemedyKind.FIX_CODE
    assert "nothing was changed" in caught.value.remedy.text
    for altered in ("", "ä", value[:-1], value.upper() + "0"):
        with pytest.raises(KeyWrong):
            confirm(Key(RAW), altered)


def test_a_key_shows_nothing_of_itself() -> None:
    """K3: neither its text nor its pickle leaves by accident."""
    key = Key(RAW)
    shown = f"{key} {key!r} {key.id}"
    assert RAW.hex()[:8] not in shown
    assert "***" in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_the_id_is_the_keys_own() -> None:
    """The same key has the same id in every process, and another key has another."""
    assert Key(RAW).id == Key.parse(Key(RAW).written()).id
    assert Key(RAW).id != Key(OTHER).id
    assert len(Key(RAW).id) == 8
