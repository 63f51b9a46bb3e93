"""`penstock sources`: where prices come from, and whether a declaration of one's own is right."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.failure import FAILED, printable
from penstock.cli.flags import Command, Commands, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, say

if TYPE_CHECKING:
    from penstock.quotes.own import OwnSource

Row = dict[str, Any]

_WIDEST: Final = 36
_PLAINLY: Final = {
    "pairs of currencies to currencies": "exchange rates",
    "listings of US": "shares in America",
    "listings": "shares",
}
_STANDING: Final = {
    "in_use": "in use",
    "needs_key": "needs a key",
    "switched_off": "switched off",
    "broken": "broken",
}


@click.group(cls=Commands, invoke_without_command=True)
@click.option("--terms", is_flag=True, help="Show where the terms of each are, and its settings.")
@as_json
@pass_flags
@click.pass_context
def sources(context: click.Context, flags: Flags, *, terms: bool, as_json: bool) -> None:
    """List where prices may come from: what each has, and whether it is in use.

    Which are asked is PENSTOCK_QUOTE_SOURCES; sources of your own are files in
    PENSTOCK_SOURCES_FOLDER. An official source publishes its figures, a keyed one wants a key
    of yours, an unofficial one is an address that was not made for programs, and of scrape the
    page itself is read: read its terms first.
    """
    if context.invoked_subcommand is not None:
        return
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> list[Row]:
        return [row async for row in client.pages("/v1/sources")]

    rows = ask(flags, work)
    if as_json:
        print_json(rows)
    else:
        _show(rows, terms=terms)


@sources.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@as_json
@pass_flags
@click.pass_context
def check(context: click.Context, flags: Flags, file: Path, *, as_json: bool) -> None:
    """Check the declaration in FILE, and what it reads from its recorded answers.

    Nobody is asked for anything. Ends with 1 if something is wrong, and says what, by line.
    """
    from penstock.markets import terms_of
    from penstock.quotes.own import check_file

    own = check_file(file, terms_of(flags.settings()))
    if as_json:
        print_json(_told(own))
    else:
        _tell(own)
    if not own.is_sound:
        context.exit(FAILED)


def _told(own: "OwnSource") -> dict[str, Any]:
    faults = [{"field": one.field, "why": one.why, "line": one.line} for one in own.faults]
    return {"id": own.id, "ok": own.is_sound, "faults": faults}


def _tell(own: "OwnSource") -> None:
    for fault in own.faults:
        click.echo(printable(f"{own.path.name}: {fault}"))
    if own.declared is not None and own.is_sound:
        count = len(own.declared.golden)
        held = f"{count} recorded answer{'s' if count > 1 else ''}"
        click.echo(printable(f"{own.path.name}: {own.id} is right: it holds against {held}."))


def _show(rows: list[Row], *, terms: bool) -> None:
    from penstock.cli.listing import Column, Seen, plain, print_rows
    from penstock.domain.clock import utc_now

    about = (
        Column("has prices of", lambda row, _: _covers(row["covers"])),
        Column("state", lambda row, _: _STANDING[row["standing"]]),
    )
    where = (
        Column("settings to give", lambda row, _: ", ".join(row["missing_settings"])),
        plain("terms", "docs"),
    )
    columns = (plain("source", "id"), plain("tier", "tier"), *(where if terms else about))
    print_rows(columns, rows, Seen(utc_now()))
    for row in rows:
        if row["standing"] == "needs_key":
            say(f"{row['id']} needs {' and '.join(row['missing_settings'])}.")
        for fault in row["faults"]:
            place = ", ".join(
                filter(None, [f"line {fault['line']}" if fault["line"] else "", fault["field"]])
            )
            say(f"{row['id']}: {f'{place}: ' if place else ''}{fault['why']}")


def _covers(words: list[str]) -> str:
    """Say in plain words what a source has, shortened where it names many."""
    plainly = [one.replace("listings", "shares").replace(" of US", " in America") for one in words]
    plainly = [
        one.replace("pairs of currencies to currencies", "exchange rates") for one in plainly
    ]
    told = "; ".join(dict.fromkeys(plainly))
    return told if len(told) <= _WIDEST else f"{told[: _WIDEST - 1].rstrip(' ,;')}…"
