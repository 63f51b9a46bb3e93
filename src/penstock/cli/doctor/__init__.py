"""`penstock doctor`: what is wrong here, and how to mend it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from penstock.cli.doctor.check import Check, State
from penstock.cli.failure import FAILED, printable
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json

if TYPE_CHECKING:
    from penstock.settings import Settings

_STYLE = {State.OK: "green", State.WARN: "yellow", State.FAIL: "red"}


@click.command(cls=Command)
@as_json
@click.option("--notify", is_flag=True, help="Send a trial message to who is told of trouble.")
@click.option("--security", is_flag=True, help="Grade it by the security checklist instead.")
@pass_flags
@click.pass_context
def doctor(
    context: click.Context, flags: Flags, *, as_json: bool, notify: bool, security: bool
) -> None:
    """Look at this installation, and say what is wrong and what to do. Nothing is changed.

    Ends with 1 if a check fails; a warning alone does not. --security looks at every row of the
    security checklist, with what it found of each; the one address that it asks is
    PENSTOCK_PUBLIC_URL.
    """
    from penstock.cli.doctor import telling
    from penstock.cli.door import quieten

    settings = flags.settings()
    quieten(settings, verbose=flags.verbose)
    if security:
        _grade(context, settings, as_json=as_json)
        return
    checks = [*examine(settings), *(telling.trials(settings) if notify else [])]
    failed = [check for check in checks if check.state is State.FAIL]
    if as_json:
        print_json({"ok": not failed, "checks": [check.as_json() for check in checks]})
    else:
        for check in checks:
            _print(check)
    if failed:
        context.exit(FAILED)


def _grade(context: click.Context, settings: "Settings", *, as_json: bool) -> None:
    from penstock.cli.doctor import security

    rows = security.examine(settings)
    told = security.as_json(rows)
    if as_json:
        print_json(told)
    else:
        security.show(rows)
    if not told["ok"]:
        context.exit(FAILED)


def examine(settings: "Settings") -> Iterator[Check]:
    """Yield every check of this installation."""
    from penstock.cli.doctor import banks, home, machine, prices, rates, server, store, telling
    from penstock.domain.clock import utc_now

    now = utc_now()
    yield from machine.checks()
    yield from home.checks(settings)
    with store.opened(settings) as database:
        stored = list(store.checks(settings, database, now=now))
        yield from stored
        yield from banks.connector_checks(settings)
        sound = all(check.state is not State.FAIL for check in stored)
        if database is not None and sound:
            yield from banks.connection_checks(settings, database, now=now)
            yield from prices.standing_checks(database, now=now)
            yield from prices.held_checks(database)
            yield from rates.checks(settings, database, now=now)
        yield from telling.checks(settings, database if sound else None)
    yield from prices.checks(settings)
    yield from server.checks(settings, now=now)


def _print(check: Check) -> None:
    state = click.style(f"{check.state:<4}", fg=_STYLE[check.state], bold=True)
    click.echo(f"{state}  {check.what:<12}  {printable(check.found)}")
    if check.remedy:
        click.echo(f"{'':<20}{printable(check.remedy)}")
