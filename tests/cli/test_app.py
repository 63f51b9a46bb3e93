"""The command as a whole: what it lists, what it imports, and how it ends."""

import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner, Result

from penstock.cli.app import COMMANDS, LazyGroup, app
from penstock.cli.failure import Failed
from penstock.domain.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotSignedIn,
    PenstockError,
    TransportFailure,
)
from penstock.domain.remedy import wait
from scripts.pages import cli

NAMES = [name for section in COMMANDS.values() for name in section]


def ending(raises: Callable[[], None], *arguments: str) -> Result:
    """Run a command that does `raises`, in a group like ours."""
    group = LazyGroup("penstock")
    group.add_command(click.Command("act", callback=raises))
    return CliRunner().invoke(group, ["act", *arguments])


def raising(error: BaseException) -> Callable[[], None]:
    """Return a function that raises."""

    def act() -> None:
        raise error

    return act


def modules_after(*arguments: str) -> set[str]:
    """Return what a run of the command line has imported when it ends."""
    program = (
        "import sys\n"
        "from penstock.cli.app import app\n"
        f"try: app.main({list(arguments)!r}, prog_name='penstock')\n"
        "except SystemExit: print('\\n' + '\\n'.join(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    return set(ran.stdout.split())


def test_help_imports_no_command() -> None:
    """`penstock --help` reads the list of commands, and imports neither one nor what it needs."""
    loaded = modules_after("--help")
    allowed = {"penstock.cli.app", "penstock.cli.failure", "penstock.cli.flags"}
    assert {name for name in loaded if name.startswith("penstock.cli.")} == allowed
    assert not loaded & {"asyncio", "httpx2", "pydantic", "rich", "fastapi", "sqlalchemy"}


def test_a_trivial_command_imports_nothing_heavy() -> None:
    """`penstock version` starts without a web framework, a database or a table printer."""
    loaded = modules_after("version")
    assert not loaded & {"asyncio", "httpx2", "pydantic", "rich", "fastapi", "sqlalchemy"}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str) -> None:
    """Each command that is listed is there, and has a help text."""
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Usage:")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_takes_the_common_flags(name: str) -> None:
    """`--home` and its like may stand after the command as well as before it."""
    for arguments in (["--home", "x", name, "--help"], [name, "--home", "x", "--help"]):
        assert CliRunner().invoke(app, arguments).exit_code == 0


def test_a_flag_and_its_twin_have_one_name() -> None:
    """Each flag's variable is named as the flag is: --from of `transactions` is …_FROM."""
    odd = []
    for context in cli.commands(cli.root()):
        for option in context.command.params:
            twin = cli.environment(context, option) if isinstance(option, click.Option) else ""
            ends = [f"_{flag[2:].upper().replace('-', '_')}`" for flag in option.opts]
            if twin and not twin.endswith(tuple(ends)):
                odd.append(f"{context.command_path} {option.opts[0]}: {twin}")
    assert odd == []


def test_a_twin_does_what_its_flag_does() -> None:
    """PENSTOCK_SYNC_ALL=1 is `sync --all`, which wants no ID beside it."""
    result = CliRunner().invoke(app, ["sync", "3"], env={"PENSTOCK_SYNC_ALL": "1"})
    assert result.exit_code == 2
    assert "--all" in result.stderr


def test_help_tells_the_exit_codes() -> None:
    """What each exit code means is written in --help."""
    text = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert "0 ok, 1 failed, 2 usage, 4 sign-in needed" in text


def test_a_wrong_word_is_answered_with_the_near_one() -> None:
    """A command that is not there ends with 2, and says which one may have been meant."""
    result = CliRunner().invoke(app, ["conections"])
    assert result.exit_code == 2
    assert "connections" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("gone"), 1),
        (Conflict("both"), 1),
        (TransportFailure("silence"), 1),
        (InvalidInput("nonsense"), 2),
        (NotSignedIn("who?"), 4),
    ],
)
def test_each_error_has_its_exit_code(error: PenstockError, code: int) -> None:
    """An error of ours ends with its message on stderr and the documented code."""
    result = ending(raising(error))
    assert result.exit_code == code
    assert error.message in result.stderr
    assert result.stdout == ""


def test_a_remedy_is_said() -> None:
    """An error that says what to do, says it to the person too."""
    result = ending(raising(Conflict("busy", remedy=wait("Try again at noon."))))
    assert "Try again at noon." in result.stderr


def test_not_signed_in_names_the_command_to_run() -> None:
    """Exit code 4 comes with the command that mends it."""
    assert "penstock login" in ending(raising(NotSignedIn())).stderr


def test_ctrl_c_ends_quietly() -> None:
    """An interrupt is one word and 130, no traceback."""
    result = ending(raising(KeyboardInterrupt()))
    assert result.exit_code == 130
    assert result.stderr == "penstock: interrupted\n"


def test_a_mistake_of_ours_is_said_without_its_secrets() -> None:
    """An unforeseen error ends with 1 and its name; what looks like a secret in it is masked."""
    result = ending(raising(RuntimeError("password=hunter2 was wrong")))
    assert result.exit_code == 1
    assert "RuntimeError" in result.stderr
    assert "--verbose" in result.stderr
    assert "hunter2" not in result.stderr


def test_what_the_system_refuses_is_said() -> None:
    """A full disk or a closed folder is a message, not a traceback."""
    result = ending(raising(PermissionError(13, "Permission denied", "/there")))
    assert result.exit_code == 1
    assert "Permission denied" in result.stderr


def test_a_message_cannot_steer_the_terminal() -> None:
    """Control characters in what a server or a bank wrote are not passed on to the terminal."""
    result = ending(raising(Failed("a\x1b]0;owned\x07b\u202ec", remedy="\x1b[2J")))
    assert "\x1b" not in result.stderr
    assert "\x07" not in result.stderr
    assert "\u202e" not in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is told in another way there")
def test_a_closed_pipe_is_quiet() -> None:
    """`penstock … | head -0` says nothing about the pipe that closed."""
    program = (
        "import os, subprocess, sys\n"
        "reader, writer = os.pipe()\n"
        "os.close(reader)\n"
        "run = [sys.executable, '-m', 'penstock', 'version', '--json']\n"
        "ran = subprocess.run(run, stdout=writer, stderr=subprocess.PIPE, check=False)\n"
        "sys.stdout.write(ran.stderr.decode())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert ran.stdout == ""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_output_survives_any_encoding(encoding: str) -> None:
    """Whatever the surroundings think they can show, what goes into a pipe is UTF-8."""
    program = (
        "from penstock.cli.terminal import prepare_streams, print_json, say\n"
        "prepare_streams(); print_json({'to': 'Zürich 東京'}); say('東京')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env={"PYTHONIOENCODING": encoding, "PATH": "", "SYSTEMROOT": "C:\\Windows"},
    )
    assert "Zürich 東京" in ran.stdout.decode("utf-8")
    assert "東京" in ran.stderr.decode("utf-8")
