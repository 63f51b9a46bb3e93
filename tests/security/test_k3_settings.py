"""K3: what an operator sets as a secret is in no repr, error, traceback or output.

The list is driven by the settings and by what connectors declare: a new one is in it by itself.
"""

import traceback
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from penstock.cli.app import app
from penstock.connectors import KINDS, build
from penstock.db.connect import open_database
from penstock.domain.errors import PenstockError
from penstock.domain.option import variable
from penstock.domain.secret import Secret
from penstock.settings import Settings, read_settings
from penstock.vault.cipher import Cipher
from penstock.vault.hashing import KeyedHash
from penstock.vault.key import Key

CANARY = "canary-4f1c9d02b86ae345"
NAMES = sorted(
    name
    for name, field in Settings.model_fields.items()
    if "SecretStr" in str(field.annotation) and name != "provider_options"
)
OPTIONS = sorted(
    f"{kind.name}_{option.name}" for kind in KINDS for option in kind.options if option.secret
)
UNREACHABLE = f"postgresql://ada:{CANARY}@127.0.0.1:1/nowhere"


def _clean(*said: object) -> None:
    assert [one for one in map(str, said) if CANARY in one] == []


def test_there_is_something_to_look_for() -> None:
    """The lists below are of the program as it is: a slip would leave them empty."""
    assert {"key", "token", "metrics_token", "backup_passphrase", "notify"} <= set(NAMES)
    assert len(OPTIONS) >= len(KINDS) / 2


def test_settings_show_none(tmp_path: Path) -> None:
    """Neither as text nor as repr, nor a dump, nor with the traceback of who held them."""
    given: dict[str, Any] = dict.fromkeys(NAMES, CANARY)
    given |= {"home": tmp_path, "database_url": UNREACHABLE}
    given["provider_options"] = dict.fromkeys(OPTIONS, CANARY)
    settings = Settings.model_validate(given)
    _clean(repr(settings), str(settings), f"{settings.model_dump(exclude={'database_url'})}")
    _clean(settings.model_dump_json(exclude={"database_url"}))
    held = traceback.TracebackException.from_exception(_failure(settings), capture_locals=True)
    _clean("".join(held.format()))


def _failure(settings: Settings) -> Exception:
    try:
        int(type(settings).__name__)
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("name", [*NAMES, "database_url", "public_url", "port"])
def test_a_setting_that_cannot_be_used_is_not_repeated(name: str, tmp_path: Path) -> None:
    """An error names the setting, never what stood in it."""
    runner = CliRunner()
    environment = {
        "PENSTOCK_HOME": str(tmp_path / "home"),
        f"PENSTOCK_{name.upper()}": f"\n{CANARY}://x:{CANARY}@[",
    }
    for command in (("doctor",), ("user", "add", "x", "--password-stdin"), ("audit", "verify")):
        for verbose in ((), ("--verbose",)):
            ended = runner.invoke(
                app, [*command, *verbose], input="a gate and a mill\n", env=environment
            )
            _clean(ended.output, ended.stderr, "".join(_written(ended.exception)))
    try:
        read_settings(home=tmp_path, **{name: f"{CANARY}://x@["})
    except PenstockError as error:
        _clean(error, *_written(error))


def _written(error: BaseException | None) -> list[str]:
    return traceback.format_exception(error) if error else []


@pytest.mark.parametrize("option", OPTIONS)
def test_a_connectors_secret_is_shown_by_none(option: str) -> None:
    """Connectors made with it do not show it; one that it is no good for says so without it."""
    for text in (CANARY, f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"):
        try:
            made = build({option: Secret(text)})
        except PenstockError as error:
            _clean(error, *_written(error))
        else:
            _clean(*map(repr, made.values()), variable(option))


def test_a_database_that_is_away_does_not_show_its_password() -> None:
    """The error of the driver, with all that caused it, has the password of the URL nowhere."""
    database = open_database(UNREACHABLE)
    try:
        with pytest.raises(sa.exc.OperationalError) as caught:
            database.read_now(lambda one: one.execute(sa.text("SELECT 1")))
        _clean(caught.value, repr(database.engine), *_written(caught.value))
    finally:
        database.close()


def test_keys_show_nothing() -> None:
    """A key, what is made of it, and a secret are masks wherever they turn up."""
    raw = bytes(range(32))
    key = Key(raw)
    said = f"{key!r} {Cipher(key)!r} {KeyedHash(key, 'x')!r} {Secret(CANARY)!r} {Secret(CANARY)}"
    _clean(said)
    assert raw.hex() not in said
    assert key.written().reveal() not in said


def test_a_key_that_is_none_is_not_repeated() -> None:
    """K5: what was given as a key may be one with a slip of the pen in it."""
    with pytest.raises(PenstockError) as caught:
        Key.parse(Secret(CANARY))
    _clean(caught.value, *_written(caught.value))
