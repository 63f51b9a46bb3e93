"""`penstock hooks`: whether the banks tell us by themselves that there is news, and where."""

import click

from penstock.cli.flags import Command, Flags, as_json, pass_flags


@click.command(cls=Command)
@as_json
@pass_flags
def hooks(flags: Flags, *, as_json: bool) -> None:
    """Show which banks tell us of news by themselves (webhooks), at which address, and when last.

    Where a bank has a way for programs, they are asked for by the first sync after
    PENSTOCK_PUBLIC_URL is set; else put the address where the table says.
    """
    from penstock.cli.listing import Column, Listing, plain, show
    from penstock.cli.words import minute

    columns = (
        plain("connection", "connection_id"),
        plain("bank", "connector"),
        Column("state", lambda row, _: _state(row)),
        Column("last heard (UTC)", lambda row, _: minute(row["last_at"])),
        plain("of", "last_kind"),
        Column("address", lambda row, _: row["url"] or "set PENSTOCK_PUBLIC_URL"),
    )
    empty = "No bank that you are connected with tells of news by itself."
    show(flags, Listing("/v1/hooks", columns, empty, {}), as_json=as_json)


def _state(row: dict[str, object]) -> str:
    if row["subscribed_at"]:
        return "asked for"
    return f"set it at {row['where']}" if row["where"] else "not asked for yet"
