"""`penstock sessions` and `password` at the command line."""

import json
import sqlite3
from contextlib import closing

from tests.cli.conftest import PASSWORD, Terminal

NEW = "another correct horse"


def test_sessions_are_listed_and_ended(stranger: Terminal) -> None:
    """R6: a person sees where they are signed in, and ends what they do not know."""
    stranger.sign_in("ada")
    (first,) = stranger.json("sessions")
    assert first["current"]
    stranger.good("login", "--username", "ada", "--password-stdin", typed=PASSWORD)
    assert len(stranger.json("sessions")) == 2
    assert "this one" in stranger.good("sessions").stdout
    stranger.good("sessions", "end", first["id"])
    (left,) = stranger.json("sessions")
    assert left["id"] != first["id"]
    assert stranger.run("sessions", "end", "ses_0000000000099").exit_code == 1


def test_a_password_is_changed(stranger: Terminal) -> None:
    """R6: the new one lets in, the old one does not; whoever changed it stays signed in."""
    stranger.sign_in("ada")
    refused = stranger.run("password", "--password-stdin", typed=f"wrong one\n{NEW}\n")
    assert refused.exit_code == 4
    stranger.good("password", "--password-stdin", typed=f"{PASSWORD}\n{NEW}\n")
    assert stranger.json("whoami")["username"] == "ada"
    login = ("login", "--username", "ada", "--password-stdin")
    assert stranger.run(*login, typed=PASSWORD).exit_code == 4
    stranger.good(*login, typed=NEW)


def test_verbose_tells_no_secret(ada: Terminal) -> None:
    """K3: the password and the tokens are in no output, and nowhere in the clear in the file."""
    outputs = [
        ada.good("--verbose", "login", "--username", "ada", "--password-stdin", typed=PASSWORD),
        ada.good("--verbose", "connect", "sandbox", "--auto-consent"),
        ada.good("--verbose", "sync"),
    ]
    session = json.loads((ada.home / "session.json").read_text())
    tokens = [one[name] for one in session.values() for name in ("access", "refresh")]
    with closing(sqlite3.connect(ada.home / "penstock.db")) as connection:
        dump = "\n".join(connection.iterdump())
    for secret in (PASSWORD, *tokens):
        assert secret not in dump
        assert not any(secret in one.output for one in outputs)
