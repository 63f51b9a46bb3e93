"""A person's whole day: from nothing to a ledger that adds up, and out again."""

import json
import sqlite3
from contextlib import closing

import httpx2
import pytest

from tests.acceptance.processes import PASSWORD, Machine, Server


def live_a_day(machine: Machine, bank: Server) -> None:
    """Sign in, link, sync, read, follow the bank, and disconnect, as a person does it."""
    assert "penstock login" in machine.run("accounts", code=4).stderr
    machine.run("login", "--username", "ada", "--password-stdin", typed=PASSWORD)
    assert machine.json("whoami")["username"] == "ada"
    assert {row["name"]: row["ready"] for row in machine.json("connectors")}["sandbox"]

    connection = machine.run("connect", "sandbox", "--auto-consent").stdout.strip()
    assert machine.json("connections")[0]["id"] == connection
    synced = machine.run("sync", "--all")
    assert "done" in synced.stdout
    assert len(machine.json("transactions")) == 15
    assert {row["tie_outs"][0]["status"] for row in machine.json("accounts")} == {"ok"}
    assert "Everyday account" in machine.run("accounts").stdout
    assert len(machine.json("balances")) == 10

    feed = machine.json("changes")["next_cursor"]
    httpx2.post(f"{bank.url}/control/step", json={"name": "demo"}).raise_for_status()
    counts = machine.json("sync", connection)["syncs"][0]["counts"]
    assert (counts["inserted"], counts["paired"], counts["removed"]) == (2, 1, 1)
    changed = machine.json("changes", "--cursor", feed)["rows"]
    assert len([row for row in changed if row["kind"] == "transaction"]) == 4
    assert {row["tie_outs"][0]["status"] for row in machine.json("accounts")} == {"ok"}

    assert "google_finance" in machine.run("quote", "AAPL", code=1).stderr
    exported = machine.run("export", "--format", "csv").stdout.splitlines()
    assert len(exported) == 1 + 15 + 2  # what was taken back is kept, as taken back

    ended = machine.json("disconnect", connection, "--yes")
    assert ended["revoked"] is True
    assert len(machine.json("transactions")) == 16
    machine.run("sync", connection, code=1)
    machine.run("logout")
    machine.run("whoami", code=4)


def until_fresh(machine: Machine) -> None:
    """Ask until the one connection is fresh; each asking takes a while, and there are not many."""
    for _ in range(30):
        if machine.json("connections")[0]["freshness"]["state"] == "fresh":
            return
    raise AssertionError("it was never read")


@pytest.mark.long
def test_a_day_with_a_server(machine: Machine, bank: Server) -> None:
    """`penstock serve` in one terminal, the commands in another, over HTTP and tokens."""
    machine.run("user", "add", "ada", "--password-stdin", typed=PASSWORD)
    with machine.running("serve", "--port", "0") as server:
        machine.environment["PENSTOCK_URL"] = server.url
        live_a_day(machine, bank)
        assert machine.json("doctor")["ok"] is True
    assert "setup?link=" not in server.said
    over = machine.run("login", "--username", "ada", "--password-stdin", typed=PASSWORD, code=1)
    assert "cannot be reached" in over.stderr


@pytest.mark.long
def test_a_day_without_a_server(machine: Machine, bank: Server) -> None:
    """The same routes and tokens, with the app in each command's own process: for a crontab."""
    machine.run("user", "add", "ada", "--password-stdin", typed=PASSWORD)
    machine.run("login", "--username", "ada", "--password-stdin", typed=PASSWORD)
    machine.run("connect", "sandbox", "--auto-consent")
    machine.run("sync")
    assert len(machine.json("transactions")) == 15
    httpx2.post(f"{bank.url}/control/consent", json={"state": "expired"}).raise_for_status()
    assert "is not up to date" in machine.run("sync", code=1).stderr
    assert "failing" in machine.run("transactions").stderr


def test_the_first_person_by_the_setup_link(machine: Machine) -> None:
    """Where there is nobody, `serve` prints a link; it makes one person, once."""
    with machine.running("serve", "--port", "0") as server:
        link = server.wait_until_it_says("/setup?link=").strip()
        assert link.startswith(server.url)
        assert httpx2.get(link).status_code == 200
        form = {
            "link": link.partition("=")[2],
            "username": "grace",
            "password": PASSWORD,
            "again": PASSWORD,
        }
        assert httpx2.post(f"{server.url}/setup", data=form).status_code == 200
        assert httpx2.get(link).status_code == 404
        machine.environment["PENSTOCK_URL"] = server.url
        machine.run("login", "--username", "grace", "--password-stdin", typed=PASSWORD)
        assert machine.json("whoami")["username"] == "grace"


@pytest.mark.usefixtures("bank")
def test_a_server_keeps_connections_fresh(machine: Machine) -> None:
    """What is linked is read by `serve` itself, without anybody asking for a sync."""
    machine.run("user", "add", "ada", "--password-stdin", typed=PASSWORD)
    with machine.running("serve", "--port", "0") as server:
        machine.environment["PENSTOCK_URL"] = server.url
        machine.run("login", "--username", "ada", "--password-stdin", typed=PASSWORD)
        machine.run("connect", "sandbox", "--auto-consent")
        until_fresh(machine)
        assert machine.json("syncs")[0]["trigger"] == "schedule"


def test_a_second_server_is_refused_the_port(machine: Machine) -> None:
    """It ends with 1 and says that somebody listens there; the first one goes on."""
    with machine.running("serve", "--port", "0") as server:
        port = server.url.rpartition(":")[2]
        refused = machine.run("serve", "--port", port, code=1)
        assert port in refused.stderr
        assert "--port" in refused.stderr
        assert httpx2.get(f"{server.url}/healthz").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - it is to be refused
def test_nothing_listens_in_the_clear_in_production(machine: Machine, host: str) -> None:
    """Beyond loopback, plain HTTP is refused in production, unless an HTTPS proxy is declared."""
    refused = machine.run("serve", "--host", host, "--profile", "production", code=2)
    assert "PENSTOCK_PUBLIC_URL" in refused.stderr


@pytest.mark.long
@pytest.mark.usefixtures("bank")
def test_no_secret_is_on_the_disk_or_in_the_output(machine: Machine) -> None:
    """K3: the password and the bank's tokens are in no output, and in no file in the clear."""
    machine.run("user", "add", "ada", "--password-stdin", typed=PASSWORD)
    outputs = [
        machine.run("--verbose", "login", "--username", "ada", "--password-stdin", typed=PASSWORD),
        machine.run("--verbose", "connect", "sandbox", "--auto-consent"),
        machine.run("--verbose", "sync"),
    ]
    session = json.loads((machine.home / "session.json").read_text())
    tokens = [one[name] for one in session.values() for name in ("access", "refresh")]
    for output in outputs:
        for secret in (PASSWORD, *tokens):
            assert secret not in output.stdout + output.stderr
    with closing(sqlite3.connect(machine.home / "penstock.db")) as connection:
        dump = "\n".join(connection.iterdump())
    for secret in (PASSWORD, *tokens):
        assert secret not in dump
