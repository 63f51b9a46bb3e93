"""`penstock syncs`: what each sync did, and why it ended so."""

import click

from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.words import full_id


@click.command(cls=Command)
@click.option("--connection", metavar="ID", help="Of this connection only.")
@click.option("--limit", type=click.IntRange(1), help="So many at the most, the newest first.")
@as_json
@pass_flags
def syncs(flags: Flags, connection: str | None, limit: int | None, *, as_json: bool) -> None:
    """List past syncs, the newest first: what each did, and why it ended so."""
    from penstock.cli.listing import Listing, show
    from penstock.cli.sync_words import COLUMNS

    parameters = {"connection": full_id("con", connection) if connection else None}
    listing = Listing("/v1/syncs", COLUMNS, "Nothing was synced yet.", parameters, limit)
    show(flags, listing, as_json=as_json)
