"""Deciding, retrying, undoing and replaying from the command line."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import Bank, Terminal


def spoil(ada: Terminal, bank: Bank) -> None:
    """Let the bank send a row that cannot be read, and sync."""
    bank.control("step", name="demo")
    bank.control("faults", kind="missing", place="transactions", times=2)
    synced = ada.run("sync")
    assert synced.exit_code == 1
    assert "is not whole: 1 row of the bank could not be read" in synced.stderr


def test_a_row_that_cannot_be_read_is_shown_and_tried_again(
    linked_ada: Terminal, bank: Bank
) -> None:
    """sync.md 8: listed, shown whole, and never taken for green; a retry that reads none ends 1."""
    assert linked_ada.json("quarantine", "list") == []
    assert "could be read" in linked_ada.good("quarantine", "list").stderr
    assert linked_ada.good("quarantine", "retry").stderr == "There is none.\n"
    spoil(linked_ada, bank)
    (row,) = linked_ada.json("quarantine", "list")
    assert row["external_id"] in linked_ada.good("quarantine", "list").stdout
    shown = linked_ada.good("quarantine", "show", "1").stdout
    assert row["reason"] in shown
    assert '"account_id"' in shown
    assert linked_ada.json("quarantine", "show", row["id"])["raw"].startswith("{")
    assert "1 unreadable" in linked_ada.good("connections").stdout
    for command in ("accounts", "transactions"):
        assert "is not whole" in linked_ada.good(command).stderr
    left = linked_ada.run("quarantine", "retry", "1")
    assert left.exit_code == 1
    assert "1 left" in left.stderr
    assert "Still unreadable: 1 row;" in linked_ada.good("replay", "1").stderr
    told = linked_ada.run("quarantine", "retry", "--json")
    assert (told.exit_code, json.loads(told.stdout)["left"]) == (1, 1)
    again = linked_ada.run("sync", "--json")
    assert (again.exit_code, json.loads(again.stdout)["up_to_date"]) == (1, False)
    assert "is not whole" in again.stderr
    linked_ada.good("sync", "--from-start")
    assert linked_ada.json("quarantine", "list") == []
    assert "unreadable" not in linked_ada.good("replay", "1").stderr
    assert linked_ada.json("replay", "1", "--dry-run")["unmapped"] == 0
    assert linked_ada.json("quarantine", "list", "--all")[0]["resolution"] == "superseded"
    linked_ada.good("quarantine", "retry")


def test_what_is_unread_and_what_failed_are_told_apart(linked_ada: Terminal, bank: Bank) -> None:
    """sync.md 8, 21: the hint for quarantine is said always; the failure with its own, once.

    With the id of the sync, by which it is to be reported.
    """
    spoil(linked_ada, bank)
    bank.control("faults", kind="wrong_type", place="accounts", times=9)
    told = linked_ada.run("sync").stderr
    latest = linked_ada.json("syncs")[0]
    assert latest["outcome"] != "done"
    assert f"({latest['id']})" in told
    assert told.count(latest["remedy"]["text"]) == 1
    assert "is not whole: 1 row of the bank could not be read: `penstock quarantine list`" in told
    accounts = linked_ada.good("accounts").stderr
    assert "is not fresh: failing" in accounts
    assert latest["remedy"]["text"] in accounts
    assert "is not whole: 1 row of the bank could not be read" in accounts


def test_a_sync_is_undone_after_a_look(linked_ada: Terminal, bank: Bank) -> None:
    """sync.md 31: unasked it is a dry run that ends with 2; done, a sync brings it again."""
    before = linked_ada.json("transactions")
    bank.control("step", name="demo")
    linked_ada.good("sync")
    after = linked_ada.json("transactions")
    latest = linked_ada.json("syncs")[0]["id"]
    assert latest in linked_ada.good("syncs").stdout
    unasked = linked_ada.run("undo", latest)
    assert unasked.exit_code == 2
    assert "--yes" in unasked.stderr
    assert "2 rows as before, 2 gone, 0 left alone" in unasked.stderr
    assert linked_ada.json("undo", latest, "--dry-run")["deleted"] == 2
    assert linked_ada.run("undo", latest, "--dry-run", "--yes").exit_code == 2
    assert linked_ada.json("transactions") == after
    done = linked_ada.json("undo", latest, "--yes")
    assert (done["dry_run"], done["restored"], done["deleted"]) == (False, 2, 2)
    unstamped = [{**row, "updated_at": ""} for row in linked_ada.json("transactions")]
    assert unstamped == [{**row, "updated_at": ""} for row in before]
    connections = linked_ada.good("connections").stdout
    assert "paused" in connections
    assert "penstock sync con_" in connections
    for command in ("accounts", "transactions"):
        assert "is not whole: It rests" in linked_ada.good(command).stderr
    assert "undone" in linked_ada.good("syncs").stdout
    assert linked_ada.run("undo", latest, "--yes").exit_code == 1
    linked_ada.good("sync")
    assert len(linked_ada.json("transactions")) == len(after)
    assert "paused" not in linked_ada.good("connections").stdout


def test_what_was_edited_since_is_listed(linked_ada: Terminal) -> None:
    """sync.md 31: the dry run names the rows that would stay."""
    with closing(sqlite3.connect(linked_ada.home / "penstock.db")) as database, database:
        database.execute("UPDATE transactions SET note = 'mine', change_number = 999 WHERE id = 3")
    shown = linked_ada.good("undo", "1", "--dry-run").stderr
    assert "1 left alone" in shown
    assert "(mine)  txn_0000000000003" in shown


def test_a_replay_is_shown_first(linked_ada: Terminal) -> None:
    """sync.md 18: field by field; unasked nothing changes, and it ends with 2."""
    same = linked_ada.good("replay", "1")
    assert "Changed: 0 rows." in same.stderr
    with closing(sqlite3.connect(linked_ada.home / "penstock.db")) as database, database:
        database.execute("UPDATE transactions SET description = 'misread' WHERE id = 3")
    unasked = linked_ada.run("replay", "1")
    assert unasked.exit_code == 2
    assert "txn_0000000000003  description: 'misread' -> " in unasked.stderr
    assert linked_ada.json("replay", "1", "--dry-run")["changed"] == 1
    done = linked_ada.json("replay", "1", "--yes")
    assert done["changed"] == 1
    assert "misread" not in linked_ada.good("transactions").stdout
    linked_ada.good("undo", done["sync_id"], "--yes")
    assert "misread" in linked_ada.good("transactions").stdout
    assert linked_ada.run("replay", "77").exit_code == 1


SUGGEST = """
    INSERT INTO suggestions (id, owner_id, account_id, run_id, kind, subject, reason, state,
        created_at) SELECT ?, owner_id, account_id, 1, 'sweep', ?, 'The bank no longer tells it.',
        'open', '2026-11-20 00:00:00.000000' FROM transactions WHERE id = ?
"""
ABOUT = "INSERT INTO suggestion_rows (suggestion_id, transaction_id, role) VALUES (?, ?, 'missing')"


def test_suggestions_are_decided(linked_ada: Terminal) -> None:
    """sync.md 14: listed with their rows, and decided; one that is no longer so ends with 1."""
    assert linked_ada.json("suggestions") == []
    assert "Nothing waits" in linked_ada.good("suggestions").stderr
    with closing(sqlite3.connect(linked_ada.home / "penstock.db")) as database, database:
        for number, row in ((1, 3), (2, 4), (3, 3)):
            database.execute(SUGGEST, (number, f"s{number}", row))
            database.execute(ABOUT, (number, row))
    shown = linked_ada.good("suggestions").stdout
    assert "sug_0000000000001  sweep, open: The bank no longer tells it." in shown
    assert "txn_0000000000003" in shown
    assert "3 suggested" in linked_ada.good("connections").stdout
    rows = len(linked_ada.json("transactions"))
    assert linked_ada.json("suggestions", "accept", "1")[0]["state"] == "accepted"
    assert len(linked_ada.json("transactions")) == rows - 1
    linked_ada.good("suggestions", "refuse", "sug_2")
    gone = linked_ada.run("suggestions", "accept", "3")
    assert (gone.exit_code, "no longer so" in gone.stderr) == (1, True)
    assert linked_ada.run("suggestions", "accept", "2").exit_code == 1
    states = ("open", "accepted", "refused", "gone")
    found = [len(linked_ada.json("suggestions", "--state", state)) for state in states]
    assert found == [0, 1, 1, 1]


DIFFER = """
    UPDATE tie_outs SET status = 'difference', amount = '12.50', first_on = '2026-11-02',
        candidates = ? WHERE account_id = 1
"""


def test_accounts_tie_out_or_say_where_to_look(linked_ada: Terminal) -> None:
    """sync.md 30: 0 where all adds up; 1 where a difference stands, with the rows to look at."""
    good = linked_ada.good("tie-out")
    assert good.stdout.count(" ok ") == 3
    assert {one["currencies"][0]["status"] for one in linked_ada.json("tie-out")} == {"ok"}
    account = linked_ada.json("accounts")[0]["id"]
    row = linked_ada.json("transactions", "--account", account)[0]["id"]
    with closing(sqlite3.connect(linked_ada.home / "penstock.db")) as database, database:
        database.execute(DIFFER, (json.dumps([row]),))
    bad = linked_ada.run("tie-out")
    assert bad.exit_code == 1
    assert "12.50" in bad.stdout
    assert row in bad.stderr
    assert "--from-start" in bad.stderr
    assert linked_ada.run("tie-out", "1").exit_code == 1
    linked_ada.good("tie-out", "2", "3")
    assert linked_ada.run("tie-out", "77").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("suggestions", "--state", "done"),
        ("suggestions", "accept"),
        ("quarantine", "show"),
        ("undo",),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    reader: Terminal, arguments: tuple[str, ...]
) -> None:
    """It ends with 2, says why, and prints nothing on stdout."""
    result = reader.run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
