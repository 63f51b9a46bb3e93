"""How a command ends when it did not do what it was asked: an exit code, and words on stderr."""

from typing import IO, Any, Final

import click

from penstock.domain.errors import InvalidInput, NotSignedIn, PenstockError
from penstock.domain.remedy import Remedy

FAILED: Final = 1
USAGE: Final = 2
SIGN_IN: Final = 4
INTERRUPTED: Final = 130

EXIT_CODES: Final = (
    "Exit codes: 0 ok, 1 failed, 2 usage, 4 sign-in needed (run `penstock login`), 130 interrupted."
)
SIGN_IN_REMEDY: Final = "Run `penstock login`, or set PENSTOCK_TOKEN."


class Failed(click.ClickException):
    """The command failed: what happened, to what, and what to do about it."""

    exit_code = FAILED

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it on stderr."""
        click.echo(f"penstock: {printable(self.message)}", file=file, err=True)
        if self.remedy:
            click.echo(f"What to do: {printable(self.remedy)}", file=file, err=True)


class Misused(Failed):
    """What was typed cannot be done so."""

    exit_code = USAGE


class SignInNeeded(Failed):
    """Whoever asks is not signed in (any more)."""

    exit_code = SIGN_IN


class Interrupted(Failed):
    """Somebody pressed Ctrl-C."""

    exit_code = INTERRUPTED


def failed_by(error: PenstockError) -> Failed:
    """Return how a command ends that met this error."""
    remedy = error.remedy.text if isinstance(error.remedy, Remedy) else ""
    if isinstance(error, NotSignedIn):
        return SignInNeeded(error.message, remedy=remedy or SIGN_IN_REMEDY)
    kind = Misused if isinstance(error, InvalidInput) else Failed
    return kind(error.message, remedy=remedy)


def printable(text: str) -> str:
    """Return `text` without anything that a terminal would obey: banks and servers wrote it.

    New lines stay; every other character that does not print becomes a replacement mark.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text
    )
