"""`penstock version`."""

import click

from penstock.cli.flags import Command, as_json


def installed_version() -> str:
    """Return the version of the installed distribution."""
    from importlib.metadata import version as of_distribution

    return of_distribution("penstock")


@click.command(cls=Command)
@as_json
def version(*, as_json: bool) -> None:
    """Print the version."""
    from penstock.cli.terminal import print_json

    if as_json:
        print_json({"version": installed_version()})
    else:
        click.echo(f"penstock {installed_version()}")
