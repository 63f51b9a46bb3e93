"""Programs of others at the command line: registered, listed, removed, and let in no more."""

import sqlite3

from penstock.settings import Settings
from tests.cli.conftest import Terminal

BACK = "https://budget.example/callback"


def become_admin(terminal: Terminal) -> None:
    """Give everybody of this home the role that may register programs."""
    file = Settings(home=terminal.home).database_file
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE users SET role = 'admin'")
    connection.close()


def test_a_program_is_registered_and_removed(stranger: Terminal) -> None:
    """An admin adds a program, sees its secret once, finds it in the list, and removes it."""
    stranger.sign_in("ada")
    become_admin(stranger)
    wish = ("client", "add", "Budget", "--redirect-uri", BACK, "--scope", "read sync")
    made = stranger.json(*wish, "--confidential")
    assert made["client_secret"].startswith("pscs_")
    public = stranger.good(*wish).stdout.splitlines()
    assert [line.partition("=")[0] for line in public] == ["client_id"]
    listed = stranger.json("client", "list")
    assert {one["client_id"] for one in listed} == {made["client_id"], public[0].partition("=")[2]}
    assert "client_secret" not in listed[0]
    assert "Budget" in stranger.good("client", "list").stdout
    stranger.good("client", "remove", made["client_id"])
    assert stranger.run("client", "remove", made["client_id"]).exit_code == 1
    assert len(stranger.json("client", "list")) == 1


def test_a_member_registers_nothing(stranger: Terminal) -> None:
    """Who is no admin is told so, and has nothing to take back yet."""
    stranger.sign_in("root")  # the first person is the admin
    stranger.sign_in("ada")
    refused = stranger.run("client", "add", "Evil", "--redirect-uri", BACK)
    assert refused.exit_code != 0
    assert "admin" in refused.stderr
    assert stranger.json("consents") == []
    assert "no program" in stranger.good("consents").stderr
    assert stranger.run("consents", "withdraw", "cns_0000000000011").exit_code == 1
