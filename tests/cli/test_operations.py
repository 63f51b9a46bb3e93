"""db, serve and sandbox: what acts on the installation itself."""

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from penstock.cli.failure import Failed
from penstock.cli.listening import listening_socket
from penstock.cli.serve import check_exposure
from penstock.settings import Profile, Settings
from tests.cli.conftest import Terminal


def test_a_database_is_made_and_checked(stranger: Terminal) -> None:
    """`db upgrade` makes one where there is none, and says so where nothing is to be done."""
    assert stranger.run("db", "check").exit_code == 1
    assert "from schema none" in stranger.good("db", "upgrade").stderr
    assert "already" in stranger.good("db", "upgrade").stderr
    checked = stranger.json("db", "check")
    assert checked["ok"] is True
    assert [check["what"] for check in checked["checks"]][:2] == ["database", "schema"]
    assert "integrity" in stranger.good("db", "check").stdout


def test_what_a_sync_wrote_keeps_every_promise(reader: Terminal) -> None:
    """`db check` reads every row: what the engine wrote keeps each of our rules."""
    checks = {one["what"]: one for one in reader.json("db", "check")["checks"]}
    assert {"tables", "feeds", "owners", "aliases", "amounts", "leases", "posted"} <= checks.keys()
    assert all(one["state"] == "ok" for one in checks.values())


def test_a_broken_promise_is_said(linked_ada: Terminal) -> None:
    """A rule that does not hold fails the check: how many rows, of which table, what to do."""
    with closing(sqlite3.connect(linked_ada.home / "penstock.db")) as file, file:
        file.execute("UPDATE transactions SET account_id = 4711")
    failed = linked_ada.run("db", "check", "--json")
    assert failed.exit_code == 1
    checks = {one["what"]: one for one in json.loads(failed.stdout)["checks"]}
    assert "15 rows of transactions" in checks["owners"]["found"]
    assert checks["owners"]["remedy"]
    # A transaction's account is no foreign key: what SQLite says of its own stays true.
    assert checks["integrity"]["found"] == "every page and every foreign key is sound"


def test_a_port_that_is_taken_is_said() -> None:
    """Whoever wants a port that somebody listens on is told so, and how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Failed) as failed, listening_socket("127.0.0.1", port):
            pass
    assert str(port) in failed.value.message
    assert "--port" in failed.value.remedy


def test_a_free_port_is_found() -> None:
    """Port 0 listens somewhere, and the port is given back afterwards."""
    with listening_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port
    with listening_socket("127.0.0.1", port):
        pass


def test_an_answer_is_sent_at_once() -> None:
    """What the server accepts is known as TCP, or asyncio would leave Nagle's algorithm on."""
    with listening_socket("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_an_address_that_is_not_ours_is_said() -> None:
    """An address of another machine is a failure in words."""
    with pytest.raises(Failed) as failed, listening_socket("192.0.2.1", 0):
        pass
    assert "--host" in failed.value.remedy


@pytest.mark.parametrize(
    ("host", "profile", "public_url", "proxies", "allowed"),
    [
        ("127.0.0.1", Profile.PRODUCTION, None, (), True),
        ("::1", Profile.PRODUCTION, None, (), True),
        ("localhost", Profile.PRODUCTION, None, (), True),
        ("0.0.0.0", Profile.DEVELOPMENT, None, (), True),  # noqa: S104 - it is not listened on
        ("0.0.0.0", Profile.PRODUCTION, None, (), False),  # noqa: S104 - as above
        ("192.0.2.1", Profile.PRODUCTION, "https://money.example", (), False),
        ("192.0.2.1", Profile.PRODUCTION, None, ("192.0.2.9",), False),
        ("192.0.2.1", Profile.PRODUCTION, "https://money.example", ("192.0.2.9",), True),
    ],
)
def test_production_is_not_exposed_in_the_clear(
    tmp_path: Path,
    host: str,
    profile: Profile,
    public_url: str | None,
    proxies: tuple[str, ...],
    *,
    allowed: bool,
) -> None:
    """Beyond loopback there must be a proxy that speaks HTTPS, by name."""
    settings = Settings(
        home=tmp_path,
        host=host,
        profile=profile,
        public_url=public_url,
        trusted_proxies=proxies,
    )
    if allowed:
        check_exposure(settings)
    else:
        with pytest.raises(Failed) as failed:
            check_exposure(settings)
        assert failed.value.exit_code == 2


def test_a_taken_port_stops_the_bank(stranger: Terminal) -> None:
    """`penstock sandbox` on a port that is taken ends with 1 and says how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = stranger.run("sandbox", "--port", port)
    assert result.exit_code == 1
    assert "--port" in result.stderr


@pytest.mark.parametrize(
    "flags",
    [
        ("--scenario", "nonsense"),
        ("--transactions", "0"),
        ("--page-size", "0"),
        ("--latency-ms", "-1"),
        ("--port", "70000"),
    ],
)
def test_a_bank_that_cannot_be_is_refused(stranger: Terminal, flags: tuple[str, str]) -> None:
    """A value that makes no sense is a usage error."""
    assert stranger.run("sandbox", *flags).exit_code == 2
