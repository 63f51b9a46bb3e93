"""Linking, syncing, reading and disconnecting from the command line, without a server."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from penstock.cli.app import app
from tests.cli.conftest import Bank, Terminal


def test_a_bank_is_linked_synced_and_read(ada: Terminal) -> None:
    """connect, sync, accounts, balances, transactions: what the bank has is what is read."""
    connection = ada.link()
    assert ada.json("connections")[0]["freshness"]["state"] == "never"
    synced = ada.json("sync", connection)
    assert synced["up_to_date"] is True
    assert synced["syncs"][0]["counts"]["inserted"] == 15
    assert len(ada.json("transactions")) == 15
    assert {row["tie_outs"][0]["status"] for row in ada.json("accounts")} == {"ok"}
    assert len(ada.json("balances")) == 10
    assert len(ada.json("syncs")) == 1
    assert ada.json("connections")[0]["freshness"]["state"] == "fresh"


READERS = (
    *("whoami", "connectors", "connections", "accounts", "balances", "transactions"),
    *("changes", "syncs", "budgets", "doctor", "version"),
)


@pytest.mark.parametrize("command", READERS)
def test_json_is_all_that_stdout_has(reader: Terminal, command: str) -> None:
    """With --json, or PENSTOCK_JSON, stdout is one JSON value, and stderr is silent."""
    result = reader.good(command, "--json")
    assert json.loads(result.stdout)
    assert result.stderr == ""
    assert json.loads(reader.good(command, PENSTOCK_JSON="1").stdout)


@pytest.mark.parametrize("command", READERS)
def test_a_table_is_for_people(reader: Terminal, command: str) -> None:
    """Without --json it is no JSON, and nothing is cut in a pipe."""
    shown = reader.good(command).stdout
    with pytest.raises(ValueError, match=r"Expecting value|Extra data"):
        json.loads(shown)
    assert "\x1b" not in shown


def test_what_is_old_says_so(ada: Terminal, bank: Bank) -> None:
    """Beside everything that is read stands what is not fresh, and what to do: never falsely green.

    A sync that did not bring a connection up to date ends with 1, and so does the doctor.
    """
    ada.link()
    never = ada.good("accounts")
    assert "never read" in never.stderr
    ada.good("sync")
    bank.control("consent", state="expired")
    result = ada.run("sync")
    assert result.exit_code == 1
    assert "consent" in result.stderr
    assert "penstock connect" in result.stderr
    for command in ("accounts", "balances", "transactions"):
        old = ada.good(command)
        assert "failing" in old.stderr
        assert "penstock connect" in old.stderr
    assert "failing" in ada.good("connections").stdout
    doctor = ada.run("doctor")
    assert doctor.exit_code == 1
    assert "penstock connect" in doctor.stdout


def test_a_renewed_consent_keeps_everything(ada: Terminal, bank: Bank) -> None:
    """sync.md 26: connect --renew puts a failing connection right, in its place."""
    connection = ada.link()
    ada.good("sync")
    bank.control("consent", state="expired")
    assert ada.run("sync").exit_code == 1
    renewed = ada.good("connect", "--renew", "1", "--auto-consent").stdout.strip()
    assert renewed == connection
    assert ada.json("sync")["syncs"][0]["counts"]["inserted"] == 0
    assert len(ada.json("transactions")) == 15


def test_throttling_is_named(ada: Terminal, bank: Bank) -> None:
    """A 429 on the way is obeyed, and what was waited for stands in the table."""
    ada.link()
    bank.control("faults", kind="throttled", place="transactions", seconds=1)
    shown = ada.good("sync").stdout
    assert "1 x 429" in shown
    assert "waited 1.0 s" in shown


@pytest.mark.long
def test_a_bank_that_was_passed_over_is_not_up_to_date(linked_ada: Terminal) -> None:
    """A connection whose sync could not be begun for a minute is named, and `sync` ends with 1."""
    with closing(sqlite3.connect(linked_ada.home / "penstock.db")) as database, database:
        database.execute(
            "UPDATE leases SET holder = 'gone', expires_at = '2999-01-01 00:00:00.000000'"
        )
    told = linked_ada.run("sync", "--json")
    assert told.exit_code == 1
    assert "was not synced" in told.stderr
    assert json.loads(told.stdout)["up_to_date"] is False


def test_all_is_read_again_from_the_start(linked_ada: Terminal) -> None:
    """`sync --from-start` doubles nothing."""
    counts = linked_ada.json("sync", "--all", "--from-start")["syncs"][0]["counts"]
    assert (counts["inserted"], counts["unchanged"], counts["pages"]) == (0, 15, 3)


def test_filters_are_the_apis(reader: Terminal) -> None:
    """Each filter of the API has a flag; together they narrow what is listed."""
    everything = reader.json("transactions")
    pending = reader.json("transactions", "--status", "pending")
    assert pending == [row for row in everything if row["status"] == "pending"]
    found = reader.json("transactions", "--text", "söhne", "--max-amount", "-50")
    assert found == [
        row for row in everything if "Söhne" in row["description"] and float(row["amount"]) <= -50
    ]
    days = sorted(row["dated_on"] for row in everything)
    some = reader.json("transactions", "--from", days[3], "--to", days[5])
    assert {row["dated_on"] for row in some} <= set(days[3:6])
    account = everything[0]["account_id"]
    of_account = reader.json("transactions", "--account", account)
    assert {row["account_id"] for row in of_account} == {account}
    assert reader.json("transactions", "--limit", "3") == everything[:3]


@pytest.mark.parametrize(
    "arguments",
    [
        ("transactions", "--from", "yesterday"),
        ("transactions", "--from", "2026-02-30"),
        ("transactions", "--min-amount", "NaN"),
        ("transactions", "--status", "gone"),
        ("transactions", "--limit", "0"),
        ("balances", "--from", "2026-01-01"),
        ("sync", "--all", "con_0000000000001"),
        ("connect",),
        ("connect", "nobank"),
        ("connect", "starling", "--auto-consent"),
        ("connect", "sandbox", "--token-stdin"),
        ("disconnect", "1"),
        ("disconnect", "txn_0000000000001", "--yes"),
        ("sync", "nonsense"),
        ("transactions", "--account", "con_1"),
        ("undo", "0000000000000001"),
        ("export", "--format", "xml"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    reader: Terminal, arguments: tuple[str, ...]
) -> None:
    """It ends with 2, says why, and prints nothing on stdout."""
    result = reader.run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr
    assert result.stdout == ""


def test_what_is_not_there_is_a_failure(linked_ada: Terminal) -> None:
    """An id that nobody has ends with 1; an id may be written short."""
    unknown = linked_ada.run("sync", "77")
    assert (unknown.exit_code, "no such connection" in unknown.stderr) == (1, True)
    assert linked_ada.run("transactions", "--account", "acc_77").exit_code == 1
    assert linked_ada.run("disconnect", "77", "--yes").exit_code == 1
    linked_ada.good("sync", "1")
    linked_ada.good("sync", "con_1")
    linked_ada.good("sync", "con_0000000000001")


def test_disconnecting_ends_it_at_the_bank_too(linked_ada: Terminal) -> None:
    """The history stays, unless --delete-data; a sync of it is refused afterwards.

    Linked anew, the accounts go on under the new connection, and go with it.
    """
    ended = linked_ada.json("disconnect", "1", "--yes")
    assert ended["revoked"] is True
    assert len(linked_ada.json("transactions")) == 15
    assert linked_ada.run("sync", "1").exit_code == 1
    other = linked_ada.link()
    linked_ada.good("sync")
    assert len(linked_ada.json("transactions")) == 15
    told = linked_ada.good("disconnect", other, "--yes", "--delete-data").stderr
    assert "The bank confirmed" in told
    assert linked_ada.json("transactions") == []
    later = linked_ada.good("disconnect", "1", "--yes", "--delete-data").stderr
    assert "the bank was not asked again" in later
    assert "did not confirm" not in later


def test_changes_go_on_from_a_cursor(linked_ada: Terminal, bank: Bank) -> None:
    """sync.md 19: what changed since the cursor, and nothing else, comes next."""
    first = linked_ada.json("changes")
    kinds = [row["kind"] for row in first["rows"]]
    assert (kinds.count("account"), kinds.count("transaction")) == (3, 15)
    pieces = []
    cursor: list[str] = []
    while True:
        piece = linked_ada.json("changes", "--limit", "7", *cursor)
        if not piece["rows"]:
            break
        pieces += piece["rows"]
        cursor = ["--cursor", piece["next_cursor"]]
    assert pieces == first["rows"]
    bank.control("step", name="demo")
    linked_ada.good("sync")
    after = linked_ada.json("changes", "--cursor", first["next_cursor"])["rows"]
    assert len([row for row in after if row["kind"] == "transaction"]) == 4


def test_everything_is_exported(reader: Terminal, tmp_path: Path) -> None:
    """JSON lines hold all rows, CSV one kind; a file is written whole, and not over another."""
    lines = reader.good("export").stdout.splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert (kinds.count("account"), kinds.count("transaction")) == (3, 15)
    table = reader.good("export", "--format", "csv").stdout.splitlines()
    assert len(table) == 16
    assert table[0].startswith("id,account_id,status,amount")
    file = tmp_path / "all.jsonl"
    reader.good("export", "--output", str(file))
    assert file.read_text(encoding="utf-8").splitlines() == lines
    refused = reader.run("export", "--output", str(file), "--kind", "accounts")
    assert refused.exit_code == 2
    assert file.read_text(encoding="utf-8").splitlines() == lines
    reader.good("export", "--output", str(file), "--kind", "accounts", "--force")
    assert len(file.read_text(encoding="utf-8").splitlines()) == 3


def test_an_export_to_nowhere_leaves_nothing(reader: Terminal, tmp_path: Path) -> None:
    """A folder that is not there is a failure in words, which name what was asked for."""
    file = tmp_path / "not" / "there.csv"
    for command in (("export", "--output"), ("backup",)):
        result = reader.run(*command, str(file))
        assert result.exit_code == 1
        assert f"{file} cannot be written: " in result.stderr
        assert f"See that the folder {file.parent} is there" in result.stderr
        assert ".part" not in result.stderr
        assert "Errno" not in result.stderr


def test_prices_are_one_line_a_symbol(reader: Terminal) -> None:
    """What has no price says why, and which source to enable; it ends with 1."""
    result = reader.run("quote", "AAPL", "MSFT")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 3
    assert "google_finance" in result.stderr
    assert "PENSTOCK_QUOTE_SOURCES" in result.stderr
    rows = json.loads(reader.run("quote", "AAPL", "MSFT", "--json").stdout)
    assert [row["symbol"] for row in rows] == ["AAPL", "MSFT"]
    assert {row["error"]["code"] for row in rows} == {"source_disabled"}
    assert reader.run("quote", "AAPL", "--source", "nobody").exit_code == 2
    assert reader.run("quote").exit_code == 2


def test_a_bank_that_is_not_there_is_said(ada: Terminal) -> None:
    """Linking where no bank listens ends with 1 and with how to start one."""
    result = ada.run(
        "connect", "sandbox", "--auto-consent", PENSTOCK_SANDBOX_URL="http://127.0.0.1:9"
    )
    assert result.exit_code == 1
    assert "penstock sandbox" in result.stderr


def test_a_command_knows_its_own_environment() -> None:
    """Each flag has its twin: `transactions --status` is PENSTOCK_TRANSACTIONS_STATUS."""
    assert app.context_settings["auto_envvar_prefix"] == "PENSTOCK"


def test_an_environment_twin_works(reader: Terminal) -> None:
    """What the environment says counts like the flag, and the flag beats it."""
    twin = {"PENSTOCK_TRANSACTIONS_LIMIT": "4"}
    assert len(reader.json("transactions", **twin)) == 4
    assert len(reader.json("transactions", "--limit", "2", **twin)) == 2
