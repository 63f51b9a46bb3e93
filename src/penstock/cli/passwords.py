"""Asking for what nobody else may see: never as an argument, never shown."""

import sys

import click

from penstock.cli.failure import Misused
from penstock.cli.terminal import can_ask

_MOST_CHARACTERS = 64 * 1024


def ask_secret(what: str, *, from_stdin: bool, twice: bool = False, flag: str) -> str:
    """Read a secret: one line of stdin, or a prompt that does not echo.

    Raises Failed where nobody can be asked and `flag` was not given, or where nothing came.
    """
    if from_stdin:
        secret = sys.stdin.readline(_MOST_CHARACTERS).rstrip("\r\n")
    elif can_ask():
        secret = click.prompt(what, hide_input=True, confirmation_prompt=twice, err=True)
    else:
        raise Misused(
            f"{what} is needed, and there is no terminal to ask at",
            remedy=f"Give it on stdin, with {flag}.",
        )
    if not secret:
        raise Misused(f"{what} is empty")
    return secret
