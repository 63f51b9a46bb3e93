"""Where prices come from."""

from collections.abc import Iterator

from penstock.cli.doctor.check import Check, fail, ok, warn
from penstock.domain.errors import InvalidInput
from penstock.quotes.catalogue import all_sources, sources_named
from penstock.settings import Settings


def checks(settings: Settings) -> Iterator[Check]:
    """Say which sources of prices are in use, and which are switched off."""
    try:
        used = [source.id for source in sources_named(settings.quote_sources)]
    except InvalidInput as error:
        known = ", ".join(source.id for source in all_sources())
        yield fail("prices", error.message, f"Set PENSTOCK_QUOTE_SOURCES to some of {known}.")
        return
    if not used:
        remedy = "Name some in PENSTOCK_QUOTE_SOURCES, if you want prices."
        yield warn("prices", "no source is in use", remedy)
        return
    off = [source.id for source in all_sources() if source.id not in used]
    idle = f"; switched off: {', '.join(off)}" if off else ""
    yield ok("prices", f"in use: {', '.join(used)}{idle}")
