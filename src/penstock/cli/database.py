"""`penstock db`: bring the database to the newest schema, and see that it is sound."""

from typing import TYPE_CHECKING

import click

from penstock.cli.failure import FAILED, Failed, printable
from penstock.cli.flags import Command, Commands, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, say

if TYPE_CHECKING:
    from penstock.db.migrations import Revisions


@click.group("db", cls=Commands)
def database() -> None:
    """Upgrade and check the database of the installation in the home folder."""


@database.command(cls=Command)
@pass_flags
def upgrade(flags: Flags) -> None:
    """Bring the database to the newest schema. A SQLite file is copied beside itself first."""
    from penstock.cli.door import quieten
    from penstock.cli.files import make_private_folder
    from penstock.db import migrations

    settings = flags.settings()
    quieten(settings, verbose=flags.verbose)
    if not settings.database_url:
        make_private_folder(settings.home)
    before = _revisions(settings.database)
    if before.newest:
        say(f"The database has the newest schema already: {before.wanted}.")
        return
    if before.stored is not None and settings.database.startswith("sqlite:"):
        migrations.prepare(settings.database)
    else:
        migrations.upgrade(settings.database)
    say(f"The database went from schema {before.stored or 'none'} to {before.wanted}.")


@database.command(cls=Command)
@as_json
@pass_flags
@click.pass_context
def check(context: click.Context, flags: Flags, *, as_json: bool) -> None:
    """See that the database is whole, and keeps every promise.

    Reads all of it and changes nothing: the schema, the pages and references, the key, and our
    own rules, such as that no row is without its account. Exits with 1 where something is wrong.
    """
    from penstock.cli.doctor import books, store
    from penstock.cli.doctor.check import State
    from penstock.cli.door import quieten
    from penstock.domain.clock import utc_now

    settings = flags.settings()
    quieten(settings, verbose=flags.verbose)
    with store.opened(settings) as opened:
        if opened is None and not settings.database_url:
            raise Failed(
                f"there is no database in {settings.home}",
                remedy="Make one: `penstock db upgrade`.",
            )
        checks = list(store.checks(settings, opened, now=utc_now(), more=books.checks))
    failed = any(one.state is State.FAIL for one in checks)
    if as_json:
        print_json({"ok": not failed, "checks": [one.as_json() for one in checks]})
    else:
        for one in checks:
            click.echo(printable(f"{one.state:<4}  {one.what:<12}  {one.found}"))
            if one.remedy:
                click.echo(printable(f"{'':<20}{one.remedy}"))
    if failed:
        context.exit(FAILED)


def _revisions(url: str) -> "Revisions":
    from penstock.db.connect import open_database
    from penstock.db.migrations import revisions

    opened = open_database(url)
    try:
        return opened.read_now(revisions)
    finally:
        opened.close()
