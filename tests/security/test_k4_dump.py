"""K4: whoever has a whole dump, and no key, opens no bank and no session with what is in it."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from penstock.db import credentials
from penstock.db.connect import open_database
from penstock.domain.errors import VaultError
from penstock.domain.secret import Secret
from penstock.engine.key_place import KeyPlace
from penstock.engine.unlock import peek
from penstock.vault.key import Key
from tests.api.serving import Api, serving
from tests.databases import Database as Place
from tests.engine.backups import everything, saved
from tests.engine.crowd import KEY
from tests.engine.house import house, play
from tests.identity.house import GOOD

WORD = re.compile(r"[A-Za-z0-9_.+/=$~-]{8,}")
DOOR = "/v1/accounts"
HASH = "$2b$"


def lived_in(url: str) -> list[str]:
    """Let a person link and sync; return the secrets that opened the bank and what is ours."""

    async def story() -> list[str]:
        async with house(url) as home:
            penstock = home.penstock
            number = await home.link()
            await home.sync(number)
            await penstock.linker.begin(home.owner_id, "sandbox", redirect_uri="http://x/y")
            signer = await penstock.identity.keyring.signer()
            stored = await penstock.database.read(credentials.find, number)
            assert stored is not None
            opened = penstock.linker.seals.open(stored, home.owner_id)
            assert opened.refresh is not None
            return [
                opened.access.reveal(),
                opened.refresh.reveal(),
                signer.key.raw_value.hex(),
                KEY,
                str(Key.parse(Secret(KEY)).written().reveal()),
            ]

    return play(story())


def words_of(dump: dict[str, list[list[Any]]]) -> list[str]:
    """Return everything in a dump that could be tried as a token, a code or a password."""
    texts = {str(value) for rows in dump.values() for row in rows for value in row}
    found = texts | {word for text in texts for word in WORD.findall(text)}
    return sorted(text for text in found if len(text) >= 8 and text.isprintable())


def test_a_dump_opens_no_session(database: Place, tmp_path: Path) -> None:
    """K4: all that a dump has, tried at every door as a token of each kind, opens none of them.

    As an access token, a refresh token, a password and a set-up link; the living ones still work.
    """
    lived_in(database.url)
    with serving(database.url, tmp_path, key=KEY) as api:
        issued = api.begin("ada")
        api.play(lambda: api.identity.add_user("eve", GOOD))
        words = words_of(everything(database.url))
        assert len(words) > 50
        for word in words:
            assert try_all(api, word) == set(), word
        assert issued.access.reveal() not in words
        assert issued.refresh.reveal() not in words
        assert api.bearing(issued.access.reveal()).get("/v1/accounts").status_code == 200


def try_all(api: Api, word: str) -> set[str]:
    """Return the doors that a word opens."""
    opened = set()
    token = word.encode("ascii", "replace").decode()
    if api.client.get(DOOR, headers={"Authorization": f"Bearer {token}"}).status_code < 400:
        opened.add(DOOR)
    grants = [{"grant_type": "refresh_token", "refresh_token": word}]
    if HASH in word:  # a guess costs 0.2 s: the likely ones
        grants.append({"grant_type": "password", "username": "eve", "password": word})
    for grant in grants:
        if api.client.post("/token", data=grant).status_code < 400:
            opened.add(grant["grant_type"])
    if api.client.get("/setup", params={"link": word}).status_code < 400:
        opened.add("setup")
    return opened


def test_no_secret_stands_in_a_dump(database: Place) -> None:
    """K4: no token of a bank, no signing key and no master key is in it, however we spell it."""
    found = lived_in(database.url)
    dump = json.dumps(everything(database.url), default=str)
    for secret in found:
        assert secret not in dump


def test_a_dump_is_opened_by_no_other_key(database: Place) -> None:
    """K4: with the whole database and a key of one's own, nothing in it opens."""
    lived_in(database.url)
    opened = open_database(database.url)
    try:
        stranger = KeyPlace(Secret(KEY[::-1]), Path("no file"), may_make=False)
        with pytest.raises(VaultError):
            peek(opened, stranger)
    finally:
        opened.close()


def test_a_backup_without_the_key_has_no_key(database: Place) -> None:
    """K4: unless it is asked for, a backup has wrapped data keys only: it is as good as a dump."""
    found = lived_in(database.url)
    text = gzip.decompress(saved(database.url).getvalue()).decode()
    assert '"key":null' in text.partition("\n")[0]
    for secret in found:
        assert secret not in text
