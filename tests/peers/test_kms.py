"""K5: AWS KMS over a socket, played by moto's server, a program of its own."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.db.connect import open_database
from penstock.domain.errors import KeyAway, KeyWrong
from penstock.domain.secret import Secret
from penstock.engine.key_place import KeyPlace
from penstock.engine.keys_seen import seen
from penstock.engine.rotate import Rotation, hanging
from penstock.vault.source import KeySource
from tests.databases import Database as Place
from tests.peers.daemons import daemon, free_port, program
from tests.security.vaults import moved_in

pytestmark = pytest.mark.peers
CONTEXT = {"penstock": "seal", "owner": "user:1", "key": "0123456789abcdef"}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Run the server, and give this process credentials for it."""
    port = free_port()
    command = [program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    before = dict(os.environ)  # noqa: TID251 - boto3 finds its credentials there
    os.environ.update(CREDENTIALS)  # noqa: TID251 - as above
    try:
        with daemon(command, port, "/moto-api/", lambda status: status < 500):
            yield f"http://127.0.0.1:{port}"
    finally:
        os.environ.clear()  # noqa: TID251 - as above
        os.environ.update(before)  # noqa: TID251 - as above


@pytest.fixture
def kms(endpoint: str) -> Any:
    """Return an administrator's client."""
    import boto3  # noqa: PLC0415 - the extra `aws`

    return boto3.client("kms", region_name="eu-central-1", endpoint_url=endpoint)


def place_of(kms: Any, endpoint: str, **how: Any) -> KeyPlace:
    """Make a key in KMS, and say where it is."""
    key_id = kms.create_key(**how)["KeyMetadata"]["KeyId"]
    source = f"aws-kms://{key_id}?region=eu-central-1&endpoint={endpoint}"
    return KeyPlace(None, Path("no file"), may_make=False, source=source)


def test_a_data_key_goes_there_and_back(kms: Any, endpoint: str) -> None:
    """K5: what KMS wrapped it unwraps, in its own context only, and as it was only."""
    source = place_of(kms, endpoint).look()
    raw = bytes(range(32))
    wrapped = source.wrap(raw, CONTEXT)
    assert source.unwrap(wrapped, CONTEXT) == raw
    for wrong in ({**CONTEXT, "owner": "user:2"}, {}, {**CONTEXT, "more": "x"}):
        with pytest.raises(KeyWrong):
            source.unwrap(wrapped, wrong)
    for text in (wrapped[:-8] + "AAAAAAA=", "AAAA", "not base64", ""):
        with pytest.raises(KeyWrong):
            source.unwrap(text, CONTEXT)


def test_a_rotated_key_opens_what_it_wrapped_before(kms: Any, endpoint: str) -> None:
    """K2: KMS changes the key's material by itself; nothing is to be done here."""
    place = place_of(kms, endpoint)
    source = place.look()
    wrapped = source.wrap(bytes(32), CONTEXT)
    key_id = source.id.removeprefix("aws-kms:")
    kms.rotate_key_on_demand(KeyId=key_id)
    assert source.unwrap(wrapped, CONTEXT) == bytes(32)


def test_what_is_wrong_is_said(endpoint: str) -> None:
    """K5: a key that is not there, and a KMS that is away: each its cure."""
    nowhere = KeyPlace(
        None,
        Path("no file"),
        may_make=False,
        source=f"aws-kms://0000?region=eu-central-1&endpoint={endpoint}",
    ).look()
    with pytest.raises(KeyWrong) as caught:
        nowhere.wrap(bytes(32), CONTEXT)
    assert "NotFound" in caught.value.message
    assert caught.value.remedy is not None
    assert "region" in caught.value.remedy.text
    away = KeyPlace(
        None,
        Path("no file"),
        may_make=False,
        source=f"aws-kms://0000?region=eu-central-1&endpoint=http://127.0.0.1:{free_port()}",
    ).look()
    with pytest.raises(KeyAway):
        away.wrap(bytes(32), CONTEXT)


async def on() -> None:
    """Go on at once."""
    await asyncio.sleep(0)


def test_an_installation_moves_into_kms(
    kms: Any, endpoint: str, database: Place, tmp_path: Path
) -> None:
    """K2, K5: from a key file into KMS, from one key there to another, and nothing needs the old.

    The file is deleted, the first key is scheduled for deletion, and a restart opens all.
    """
    home = moved_in(database.url, tmp_path / "home")
    first, second = place_of(kms, endpoint), place_of(kms, endpoint)
    with home.opened() as (opened, vault):
        move(Rotation(opened, on, [vault.keys.source]), first.look())
    home.files.present.unlink()
    home.check_all(first)
    with home.opened(first) as (opened, vault):
        move(Rotation(opened, on, [vault.keys.source]), second.look())
        left = vault.id
    kms.schedule_key_deletion(KeyId=left.removeprefix("aws-kms:"), PendingWindowInDays=7)
    home.check_all(second)
    with home.opened(second) as (opened, vault):
        assert opened.read_now(hanging, left) == 0
        assert opened.read_now(seen, vault.id).others == {}
    with pytest.raises(KeyWrong), home.opened(first):
        pass


def move(rotation: Rotation, target: KeySource) -> None:
    """Move to another source, from its beginning to its end."""
    asyncio.run(rotation.begin(target))
    asyncio.run(rotation.finish(target))


def test_a_new_installation_begins_in_kms(kms: Any, endpoint: str, database: Place) -> None:
    """K5: with PENSTOCK_KEY_SOURCE from the first start there never is a key on the disk."""
    opened = open_database(database.url)
    try:
        from penstock.engine.unlock import unlock  # noqa: PLC0415 - this test alone

        place = place_of(kms, endpoint)
        first = unlock(opened, place)
        again = unlock(opened, place)
        assert first.root.derive("passwords") == again.root.derive("passwords")
        assert Secret(first.root.written().reveal()) == again.root.written()
    finally:
        opened.close()
