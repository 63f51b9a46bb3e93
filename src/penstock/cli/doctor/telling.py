"""Who is told when something needs a person, and whether that works."""

import asyncio
from collections.abc import Iterator

from penstock.cli.doctor.check import Check, fail, ok, warn
from penstock.db import notices
from penstock.db.lane import Database
from penstock.domain.errors import TransportFailure
from penstock.domain.secret import Secret
from penstock.outbound.notify import fault_of, notify, scheme_of
from penstock.settings import Settings

_TRIAL = "This is a trial: you will hear when something needs a person."


def checks(settings: Settings, database: Database | None) -> Iterator[Check]:
    """Look at each address, and at how telling went.

    None: the database is not readable, or not at the newest schema.
    """
    addresses = _addresses(settings)
    faults = [fault for fault in map(fault_of, addresses) if fault is not None]
    yield from (fail("notices", fault.message, _todo(fault)) for fault in faults)
    failing = _failing(database) if addresses and database else []
    yield from failing
    count = len(addresses)
    if count and not faults and not failing:
        yield ok("notices", f"{count} {'address is' if count == 1 else 'addresses are'} told")


def trials(settings: Settings) -> Iterator[Check]:
    """Send a message to each address, and say whether it was taken."""
    addresses = _addresses(settings)
    if not addresses:
        yield fail("trial", "nobody is told", "Name somebody in PENSTOCK_NOTIFY.")
    for address in addresses:
        try:
            asyncio.run(notify(address, "Penstock: a trial", _TRIAL))
        except TransportFailure as fault:
            yield fail("trial", fault.message, _todo(fault))
        else:
            yield ok("trial", f"{scheme_of(address)} took a message")


def _addresses(settings: Settings) -> list[Secret]:
    written = settings.notify.get_secret_value() if settings.notify else ""
    return [Secret(one) for one in dict.fromkeys(written.split())]


def _failing(database: Database) -> list[Check]:
    remedy = "Mend the address in PENSTOCK_NOTIFY; it is tried again by itself."
    return [
        warn("notices", f"{one.target}: {one.failures} times in a row: {one.error}", remedy)
        for one in database.read_now(notices.targets).values()
        if one.failures
    ]


def _todo(fault: TransportFailure) -> str:
    return fault.remedy.text if fault.remedy else "Look into that server's log."
