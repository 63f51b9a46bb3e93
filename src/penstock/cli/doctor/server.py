"""The server, where the commands use one."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from penstock.cli.doctor.check import Check, fail, ok, warn
from penstock.cli.door import address_of
from penstock.cli.failure import Failed
from penstock.settings import Settings

_SECONDS: Final = 10
_APART: Final = timedelta(minutes=2)
_PARTS: Final = frozenset({"status", "database", "schema", "key"})


def checks(settings: Settings, *, now: datetime) -> Iterator[Check]:
    """Ask the server at PENSTOCK_URL whether it can work, and what time it has."""
    if settings.url is None:
        return
    try:
        address = address_of(settings.url, settings.profile)
        answer = httpx2.get(f"{address}/readyz", timeout=_SECONDS, follow_redirects=False)
    except Failed as failure:
        yield fail("server", failure.message, failure.remedy)
    except httpx2.TransportError as error:
        remedy = "See that `penstock serve` runs there, and that PENSTOCK_URL is right."
        yield fail("server", f"{settings.url} gives no answer: {type(error).__name__}", remedy)
    else:
        yield readiness(address, answer)
        yield from clocks(answer, now)


def readiness(address: str, answer: httpx2.Response) -> Check:
    """Read what `/readyz` says."""
    try:
        parts = answer.json()
    except ValueError:
        parts = None
    if not isinstance(parts, dict) or not parts.keys() >= _PARTS:
        remedy = "See that PENSTOCK_URL is the address of a Penstock server."
        return fail("server", f"{address} answers {answer.status_code}, but not as ours", remedy)
    bad = [name for name, state in parts.items() if state != "ok"]
    if bad or not answer.is_success:
        remedy = "Run `penstock doctor` on that machine, and look into its log."
        return fail("server", f"{address} is not ready: {', '.join(bad)}", remedy)
    return ok("server", f"{address} is ready")


def clocks(answer: httpx2.Response, now: datetime) -> Iterator[Check]:
    """Compare the server's clock with ours."""
    try:
        there = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return
    if abs(there - now) > _APART:
        remedy = "Set the clock of the machine that is wrong."
        yield warn("server", f"its clock has {there:%H:%M} UTC, ours {now:%H:%M}", remedy)
