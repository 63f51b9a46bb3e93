"""Where prices come from."""

from collections.abc import Iterator

from penstock.cli.doctor.check import Check, fail, ok, warn
from penstock.domain.errors import InvalidInput
from penstock.markets import sources_of
from penstock.quotes.standing import Known, Standing
from penstock.settings import Settings


def checks(settings: Settings) -> Iterator[Check]:
    """Say which sources of prices are in use, which are switched off, and what is broken."""
    try:
        known = sources_of(settings).all()
    except InvalidInput as error:
        remedy = error.remedy.text if error.remedy else ""
        yield fail("prices", error.message, f"Mend PENSTOCK_QUOTE_SOURCES. {remedy}".strip())
        return
    yield _used(known)
    for one in known:
        if one.standing is Standing.BROKEN:
            yield _broken(one, named=one.id in settings.quote_sources)
        if one.standing is Standing.NEEDS_KEY:
            found = f"the source {one.id} is not used: it wants a key"
            yield warn("prices", found, f"Set {', '.join(one.missing)}.")


def _used(known: list[Known]) -> Check:
    used = _names(known, Standing.IN_USE)
    if not used:
        remedy = "Name some in PENSTOCK_QUOTE_SOURCES, if you want prices."
        return warn("prices", "no source is in use", remedy)
    off = _names(known, Standing.SWITCHED_OFF)
    return ok("prices", f"in use: {used}{f'; switched off: {off}' if off else ''}")


def _names(known: list[Known], standing: Standing) -> str:
    return ", ".join(one.id for one in known if one.standing is standing)


def _broken(one: Known, *, named: bool) -> Check:
    found = f"the source {one.id} is not used: {one.why}"
    remedy = "Mend its file, and look again with `penstock sources check FILE`."
    return fail("prices", found, remedy) if named else warn("prices", found, remedy)
