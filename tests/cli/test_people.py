"""Making people, signing in and out, and what is said to whoever is not signed in."""

import json
import stat

import pytest

from penstock.cli.app import COMMANDS
from tests.cli.conftest import PASSWORD, Terminal
from tests.cli.modes import posix

READERS = (
    *("whoami", "connectors", "connections", "accounts", "balances", "transactions"),
    *("changes", "syncs", "sync"),
)


def test_a_person_is_made_and_signs_in_and_out(stranger: Terminal) -> None:
    """User add, login, whoami, logout: then nobody is signed in."""
    stranger.sign_in("ada")
    assert stranger.json("whoami")["username"] == "ada"
    stranger.good("logout")
    assert stranger.run("whoami").exit_code == 4
    assert not (stranger.home / "session.json").exists()
    assert "Nobody was signed in" in stranger.good("logout").stderr


@pytest.mark.parametrize("command", READERS)
def test_without_a_session_it_ends_with_4(nobody: Terminal, command: str) -> None:
    """A command that needs a person says `penstock login`, and prints nothing on stdout."""
    for flags in ([], ["--json"]):
        result = nobody.run(command, *flags)
        assert result.exit_code == 4
        assert "penstock login" in result.stderr
        assert result.stdout == ""


def test_a_wrong_password_is_refused(stranger: Terminal) -> None:
    """It ends with 4, and the session that was there stays."""
    stranger.sign_in("ada")
    typed = "not the password"
    refused = stranger.run("login", "--username", "ada", "--password-stdin", typed=typed)
    assert refused.exit_code == 4
    assert refused.stdout == ""
    assert stranger.json("whoami")["username"] == "ada"


def test_a_password_is_never_an_argument(nobody: Terminal) -> None:
    """There is no way to write a password on the command line, where others can see it."""
    for arguments in (["user", "add", "ada", PASSWORD], ["login", "--password", PASSWORD]):
        assert nobody.run(*arguments).exit_code == 2


def test_without_a_terminal_nobody_is_asked(nobody: Terminal) -> None:
    """A script that forgot --password-stdin is told so at once, with 2."""
    added = nobody.run("user", "add", "ada", typed=PASSWORD)
    assert added.exit_code == 2
    assert "--password-stdin" in added.stderr
    assert nobody.run("login", typed=PASSWORD).exit_code == 2


def test_a_weak_or_taken_name_is_refused(stranger: Terminal) -> None:
    """A short password is a usage error; a name that is taken a failure."""
    short = stranger.run("user", "add", "ada", "--password-stdin", typed="short")
    assert short.exit_code == 2
    stranger.sign_in("ada")
    taken = stranger.run("user", "add", "ada", "--password-stdin", typed=PASSWORD)
    assert taken.exit_code == 1
    assert "ada" in taken.stderr


def test_a_given_token_needs_no_session(stranger: Terminal) -> None:
    """PENSTOCK_TOKEN opens what a session opens; a bad one ends with 4 and says which it was."""
    stranger.sign_in("ada")
    token = stranger.good("token", "create", "a script").stdout.strip()
    stranger.good("login", "--token-stdin", typed=f"{token}\n")
    assert stranger.json("whoami")["username"] == "ada"
    (stranger.home / "session.json").unlink()
    assert stranger.json("whoami", PENSTOCK_TOKEN=token)["username"] == "ada"
    assert stranger.good("--token", token, "whoami").stdout
    bad = stranger.run("whoami", PENSTOCK_TOKEN="nonsense")
    assert bad.exit_code == 4
    assert "PENSTOCK_TOKEN" in bad.stderr


def test_a_bad_token_is_not_stored(stranger: Terminal) -> None:
    """What is pasted is tried before it is kept."""
    stranger.sign_in("ada")
    before = (stranger.home / "session.json").read_text()
    assert stranger.run("login", "--token-stdin", typed="nonsense\n").exit_code == 4
    assert (stranger.home / "session.json").read_text() == before


def test_a_session_is_worth_nothing_elsewhere(stranger: Terminal) -> None:
    """C7: the tokens in session.json open nothing without the key that lies beside it."""
    stranger.sign_in("ada")
    token = json.loads((stranger.home / "session.json").read_text())["this installation"]["access"]
    assert stranger.run("whoami", PENSTOCK_TOKEN=token).exit_code == 4
    assert stranger.json("whoami")["username"] == "ada"
    (stranger.home / "session.key").unlink()
    assert stranger.run("whoami").exit_code == 4


def test_tokens_for_scripts(stranger: Terminal) -> None:
    """C6: made, shown once, listed without themselves, ended."""
    stranger.sign_in("ada")
    token = stranger.good("token", "create", "nightly", "--scope", "read").stdout.strip()
    assert stranger.json("whoami", PENSTOCK_TOKEN=token)["scopes"] == ["read"]
    listed = stranger.good("token", "list").stdout
    assert "nightly" in listed
    assert token not in listed
    [row] = stranger.json("token", "list")
    stranger.good("token", "revoke", row["id"])
    assert stranger.run("whoami", PENSTOCK_TOKEN=token).exit_code == 4


@posix
def test_the_session_file_is_the_owners(stranger: Terminal) -> None:
    """Tokens lie in a file with the mode 0600, in a home with the mode 0700."""
    stranger.sign_in("ada")
    assert stat.S_IMODE((stranger.home / "session.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(stranger.home.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "environment",
    [
        {"PENSTOCK_URL": "nonsense"},
        {"PENSTOCK_URL": "http://user:pw@127.0.0.1:1"},
        {"PENSTOCK_URL": "http://192.0.2.1", "PENSTOCK_PROFILE": "production"},
        {"PENSTOCK_PROFILE": "party"},
    ],
)
def test_a_setting_that_cannot_be_used_is_a_usage_error(
    nobody: Terminal, environment: dict[str, str]
) -> None:
    """It ends with 2 and names the variable; no token is sent to such an address."""
    result = nobody.run("whoami", **environment)
    assert result.exit_code == 2
    assert "PENSTOCK_" in result.stderr or "token" in result.stderr
    assert "pw@" not in result.stderr


def test_flags_beat_the_environment_and_it_beats_the_file(stranger: Terminal) -> None:
    """`--profile` before PENSTOCK_PROFILE before `$PENSTOCK_HOME/.env`."""
    stranger.home.mkdir(mode=0o700)
    (stranger.home / ".env").write_text("PENSTOCK_PROFILE=nonsense\n")
    assert stranger.run("whoami").exit_code == 2
    assert stranger.run("whoami", PENSTOCK_PROFILE="staging").exit_code == 4
    assert stranger.run("--profile", "staging", "whoami").exit_code == 4
    assert stranger.run("whoami", "--profile", "staging").exit_code == 4


def test_every_command_is_tried_here_or_elsewhere() -> None:
    """The list of readers above has no command that is gone."""
    names = {name for section in COMMANDS.values() for name in section}
    assert set(READERS) <= names
