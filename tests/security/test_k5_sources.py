"""K5: the master key is found where it should be, or it is said what to do; nothing is guessed."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from penstock.domain.errors import InvalidInput, KeyAway, KeyMissing, KeyWrong, VaultError
from penstock.domain.secret import Secret
from penstock.engine.key_place import KeyPlace
from penstock.engine.unlock import unlock
from penstock.settings import Settings
from penstock.store import key_place, next_source
from penstock.vault.aws_kms import KmsKey
from penstock.vault.key import Key
from penstock.vault.source import LocalKey
from tests.cli.modes import posix
from tests.databases import Database as Place
from tests.engine.crowd import KEY
from tests.security.vaults import At, Elsewhere, Home, moved_in

CONTEXT = {"penstock": "seal", "owner": "user:1", "key": "0123456789abcdef"}
OTHER = Key(bytes(range(200, 232)))


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused(
    sqlite_database: Place, tmp_path: Path, mode: int
) -> None:
    """K5: the file is the owner's alone, else nothing starts; it says how to mend that."""
    home = moved_in(sqlite_database.url, tmp_path / "home")
    assert stat.S_IMODE(home.files.present.stat().st_mode) == 0o600
    home.files.present.chmod(mode)
    with pytest.raises(KeyWrong, match="others") as caught, home.opened():
        pass
    assert caught.value.remedy is not None
    assert "chmod 600" in caught.value.remedy.text


def test_any_other_key_is_refused(database: Place, tmp_path: Path) -> None:
    """K5: the key-check row refuses any key but its own, of whatever kind, and changes nothing."""
    home = moved_in(database.url, tmp_path / "home")
    for wrong in (At(LocalKey(OTHER)), At(Elsewhere("aws-kms:other")), given(OTHER)):
        with pytest.raises(KeyWrong), home.opened(wrong):
            pass
    home.check_all()


def given(key: Key) -> KeyPlace:
    """Return the place of a key that the environment gives."""
    return KeyPlace(key.written(), Path("no file"), may_make=False)


def test_a_source_that_claims_a_name_is_found_out(database: Place, tmp_path: Path) -> None:
    """K5: a source with the right name and another key under it opens nothing."""
    home = moved_in(database.url, tmp_path / "home")
    with home.opened() as (_, vault):
        impostor = Elsewhere(vault.id)
    with pytest.raises(KeyWrong), home.opened(At(impostor)):
        pass


@pytest.mark.parametrize("text", ["", "x", "00" * 32, "ab" * 32, "0" * 63, "password" * 4])
def test_weak_keys_are_refused(text: str) -> None:
    """K5: what is too short, or has hardly any different bytes, is no key."""
    with pytest.raises((KeyWrong, KeyMissing)):
        KeyPlace(Secret(text), Path("no file"), may_make=False).look()


def test_the_environment_and_the_file_are_chosen_by_name(tmp_path: Path) -> None:
    """K5: PENSTOCK_KEY beats the file; PENSTOCK_KEY_SOURCE says it outright."""
    file = LocalKey(Key.parse(Secret(KEY)))
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "key").chmod(0o600)
    both = {"home": tmp_path, "key": OTHER.written().reveal()}
    assert key_place(settings(**both)).look().id == OTHER.id
    assert key_place(settings(**both, key_source="env")).look().id == OTHER.id
    assert key_place(settings(**both, key_source="file")).look().id == file.id
    assert key_place(settings(home=tmp_path)).look().id == file.id
    with pytest.raises(KeyMissing, match="PENSTOCK_KEY"):
        key_place(settings(home=tmp_path, key_source="env")).look()
    with pytest.raises(KeyMissing, match="PENSTOCK_NEW_KEY"):
        next_source(settings(home=tmp_path), "env")
    assert next_source(settings(home=tmp_path, new_key=both["key"]), "env").id == OTHER.id


def settings(**given: Any) -> Settings:
    """Return settings."""
    return Settings(**given)


@pytest.mark.parametrize(
    "source",
    [
        "kms",
        "aws-kms://",
        "http://x/y",
        "aws-kms://a?regin=x",
        "vault://h",
        "vault://u:p@h/m/k",
        "vault://vault.example/transit/key?tls=off",
        "vault:///transit/key",
    ],
)
def test_an_address_that_cannot_be_read_is_said(source: str) -> None:
    """K5: a mistyped source is refused before anything is sent; its text is not repeated."""
    place = KeyPlace(None, Path("no file"), may_make=False, source=source)
    with pytest.raises(InvalidInput) as caught:
        place.look()
    assert caught.value.remedy is not None
    assert "u:p" not in caught.value.message


class Kms:
    """A client of KMS that fails in one way: emulators go on with keys that are disabled."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def encrypt(self, **_: object) -> object:
        raise self.error

    decrypt = encrypt


def refused(code: str) -> Exception:
    """Return what boto3 raises where KMS answers with this code."""
    error: Exception = ClientError({"Error": {"Code": code, "Message": "canary"}}, "Decrypt")
    return error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (refused("DisabledException"), KeyWrong, "enable"),
        (refused("KMSInvalidStateException"), KeyWrong, "cancel-key-deletion"),
        (refused("NotFoundException"), KeyWrong, "region"),
        (refused("AccessDeniedException"), KeyWrong, "kms:Decrypt"),
        (refused("UnrecognizedClientException"), KeyWrong, "credentials"),
        (refused("ExpiredTokenException"), KeyWrong, "credentials"),
        (refused("InvalidCiphertextException"), KeyWrong, "wrapped_keys"),
        (refused("IncorrectKeyException"), KeyWrong, "wrapped_keys"),
        (refused("ThrottlingException"), KeyAway, "tried again"),
        (refused("KMSInternalException"), KeyAway, "tried again"),
        (EndpointConnectionError(endpoint_url="http://x"), KeyAway, "network"),
        (NoCredentialsError(), KeyWrong, "credentials"),
    ],
)
def test_each_failure_of_kms_says_what_to_do(
    error: Exception, kind: type[VaultError], words: str
) -> None:
    """K5: disabled, denied, gone, throttled, unreachable: who can mend it is told how."""
    key = KmsKey(Kms(error), "1234")
    asks: list[Callable[[], object]] = [
        lambda: key.wrap(bytes(32), CONTEXT),
        lambda: key.unwrap("AAAA", CONTEXT),
    ]
    for ask in asks:
        with pytest.raises(kind) as caught:
            ask()
        assert caught.value.remedy is not None
        assert words in caught.value.remedy.text
        assert "canary" not in caught.value.message + caught.value.remedy.text


def test_a_wrapped_key_belongs_to_its_context() -> None:
    """K5: a local key binds what it wraps to whose it is, as KMS and a Vault do."""
    source = LocalKey(OTHER)
    wrapped = source.wrap(bytes(range(32)), CONTEXT)
    assert source.unwrap(wrapped, dict(reversed(CONTEXT.items()))) == bytes(range(32))
    for wrong in ({**CONTEXT, "owner": "user:2"}, {}, {**CONTEXT, "more": ""}):
        with pytest.raises(KeyWrong):
            source.unwrap(wrapped, wrong)
    for text in (wrapped[:-2], "", "AAAA", "\u2028", f"{wrapped}!"):
        with pytest.raises(KeyWrong):
            source.unwrap(text, CONTEXT)


def test_a_key_is_made_for_an_empty_home_only(sqlite_databases: Any, tmp_path: Path) -> None:
    """K5: where something was sealed a lost key file is not replaced by a new one."""
    with sqlite_databases.fresh() as place:
        home = Home(place.url, tmp_path)
        making = KeyPlace(None, tmp_path / "key", may_make=True)
        home.check_all(making)
        (tmp_path / "key").unlink()
        for _ in range(2):
            with pytest.raises(KeyMissing), home.opened(making):
                pass
            assert not (tmp_path / "key").exists()


def test_nothing_of_a_key_is_shown(sqlite_database: Place, tmp_path: Path) -> None:
    """K3: the cache of data keys and the vault show nothing, and are not pickled."""
    import pickle  # noqa: PLC0415 - to see that it is refused

    home = moved_in(sqlite_database.url, tmp_path / "home")
    with home.opened() as (database, vault):
        assert unlock(database, home.place).id == vault.id
        home.check(vault)
        raw = vault.root.raw()
        for shown in (repr(vault), repr(vault.keys), str(vault.cipher)):
            assert raw.hex() not in shown
            assert repr(raw) not in shown
        with pytest.raises(TypeError):
            pickle.dumps(vault.keys)
