"""`penstock undo`: take back what the latest sync of a connection did."""

from typing import Any, Final

import click

from penstock.cli.flags import Command, Flags, pass_flags, shown_first
from penstock.cli.terminal import say
from penstock.cli.words import counted, full_id

Row = dict[str, Any]
_SHOWN: Final = 20


@click.command(cls=Command)
@click.argument("run", metavar="RUN")
@shown_first
@pass_flags
@click.pass_context
def undo(
    context: click.Context, flags: Flags, run: str, *, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Take back what the sync RUN did, if it is the latest of its connection that changed rows.

    It shows first what that means, and asks. Rows that you changed since stay, and are listed. The
    connection rests afterwards: `penstock sync` brings the same again. Without a terminal and
    without --yes nothing is changed, and it ends with 2. `penstock syncs` lists the syncs.
    """
    from penstock.cli.client import Client
    from penstock.cli.door import ask
    from penstock.cli.trying import How, attempt

    how = How(yes=yes, dry_run=dry_run, as_json=as_json)
    number = full_id("run", run)

    async def tell(client: Client, would: Row) -> None:
        from penstock.cli.briefs import say_briefs

        say(
            f"{number}: {counted(would['restored'], 'row')} as before, "
            f"{would['deleted']} gone, "
            f"{len(would['kept']) + len(would['kept_holdings'])} left alone."
        )
        if would["kept"]:
            say("These changed again since, and stay as they are:")
            paths = [f"/v1/transactions/{one}" for one in would["kept"][:_SHOWN]]
            say_briefs([await client.get(path) for path in paths], len(would["kept"]))
        if would["kept_holdings"]:
            names = ", ".join(would["kept_holdings"][:_SHOWN])
            say(f"Holdings that changed again since, and stay as they are: {names}")

    async def work(client: Client) -> tuple[Row, bool]:
        path = f"/v1/syncs/{number}/undo"
        return await attempt(client, path, tell, lambda _: "Undo it?", how)

    answer, done = ask(flags, work)
    if done:
        say("Undone. What waits for you now: `penstock connections`.")
    how.end(context, answer, done=done, needed=True)
