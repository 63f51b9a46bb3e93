"""K5: the transit engine of a real OpenBao, which speaks as HashiCorp Vault does."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.errors import KeyAway, KeyWrong
from penstock.domain.secret import Secret
from penstock.engine.key_place import KeyPlace
from penstock.engine.rotate import Rotation
from tests.databases import Database as Place
from tests.peers.daemons import daemon, free_port, program
from tests.security.vaults import moved_in

pytestmark = pytest.mark.peers
CONTEXT = {"penstock": "seal", "owner": "user:1", "key": "0123456789abcdef"}
ROOT = "root-of-the-tests"
POLICY = """
path "transit/encrypt/{key}" {{ capabilities = ["update"] }}
path "transit/decrypt/{key}" {{ capabilities = ["update"] }}
"""


@dataclass
class Bao:
    """A running OpenBao, and its administrator."""

    port: int
    admin: Any
    made: int = 0

    def key(self) -> str:
        """Make a transit key, and return its name."""
        self.made += 1
        name = f"penstock-{self.made}"
        self.admin.secrets.transit.create_key(name=name)
        return name

    def token(self, key: str) -> str:
        """Return a token that may wrap and unwrap with this key, and nothing else."""
        self.admin.sys.create_or_update_policy(name=key, policy=POLICY.format(key=key))
        made: str = self.admin.auth.token.create(policies=[key], no_default_policy=True)["auth"][
            "client_token"
        ]
        return made

    def place(self, key: str, token: str | None) -> KeyPlace:
        """Say where a key is, and what opens it."""
        return KeyPlace(
            None,
            Path("no file"),
            may_make=False,
            source=f"vault://127.0.0.1:{self.port}/transit/{key}?tls=off",
            token=lambda: Secret(token) if token else None,
        )


@pytest.fixture(scope="module")
def bao() -> Iterator[Bao]:
    """Run OpenBao with a transit engine."""
    import hvac  # noqa: PLC0415 - the extra `vault`

    port = free_port()
    command = [
        *(program("bao"), "server", "-dev", f"-dev-root-token-id={ROOT}", "-dev-no-store-token"),
        f"-dev-listen-address=127.0.0.1:{port}",
    ]
    with daemon(command, port, "/v1/sys/health", lambda status: status == 200):
        admin = hvac.Client(url=f"http://127.0.0.1:{port}", token=ROOT)
        admin.sys.enable_secrets_engine("transit")
        yield Bao(port, admin)


def test_a_data_key_goes_there_and_back(bao: Bao) -> None:
    """K5: with a token that may do only this; in its own context only, and as it was only."""
    key = bao.key()
    source = bao.place(key, bao.token(key)).look()
    wrapped = source.wrap(bytes(range(32)), CONTEXT)
    assert source.unwrap(wrapped, CONTEXT) == bytes(range(32))
    for wrong in ({**CONTEXT, "owner": "user:2"}, {}):
        with pytest.raises(KeyWrong, match="does not open"):
            source.unwrap(wrapped, wrong)
    for text in (f"{wrapped[:-6]}AAAAA=", "vault:v1:AAAA", "nothing", ""):
        with pytest.raises(KeyWrong):
            source.unwrap(text, CONTEXT)


def test_what_is_wrong_is_said(bao: Bao) -> None:
    """K5: no token, a wrong one, another key's; a key that is not there; a Vault that is away."""
    key, other = bao.key(), bao.key()
    with pytest.raises(KeyWrong, match="no token"):
        bao.place(key, None).look().wrap(bytes(32), CONTEXT)
    for token in ("wrong", bao.token(other)):
        with pytest.raises(KeyWrong) as caught:
            bao.place(key, token).look().wrap(bytes(32), CONTEXT)
        assert "denied" in caught.value.message
        assert caught.value.remedy is not None
        assert f"transit/encrypt/{key}" in caught.value.remedy.text
        assert token not in caught.value.message + caught.value.remedy.text
    with pytest.raises(KeyWrong, match="not there"):
        bao.place("nobody", ROOT).look().unwrap("vault:v1:AAAA", CONTEXT)
    away = Bao(free_port(), bao.admin).place(key, ROOT).look()
    with pytest.raises(KeyAway, match="reached"):
        away.wrap(bytes(32), CONTEXT)


async def on() -> None:
    """Go on at once."""
    await asyncio.sleep(0)


def test_old_versions_can_be_shut_off(bao: Bao, database: Place, tmp_path: Path) -> None:
    """K2: after the key was rotated there and all wrapped anew, its old version is of no use."""
    key = bao.key()
    place = bao.place(key, bao.token(key))
    home = moved_in(database.url, tmp_path / "home")
    with home.opened() as (opened, vault):
        rotation = Rotation(opened, on, [vault.keys.source])
        asyncio.run(rotation.begin(place.look()))
        asyncio.run(rotation.finish(place.look()))
    home.files.present.unlink()
    home.check_all(place)
    transit = bao.admin.secrets.transit
    transit.rotate_key(name=key)
    transit.update_key_configuration(name=key, min_decryption_version=2)
    with pytest.raises(KeyWrong, match="opens this version no more"), home.opened(place):
        pass
    transit.update_key_configuration(name=key, min_decryption_version=1)
    with home.opened(place) as (opened, vault):
        asyncio.run(Rotation(opened, on).rewrap(vault.keys.source))
    transit.update_key_configuration(name=key, min_decryption_version=2)
    home.check_all(place)


def test_a_sealed_vault_is_waited_for(bao: Bao, sqlite_database: Place, tmp_path: Path) -> None:
    """K5: a process that runs goes on with a sealed Vault; one that starts is told what to do."""
    key = bao.key()
    place = bao.place(key, bao.token(key))
    home = moved_in(sqlite_database.url, tmp_path / "home")
    with home.opened() as (opened, vault):
        rotation = Rotation(opened, on, [vault.keys.source])
        asyncio.run(rotation.begin(place.look()))
        asyncio.run(rotation.finish(place.look()))
    with home.opened(place) as (_, vault):
        home.check(vault)
        bao.admin.sys.seal()
        home.check(vault)
        with pytest.raises(KeyAway, match="sealed"):
            place.look().wrap(bytes(32), CONTEXT)
    with pytest.raises(KeyAway, match="sealed"), home.opened(place):
        pass
