"""`penstock mappings`: how the CSV files of your banks are read, saved by name."""

from typing import TYPE_CHECKING

import click

from penstock.cli.failure import Misused
from penstock.cli.flags import Command, Commands, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, print_json_array, say

if TYPE_CHECKING:
    from penstock.cli.client import Client


HELP = """Save how a bank's CSV files are read, in place of what was saved under NAME.

\b
date=COLUMN date_format=DD.MM.YYYY        the day, and how it is written
amount=COLUMN sign=plain|inverted         the amount, with its sign; or
debit=COLUMN credit=COLUMN                what went out and what came in, without signs
direction=COLUMN debit_words=S,D          or a column that says which way it went
decimal=point|comma
thousands=none|point|comma|space|apostrophe
currency=EUR or currency_column=COLUMN
description=COLUMN+COLUMN counterparty=COLUMN reference=COLUMN category=COLUMN
value_date=COLUMN id=COLUMN balance=COLUMN
delimiter=semicolon|comma|tab|pipe encoding=utf-8|cp1252 quote='"'
skip=LINES skip_end=LINES header=true|false

A COLUMN is its name in the header, or its number from 1. Nothing of this is ever guessed.
"""


@click.group(cls=Commands, invoke_without_command=True)
@as_json
@pass_flags
@click.pass_context
def mappings(context: click.Context, flags: Flags, *, as_json: bool) -> None:
    """List how CSV files are read: which column is what, and how amounts and days are written."""
    if context.invoked_subcommand is not None:
        return
    from penstock.cli.door import ask
    from penstock.cli.failure import printable

    async def work(client: "Client") -> None:
        rows = client.pages("/v1/mappings")
        if as_json:
            await print_json_array(rows)
            return
        async for row in rows:
            settings = " ".join(f"{name}={value!r}" for name, value in row["settings"].items())
            click.echo(printable(f"{row['name']}: {settings}"))

    ask(flags, work)


@mappings.command("set", cls=Command, help=HELP)
@click.argument("name", metavar="NAME")
@click.argument("settings", metavar="SETTING=VALUE...", nargs=-1, required=True)
@as_json
@pass_flags
def set_mapping(flags: Flags, name: str, settings: tuple[str, ...], *, as_json: bool) -> None:
    """Save a mapping, as HELP says."""
    from penstock.cli.door import ask

    given = dict(one.partition("=")[::2] for one in settings)
    if any("=" not in one for one in settings):
        raise Misused("a setting is written NAME=VALUE", remedy="Such as decimal=comma.")

    async def work(client: "Client") -> object:
        body = {"settings": given}
        return (await client.ask("PUT", f"/v1/mappings/{name}", body=body)).json()

    saved = ask(flags, work)
    if as_json:
        print_json(saved)
    say(f"Saved. See how a file is read: `penstock import FILE --mapping {name} --preview`.")


@mappings.command(cls=Command)
@click.argument("name", metavar="NAME")
@pass_flags
def remove(flags: Flags, name: str) -> None:
    """Forget a mapping. What was imported with it stays."""
    from penstock.cli.door import ask

    async def work(client: "Client") -> None:
        await client.ask("DELETE", f"/v1/mappings/{name}")

    ask(flags, work)
    say(f"{name} is forgotten.")
