"""`penstock audit`: who did what, and the proof that nobody changed the log of it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.failure import FAILED, Failed, printable
from penstock.cli.flags import Command, Commands, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, say
from penstock.cli.words import minute

if TYPE_CHECKING:
    from penstock.db.audit_check import Verdict

Row = dict[str, Any]


@click.group(cls=Commands)
def audit() -> None:
    """See who did what, when and from where, and that nobody changed the log of it."""


@audit.command("list", cls=Command)
@click.option("--kind", metavar="KIND", help="Only deeds of this kind, such as signed_in.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Of this day (UTC) or later."
)
@click.option("--limit", type=click.IntRange(1), help="So many at the most; without: 100.")
@as_json
@pass_flags
def list_(
    flags: Flags, kind: str | None, since: datetime | None, limit: int | None, *, as_json: bool
) -> None:
    """List deeds, the newest first: all of them for an admin, else your own."""
    from penstock.cli.listing import Column, Listing, plain, show

    columns = (
        plain("number", "number", right=True),
        Column("at (UTC)", lambda row, _: minute(row["at"])),
        plain("what", "kind"),
        plain("whom", "user_id"),
        plain("of what", "subject"),
        Column("by", lambda row, _: row["actor_id"] or row["via"]),
        plain("from", "address"),
        Column("facts", lambda row, _: _facts(row)),
    )
    parameters = {"kind": kind, "since": f"{since:%Y-%m-%d}" if since else None}
    listing = Listing("/v1/audit", columns, "There is no such deed.", parameters, limit)
    show(flags, listing, as_json=as_json)


@audit.command(cls=Command)
@click.option(
    "--head",
    metavar="NUMBER:MAC",
    help="A head that you kept elsewhere: each `audit_recorded` in the log has one.",
)
@as_json
@pass_flags
@click.pass_context
def verify(context: click.Context, flags: Flags, *, head: str | None, as_json: bool) -> None:
    """Read the whole log of the installation in the home folder, and prove that it is whole.

    With --head it is proved too that no older copy of the database was put back since. It ends
    with 0 only if no record was changed, taken out, added or cut off; else it names the first.
    """
    from penstock.cli.door import quieten

    settings = flags.settings()
    quieten(settings, verbose=flags.verbose)
    found = _verify(flags, head)
    fault = found.fault
    if as_json:
        told = {"number": fault.number, "proves": fault.proves} if fault else None
        print_json(
            {
                "ok": fault is None,
                "records": found.records,
                "head": str(found.head) if found.records else None,
                "fault": told,
            }
        )
    elif fault is None:
        counted = f"{found.records} records" if found.records != 1 else "1 record"
        click.echo(f"Whole: {counted}.")
        if found.records:
            click.echo(f"Head: {found.head}")
    if fault is not None:
        say(printable(f"Broken at record {fault.number}: {fault.proves}"))
        say(f"The {found.records} before it are as they were written.")
        context.exit(FAILED)


def _verify(flags: Flags, head: str | None) -> "Verdict":
    from penstock.cli.doctor import store
    from penstock.db.audit import AuditLog
    from penstock.db.audit_check import read_head, verify
    from penstock.db.migrations import revisions
    from penstock.engine.unlock import peek
    from penstock.store import key_place

    settings = flags.settings()
    expected = read_head(head) if head else None
    with store.opened(settings) as database:
        if database is None or not database.read_now(revisions).newest:
            raise Failed(
                f"there is no database of this version in {settings.home}",
                remedy="See that --home or PENSTOCK_DATABASE_URL is right; `penstock db upgrade`.",
            )
        log = AuditLog(peek(database, key_place(settings)).cipher)
        return database.snapshot_now(verify, log, expected=expected)


def _facts(row: Row) -> str:
    return " ".join(f"{name}={value}" for name, value in row["facts"].items())
