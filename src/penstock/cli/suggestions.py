"""`penstock suggestions`: what is likely and not certain, listed, accepted or refused."""

from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.failure import FAILED
from penstock.cli.flags import Command, Commands, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, print_json_array, say
from penstock.cli.words import full_id

if TYPE_CHECKING:
    from penstock.cli.client import Client

Row = dict[str, Any]
_STATES: Final = ("open", "accepted", "refused", "gone")
_LINES: Final = 10


@click.group(cls=Commands, invoke_without_command=True)
@click.option(
    "--state", type=click.Choice(_STATES), default="open", show_default=True, help="In this state."
)
@as_json
@pass_flags
@click.pass_context
def suggestions(context: click.Context, flags: Flags, state: str, *, as_json: bool) -> None:
    """List what is likely and not certain: nothing is done about it until you accept it.

    A pair: a posted row may be what became of a pending one. Reissued: a row may be an older one,
    told again under another id; refuse it where you paid the same twice. Twice: a file and a bank,
    or two files, may tell one row. A sweep: so many rows are
    no longer told by the bank that nobody takes them away unasked.
    """
    if context.invoked_subcommand is not None:
        return
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> None:
        rows = client.pages("/v1/suggestions", {"state": state})
        if as_json:
            await print_json_array(rows)
        else:
            _print([row async for row in rows], state)

    ask(flags, work)


@suggestions.command(cls=Command)
@click.argument("suggestion_ids", metavar="ID...", nargs=-1, required=True)
@as_json
@pass_flags
@click.pass_context
def accept(
    context: click.Context, flags: Flags, suggestion_ids: tuple[str, ...], *, as_json: bool
) -> None:
    """Do what is suggested. What you wrote on the rows stays.

    Ends with 1 where it could not be done any more, because the rows have changed.
    """
    _decide(context, flags, suggestion_ids, "accept", as_json=as_json)


@suggestions.command(cls=Command)
@click.argument("suggestion_ids", metavar="ID...", nargs=-1, required=True)
@as_json
@pass_flags
@click.pass_context
def refuse(
    context: click.Context, flags: Flags, suggestion_ids: tuple[str, ...], *, as_json: bool
) -> None:
    """Leave everything as it is. The same is not suggested again."""
    _decide(context, flags, suggestion_ids, "refuse", as_json=as_json)


def _decide(
    context: click.Context, flags: Flags, ids: tuple[str, ...], act: str, *, as_json: bool
) -> None:
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    numbers = [full_id("sug", one) for one in dict.fromkeys(ids)]

    async def work(client: Client) -> list[Row]:
        return [await _decided(client, number, act) for number in numbers]

    done = ask(flags, work)
    if as_json:
        print_json(done)
    for row in done:
        say(f"{row['id']}: {_OUTCOMES[row['state']]}")
    if any(row["state"] == "gone" for row in done):
        context.exit(FAILED)


async def _decided(client: "Client", number: str, act: str) -> Row:
    decided: Row = (await client.post(f"/v1/suggestions/{number}/{act}")).json()
    return decided


def _print(rows: list[Row], state: str) -> None:
    from penstock.cli.briefs import brief

    if not rows:
        say("Nothing waits for you." if state == "open" else f"There are none that are {state}.")
    for row in rows:
        click.echo(f"{row['id']}  {row['kind']}, {row['state']}: {row['reason']}")
        for one in row["rows"][:_LINES]:
            click.echo(f"  {one['role']:8}  {_printable(brief(one['transaction']))}")
        if row["row_count"] > _LINES:
            click.echo(f"  and {row['row_count'] - _LINES} more")
        click.echo()
    if rows and state == "open":
        say("`penstock suggestions accept ID` does it, `penstock suggestions refuse ID` does not.")


def _printable(text: str) -> str:
    from penstock.cli.failure import printable

    return printable(text).replace("\n", " ")


_OUTCOMES: Final = {
    "accepted": "done.",
    "refused": "refused; everything stays as it is.",
    "gone": "not done: what it spoke of is no longer so.",
}
