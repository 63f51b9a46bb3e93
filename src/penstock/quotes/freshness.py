"""How long an answer is fresh, and how its source is asked whether it still holds (RFC 9111)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from penstock.domain.pricing import Kept
from penstock.domain.quote import Quote
from penstock.domain.request import Response
from penstock.quotes.declaration import Declaration

LONGEST_FRESH: Final = timedelta(hours=1)
"""No longer than this is a source believed that its prices hold."""

CONDITIONS: Final = frozenset(["If-None-Match", "If-Modified-Since"])
"""The headers of a request that only wants news."""

_DIRECTIVE: Final = re.compile(r"(?:^|[,\s])(max-age|no-store|no-cache)(?:\s*=\s*\"?(\d{1,9}))?")
_CLEAN: Final = re.compile(r"[!-~][ -~]{0,255}")
_LONGEST_HEADER: Final = 1024


def kept_at(source: Declaration, url: str) -> str:
    """Return under which address an answer is kept: as the declaration read it, it is its own."""
    return f"{source.edition} {url}"


def kept_from(source: Declaration, address: str, headers: Mapping[str, str], now: datetime) -> Kept:
    """Return what is kept of an answer, as yet without quotes.

    It is fresh as long as the declaration says, or longer if the answer says so (`Cache-Control:
    max-age` less `Age`, at most an hour).
    """
    said = _said_fresh(headers)
    fresh = timedelta(seconds=source.politeness.ttl)
    etag, modified = (_clean(headers.get(name)) for name in ("etag", "last-modified"))
    if said is None:  # The source wants nothing of it kept: the price is, the validators are not.
        etag = modified = None
    else:
        fresh = max(fresh, min(said, LONGEST_FRESH))
    return Kept(source.id, address, {}, now, now + fresh, etag, modified)


def alone(kept: Kept, address: str) -> Kept:
    """Return what is kept of one of a batch: what revalidates that is not its own."""
    if kept.address == address:
        return kept
    return replace(kept, address=address, etag=None, last_modified=None)


def revalidated(
    source: Declaration,
    kept: Kept,
    response: Response,
    now: datetime,
    quotes: Mapping[str, Quote],
) -> Kept:
    """Return what is kept after a 304: fresh again; its validators stay where none came."""
    new = kept_from(source, kept.address, response.headers, now)
    return Kept(
        source.id,
        kept.address,
        quotes,
        now,
        new.fresh_until,
        new.etag or kept.etag,
        new.last_modified or kept.last_modified,
    )


def is_of(kept: Kept, response: Response) -> bool:
    """Say whether a 304 is about the answer that is kept (RFC 9111 §4.3.4).

    One with another entity tag than ours speaks of an answer that we never had.
    """
    named = response.headers.get("etag")
    return not (named and kept.etag) or _bare(named) == _bare(kept.etag)


def _bare(etag: str) -> str:
    return etag.strip().removeprefix("W/")


def validators(kept: Kept) -> dict[str, str]:
    """Return the headers that ask whether a kept answer still holds (RFC 9110 \u00a713.1)."""
    headers = {}
    if kept.etag:
        headers["If-None-Match"] = kept.etag
    if kept.last_modified:
        headers["If-Modified-Since"] = kept.last_modified
    return headers


def _said_fresh(headers: Mapping[str, str]) -> timedelta | None:
    """Return for how long the answer calls itself fresh, None where it must not be stored."""
    control = headers.get("cache-control", "")[:_LONGEST_HEADER].lower()
    if not control:
        return timedelta(0)
    said = {found[1]: found[2] for found in _DIRECTIVE.finditer(control)}
    if "no-store" in said:
        return None
    if "no-cache" in said:
        return timedelta(0)
    age = headers.get("age", "").strip()
    spent = int(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0  # noqa: PLR2004 - seconds
    return timedelta(seconds=max(int(said.get("max-age") or 0) - spent, 0))


def _clean(header: str | None) -> str | None:
    """Return a validator that can be sent back as it is, None for any other."""
    return header if header and _CLEAN.fullmatch(header) else None
