"""`penstock demo`: the main job, from nothing to a ledger that adds up, on this machine alone."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.failure import FAILED, Misused
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json

if TYPE_CHECKING:
    from penstock.cli.demo.report import Report


@click.command(cls=Command)
@click.option(
    "--keep-home",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep the installation that it makes in this new folder, to look around in.",
)
@as_json
@pass_flags
@click.pass_context
def demo(context: click.Context, flags: Flags, keep_home: Path | None, *, as_json: bool) -> None:
    """See it work: link a bank, sync it, read it all again, and sync the difference.

    A fake bank listens on a free port of this machine, and a fresh home is made in a temporary
    folder. All of it is real: HTTP, OAuth with PKCE, the API, the database. Nothing is left
    behind, and no other installation is touched. Ends with 0 only if everything held.
    """
    from penstock.cli.demo.story import tell

    if keep_home is not None and keep_home.exists() and any(keep_home.iterdir()):
        raise Misused(f"{keep_home} is not empty", remedy="Name a new folder.")
    _quieten(verbose=flags.verbose)
    report = asyncio.run(tell(keep_home, say=_nothing if as_json else click.echo))
    if as_json:
        print_json(report.as_json())
    else:
        _conclude(report, keep_home)
    if not report.held:
        context.exit(FAILED)


def _quieten(*, verbose: bool) -> None:
    from penstock.observe.log import configure

    configure(json=False, level="DEBUG" if verbose else "CRITICAL")


def _nothing(_line: str = "") -> None:
    """Keep stdout for the JSON."""


def _conclude(report: "Report", home: Path | None) -> None:
    from penstock.cli.demo.ending import how_to_go_on

    click.echo()
    for broken in report.broken:
        click.echo(f"{click.style('BROKEN', fg='red', bold=True)}  {broken.in_words()}")
    held = sum(one.held for one in report.expectations)
    verdict = f"{held} of {len(report.expectations)} expectations held, in {report.seconds:.1f} s."
    click.secho(verdict, fg="green" if report.held else "red", bold=True)
    if report.held:
        click.echo(how_to_go_on(home))
