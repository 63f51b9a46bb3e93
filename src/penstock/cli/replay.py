"""`penstock replay`: read once more what the bank said, without asking it."""

from typing import Any

import click

from penstock.cli.flags import Command, Flags, pass_flags, shown_first
from penstock.cli.terminal import say
from penstock.cli.words import counted, full_id

Row = dict[str, Any]


@click.command(cls=Command)
@click.argument("connection", metavar="CONNECTION")
@shown_first
@pass_flags
@click.pass_context
def replay(
    context: click.Context,
    flags: Flags,
    connection: str,
    *,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Read all that the bank ever said once more, with the program as it is now.

    For after an update that reads something better. The bank is not asked; fields of rows change,
    and nothing else: no row comes or goes, and what you wrote stays. It shows first what would
    change, and asks. Without a terminal and without --yes nothing is changed, and it ends with 2.
    """
    from penstock.cli.client import Client
    from penstock.cli.door import ask
    from penstock.cli.trying import How, attempt

    how = How(yes=yes, dry_run=dry_run, as_json=as_json)
    number = full_id("con", connection)

    async def tell(_: Client, would: Row) -> None:
        _tell(would)

    async def work(client: Client) -> tuple[Row, bool]:
        path = f"/v1/connections/{number}/replay"
        return await attempt(client, path, tell, _question, how)

    answer, done = ask(flags, work)
    if done:
        say(f"Done. `penstock undo {answer['sync_id']}` takes it back.")
    how.end(context, answer, done=done, needed=bool(_question(answer)))


def _question(would: Row) -> str:
    return f"Change {counted(would['changed'], 'row')}?" if would["changed"] else ""


def _tell(would: Row) -> None:
    say(f"Read again: {counted(would['updates'], 'update')}. Changed: {_rows(would['changed'])}.")
    if would["unmapped"]:
        say(f"Still unreadable: {_rows(would['unmapped'])}; see `penstock quarantine list`.")
    for one in would["examples"]:
        for field in one["fields"]:
            before, after = (_written(field[side]) for side in ("before", "after"))
            say(f"  {one['transaction_id']}  {field['field']}: {before} -> {after}")
    if would["changed"] > len(would["examples"]) > 0:
        say(f"  and {_rows(would['changed'] - len(would['examples']))} more")


def _rows(number: int) -> str:
    return counted(number, "row")


def _written(value: str | None) -> str:
    return "nothing" if value is None else repr(value)
