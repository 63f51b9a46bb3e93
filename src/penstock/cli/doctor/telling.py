"""Who is told when something needs a person, and whether that works."""

import importlib.util
from collections.abc import Iterator

from penstock.cli.doctor.check import Check, fail, ok, warn
from penstock.db import notices
from penstock.db.lane import Database
from penstock.settings import Settings


def checks(settings: Settings, database: Database) -> Iterator[Check]:
    """Look at how telling went. The database is readable and at the newest schema."""
    if settings.notify is None:
        return
    if importlib.util.find_spec("apprise") is None:
        yield fail("notices", "Apprise is not installed", "Install the extra: `penstock[notify]`.")
        return
    count = len(settings.notify.get_secret_value().split())
    failing = [one for one in database.read_now(notices.targets).values() if one.failures]
    for one in failing:
        remedy = "Mend the address in PENSTOCK_NOTIFY; it is tried again by itself."
        found = f"{one.target}: {one.failures} times in a row: {one.error}"
        yield warn("notices", found, remedy)
    if not failing:
        yield ok("notices", f"{count} {'address is' if count == 1 else 'addresses are'} told")
