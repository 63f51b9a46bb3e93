"""`penstock securities`: what is held, by all its names; and what a person says of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.flags import Command, Commands, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, say
from penstock.cli.values import CURRENCY, DAY
from penstock.cli.words import full_id

if TYPE_CHECKING:
    from penstock.cli.client import Client

Row = dict[str, Any]
_EMPTY: Final = "There are no such securities: `penstock sync` reads what your accounts hold."
_FIELDS: Final = "name type currency instrument ticker mic isin figi cusip".split()


@click.group(cls=Commands, invoke_without_command=True)
@click.option("--symbol", help="With this ticker.")
@click.option("--isin", help="That has or had this ISIN.")
@click.option("--held/--not-held", default=None, help="Held now, or no more.")
@click.option("--limit", type=click.IntRange(1), help="So many at the most.")
@as_json
@pass_flags
@click.pass_context
def securities(
    context: click.Context,
    flags: Flags,
    symbol: str | None,
    isin: str | None,
    held: bool | None,
    limit: int | None,
    *,
    as_json: bool,
) -> None:
    """List what you hold, or held: one line a security, whoever tells of it.

    The same thing at two brokers is one security. What our quotes call it stands under
    `instrument`; empty, nothing certain is known, and `penstock securities set` says it.
    """
    if context.invoked_subcommand is not None:
        return
    from penstock.cli.listing import Listing, plain, show

    columns = tuple(plain(name, name) for name in ("id", "name", "type", "instrument", "isin"))
    wanted = None if held is None else str(held).lower()
    parameters = {"symbol": symbol, "isin": isin, "held": wanted}
    listing = Listing("/v1/securities", columns, _EMPTY, parameters, limit)
    show(flags, listing, as_json=as_json)


@securities.command(cls=Command)
@click.argument("security_id", metavar="ID")
@as_json
@pass_flags
def show(flags: Flags, security_id: str, *, as_json: bool) -> None:
    """Show a security: its names and since when, what happened to it, what is suggested."""
    number = full_id("sec", security_id)
    _tell(flags, lambda client: client.get(f"/v1/securities/{number}"), as_json=as_json)


@securities.command(cls=Command, name="set")
@click.argument("security_id", metavar="ID")
@click.option("--name", help="What you call it.")
@click.option("--type", help="stock, etf, fund, bond, crypto, option, cash, other.")
@click.option("--currency", type=CURRENCY, metavar="CODE", help="What it is traded in.")
@click.option("--instrument", help="What our quotes call it: SAP:XETR, AAPL:US, BTC/USD.")
@click.option("--ticker", help="Its ticker.")
@click.option("--mic", help="The market of the ticker, by its MIC: XETR.")
@click.option("--isin", help="Its ISIN.")
@click.option("--figi", help="Its FIGI.")
@click.option("--cusip", help="Its CUSIP.")
@click.option("--clear", type=click.Choice(_FIELDS), multiple=True, help="Take your word back.")
@as_json
@pass_flags
def set_(
    flags: Flags, /, security_id: str, clear: tuple[str, ...], *, as_json: bool, **said: str | None
) -> None:
    """Say what a security is. Your word stands above what connectors tell."""
    body: dict[str, str | None] = {name: one for name, one in said.items() if one is not None}
    if not body and not clear:
        raise click.UsageError("Say what to set, or --clear.")
    body |= dict.fromkeys(clear)  # null takes one's word back
    number = full_id("sec", security_id)
    _tell(
        flags,
        lambda client: _sent(client, f"/v1/securities/{number}", body, "PATCH"),
        as_json=as_json,
    )


@securities.command(cls=Command)
@click.argument("security_id", metavar="ID")
@click.argument("other_id", metavar="OTHER")
@as_json
@pass_flags
def merge(flags: Flags, security_id: str, other_id: str, *, as_json: bool) -> None:
    """Make one of two. The older goes on."""
    body = {"other": full_id("sec", other_id)}
    _post(flags, security_id, "merge", body, as_json=as_json)


@securities.command(cls=Command)
@click.argument("security_id", metavar="ID")
@click.argument("holding_ids", metavar="HOLDING...", nargs=-1, required=True)
@as_json
@pass_flags
def part(flags: Flags, security_id: str, holding_ids: tuple[str, ...], *, as_json: bool) -> None:
    """Make some of its holdings those of another security, for good."""
    body = {"holdings": [full_id("hol", one) for one in holding_ids]}
    _post(flags, security_id, "part", body, as_json=as_json)


@securities.command(cls=Command)
@click.argument("security_id", metavar="ID")
@click.option("--ratio", required=True, help="New shares for old ones: 4:1.")
@click.option("--day", type=DAY, required=True, help="The first day with the new ones.")
@as_json
@pass_flags
def split(flags: Flags, security_id: str, ratio: str, day: str, *, as_json: bool) -> None:
    """Note a split. Nothing that is stored changes: what is shown over time is adjusted."""
    _post(flags, security_id, "splits", {"ratio": ratio, "day": day}, as_json=as_json)


@securities.command(cls=Command)
@click.argument("security_id", metavar="ID")
@click.option("--ticker", help="The new ticker.")
@click.option("--mic", help="The new market, by its MIC.")
@click.option("--isin", help="The new ISIN.")
@click.option("--day", type=DAY, required=True, help="The first day of the new names.")
@as_json
@pass_flags
def rename(
    flags: Flags, /, security_id: str, day: str, *, as_json: bool, **names: str | None
) -> None:
    """Note new names from a day on. Prices of before are asked for by the old ones."""
    body = {name: value for name, value in names.items() if value} | {"day": day}
    _post(flags, security_id, "renames", body, as_json=as_json)


@securities.command(cls=Command)
@click.argument("security_id", metavar="ID")
@click.argument("event_id", metavar="EVENT")
@as_json
@pass_flags
def accept(flags: Flags, security_id: str, event_id: str, *, as_json: bool) -> None:
    """Let a suggested split or change of names count."""
    _post(flags, security_id, f"events/{full_id('sev', event_id)}/accept", None, as_json=as_json)


@securities.command(cls=Command)
@click.argument("security_id", metavar="ID")
@click.argument("event_id", metavar="EVENT")
@as_json
@pass_flags
def refuse(flags: Flags, security_id: str, event_id: str, *, as_json: bool) -> None:
    """Leave everything as it is. The same is not suggested again."""
    _post(flags, security_id, f"events/{full_id('sev', event_id)}/refuse", None, as_json=as_json)


@securities.command(cls=Command)
@click.argument("security_id", metavar="ID")
@click.argument("event_id", metavar="EVENT")
@pass_flags
def forget(flags: Flags, security_id: str, event_id: str) -> None:
    """Take back a split or a change of names that was none."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    path = f"/v1/securities/{full_id('sec', security_id)}/events/{full_id('sev', event_id)}"

    async def work(client: Client) -> None:
        await client.ask("DELETE", path)

    ask(flags, work)
    say("Taken back.")


def _post(flags: Flags, security_id: str, act: str, body: object, *, as_json: bool) -> None:
    path = f"/v1/securities/{full_id('sec', security_id)}/{act}"
    _tell(flags, lambda client: _sent(client, path, body, "POST"), as_json=as_json)


async def _sent(client: "Client", path: str, body: object, method: str) -> Row:
    done: Row = (await client.ask(method, path, body=body)).json()
    return done


def _tell(flags: Flags, act: Callable[["Client"], Any], *, as_json: bool) -> None:
    from penstock.cli.door import ask

    async def work(client: "Client") -> Row:
        found: Row = await act(client)
        return found

    row = ask(flags, work)
    if as_json:
        print_json(row)
    elif "identifiers" in row:
        _print_security(row)
    else:
        say(f"{row['id']}: {_event(row)}, {row['state']}.")


def _print_security(row: Row) -> None:
    from penstock.cli.failure import printable

    def line(text: str) -> None:
        click.echo(printable(text).replace("\n", " "))

    line(f"{row['id']}  {row['name']} ({row['type']}, {row['currency']})")
    line(f"  instrument  {row['instrument'] or 'none: nothing certain is known'}")
    for one in row["identifiers"]:
        until = f" until {one['until']}" if one["until"] else ""
        told = ", ".join(one["sources"])
        line(f"  {one['kind']:10}  {one['value']}  since {one['since']}{until}  ({told})")
    for one in row["events"]:
        line(f"  {one['day']}  {_event(one)}  ({one['source']}, {one['id']})")
    for one in row["suggestions"]:
        line(f"  suggested   {_event(one)} on {one['day']}: {one['reason']}  ({one['id']})")
    for one in row["conflicts"]:
        line(
            f"  conflict    {one['kind']} {one['value']} is also told of "
            + ", ".join(one["with_ids"])
        )
    if row["merged_into"]:
        line(f"  merged into {row['merged_into']}")
    if row["suggestions"]:
        say("`penstock securities accept ID EVENT` lets one count, `refuse` does not.")


def _event(row: Row) -> str:
    if row["kind"] == "split":
        return f"split {row['ratio']}"
    if row["kind"] == "merge":
        return f"took over {row['other_id']}"
    old = ", ".join(row[name] for name in ("old_ticker", "old_mic", "old_isin") if row[name])
    new = ", ".join(row[name] for name in ("new_ticker", "new_mic", "new_isin") if row[name])
    return f"was {old or 'nameless'}, is {new}"
