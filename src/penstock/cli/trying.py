"""What a command does that changes much: it shows first what it would do, then asks."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import click

from penstock.cli.client import Client
from penstock.cli.failure import USAGE
from penstock.cli.terminal import can_ask, print_json, say

Row = dict[str, Any]
Tell = Callable[[Client, Row], Awaitable[None]]
"""Says what an answer means."""

_UNASKED: Final = "Nothing was changed: this was a dry run. Say it with --yes."


async def attempt(
    client: Client, path: str, tell: Tell, question: Callable[[Row], str], how: "How"
) -> tuple[Row, bool]:
    """Show what a POST would do; do it if the person wants it. Return the answer, and if done.

    `question` returns what to ask, or nothing where there is nothing to do.
    """
    would: Row = (await client.post(path, {"dry_run": True})).json()
    if not (how.yes and how.as_json):
        await tell(client, would)
    asked = question(would)
    if not asked or how.dry_run or not (how.yes or (can_ask() and click.confirm(asked, err=True))):
        return would, False
    done: Row = (await client.post(path, {"dry_run": False})).json()
    return done, True


class How:
    """How a person wants it: done unasked, only shown, in JSON."""

    def __init__(self, *, yes: bool, dry_run: bool, as_json: bool) -> None:
        if yes and dry_run:
            raise click.UsageError("Either --yes or --dry-run.")
        self.yes = yes
        self.dry_run = dry_run
        self.as_json = as_json

    def end(self, context: click.Context, answer: Row, *, done: bool, needed: bool) -> None:
        """Print the answer; end with 2 where a yes was needed, and nobody could be asked."""
        if self.as_json:
            print_json(answer)
        if done or not needed:
            return
        if self.dry_run or can_ask():
            say("Nothing was changed.")
            return
        say(_UNASKED)
        context.exit(USAGE)
