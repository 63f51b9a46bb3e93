"""`penstock export`: everything that is yours, taken out as it streams in."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import click

from penstock.cli.failure import Misused
from penstock.cli.flags import Command, Flags, named_as, pass_flags
from penstock.cli.terminal import say

_KINDS = ("everything", "accounts", "balances", "holdings", "securities", "transactions")


@click.command(cls=Command)
@named_as(
    "--format",
    "form",
    twin="EXPORT_FORMAT",
    type=click.Choice(["csv", "jsonl"]),
    default="jsonl",
    show_default=True,
    help="CSV, one kind of row at a time, or JSON lines.",
)
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    help="Which rows. Left out: everything as JSON lines, transactions as CSV.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file, readable by you alone, written whole or not at all; without it, stdout.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@pass_flags
def export(flags: Flags, form: str, kind: str | None, output: Path | None, *, force: bool) -> None:
    """Take everything out, as it is read: accounts, balances, holdings, securities, transactions.

    A CSV file holds one kind of row; --kind everything makes a zip of them.
    """
    kind = kind or ("transactions" if form == "csv" else "everything")
    if (form, kind) == ("csv", "everything") and output is None and sys.stdout.isatty():
        raise click.UsageError("That is a zip archive: name a file with --output.")
    if output is not None and output.exists() and not force:
        raise Misused(f"{output} is there already", remedy="Replace it with --force.")
    size = _write(flags, {"format": form, "kind": kind}, output)
    if output is not None:
        say(f"{size:,} bytes in {output}")


def _write(flags: Flags, parameters: dict[str, str], output: Path | None) -> int:
    from penstock.cli.client import Client
    from penstock.cli.door import ask
    from penstock.cli.files import written_whole

    async def work(client: Client) -> int:
        async with client.stream("/v1/export", parameters) as chunks:
            if output is None:
                return await _copy(chunks, sys.stdout.buffer)
            with written_whole(output) as file:
                return await _copy(chunks, file)

    return ask(flags, work)


async def _copy(chunks: AsyncIterator[bytes], file: BinaryIO) -> int:
    size = 0
    async for chunk in chunks:
        file.write(chunk)
        size += len(chunk)
    file.flush()
    return size
