"""Official exchange rates, fetched when there are new ones, and kept without a gap.

Of a publisher's documents the smallest is asked that closes the gap since the day up to which all
rates are stored: the newest day alone, the last three months, or all. One that turns out not to
close it is followed by the next larger one. A document is read through before anything of it is
stored; then it goes into the database in pieces, and only when all of them are there does it say
so. Whoever is stopped in between begins again where that is not said yet.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from penstock.db import rates
from penstock.db.lane import Database
from penstock.db.rates import Difference, Document, Stored
from penstock.domain import target
from penstock.domain.clock import Clock
from penstock.domain.errors import PenstockError
from penstock.domain.pricing import Gate, Visit
from penstock.domain.protocol import Sender
from penstock.domain.publisher import Edition, Publisher
from penstock.domain.quote import LayoutChanged, RateLimited, SourceDisabled, SourceUnavailable
from penstock.domain.rate import Stated
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request, Response
from penstock.domain.retry_after import retry_after
from penstock.observe.log import get_logger

AT_ONCE: Final = 4000
"""Rates a transaction: some months of all currencies."""
MOST_JUMP: Final = 3
"""A currency that costs three times what it did a month ago was written with another point."""
_MONTH: Final = timedelta(days=31)
_DAY: Final = timedelta(days=1)
_PACE: Final = timedelta(seconds=1)

_log = get_logger("penstock.rates")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a look brought: of which document, how many rates, and up to which day all are there."""

    edition: str | None = None
    added: int = 0
    through: date | None = None
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class _Span:
    """The days of a document."""

    oldest: date
    newest: date


class RateKeeper:
    """Keeps one publisher's rates. `database` is the program's own: rates are everybody's.

    One that is not `in_use`, since the operator did not name it, is never asked.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        send: Sender,
        gate: Gate,
        clock: Clock,
        *,
        in_use: bool = True,
    ) -> None:
        self.in_use = in_use
        self._database = database
        self._publisher = publisher
        self._send = send
        self._gate = gate
        self._clock = clock
        self._one = asyncio.Lock()

    async def next_due(self) -> datetime:
        """Return when to look next; now or earlier means at once."""
        known = await self._known()
        asked = max((one.asked_at for one in known.values()), default=None)
        return target.next_due(self._clock(), _through(known), asked_at=asked)

    async def refresh(self) -> Refreshed:
        """Ask for what is missing, store it, and return what was new.

        Raises QuoteError: SourceDisabled, RateLimited or QuotaSpent where we may not ask (now),
        SourceUnavailable, LayoutChanged where what came is no table of rates. Then nothing of it
        is stored.
        """
        if not self.in_use:
            raise _disabled(self._publisher)
        async with self._one:
            known = await self._known()
            through, total = _through(known), Refreshed(through=_through(known))
            for edition in self._worth_asking(through):
                kept = known.get(edition.name, Document(edition.name, self._clock()))
                response = await self._ask(edition, kept)
                if response is None:
                    return total
                span = await asyncio.to_thread(self._span, response.body, await self._last(through))
                stored = await self._store(response.body)
                closes = edition.reach is None or (
                    through is not None and span.oldest <= target.next_open(through)
                )
                if closes:
                    through = max(span.newest, through or span.newest)
                    await self._note(_read(kept, response, through, self._clock()))
                total = _and(total, edition, stored, through)
                if closes:
                    break
            return total

    def _worth_asking(self, through: date | None) -> Sequence[Edition]:
        """Return the editions that may close the gap, the smallest first; the last one has all."""
        editions = self._publisher.editions
        if through is None:
            return editions[-1:]
        awaited, today = target.next_open(through), self._clock().date()
        newest = target.newest(self._clock())
        fitting = [
            place
            for place, one in enumerate(editions)
            if one.reach is None or awaited >= newest or today - awaited < one.reach
        ]
        return editions[fitting[0] :]

    async def _ask(self, edition: Edition, kept: Document) -> Response | None:
        """Return the document, None where it is still the one that was read already."""
        host = urlsplit(edition.url).netloc
        visit = Visit(self._publisher.source, self._publisher.title, host, _PACE)
        headers = {"If-None-Match": kept.etag, "If-Modified-Since": kept.last_modified}
        given = {name: value for name, value in headers.items() if value and kept.through}
        request = Request("GET", edition.url, given, authorized=False)
        async with self._gate.visit(visit):
            await self._note(replace(kept, asked_at=self._clock()))
            try:
                response = await self._send(request)
            except PenstockError as error:
                await self._gate.heard(visit, None, self._clock())
                title = self._publisher.title
                raise SourceUnavailable(f"{title}: {error.message}", source=visit.source) from error
            await self._gate.heard(visit, response, self._clock())
        return self._checked(response)

    def _checked(self, response: Response) -> Response | None:
        title, source = self._publisher.title, self._publisher.source
        if response.status == HTTPStatus.NOT_MODIFIED:
            return None
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            now = self._clock()
            seconds = retry_after(response.headers.get("retry-after"), now)
            raise RateLimited(
                f"{title} says that we ask too often.",
                retry_at=now + timedelta(seconds=60 if seconds is None else seconds),
                source=source,
            )
        if response.status != HTTPStatus.OK:
            raise SourceUnavailable(f"{title} answered {response.status}.", source=source)
        return response

    def _span(self, body: bytes, last: dict[str, Stated]) -> _Span:
        """Read a document through. Raises LayoutChanged for one of which nothing may be stored."""
        tomorrow = self._clock().date() + _DAY
        oldest, newest = date.max, date.min
        beside = dict(last)
        for one in self._publisher.read(body):
            if one.day > tomorrow:
                raise LayoutChanged(f"The document has rates of {one.day}, which is yet to come.")
            oldest, newest = min(oldest, one.day), max(newest, one.day)
            _check_jump(beside.get(one.currency), one)
            beside[one.currency] = one
        return _Span(oldest, newest)

    async def _store(self, body: bytes) -> Stored:
        """Put a document into the database, in pieces, so that others get their turn at writing."""
        added, found = 0, list[Difference]()
        read = self._publisher.read(body)
        while piece := await asyncio.to_thread(lambda: list(islice(read, AT_ONCE))):
            stored = await self._database.write(
                rates.store, piece, source=self._publisher.source, now=self._clock()
            )
            added += stored.added
            found += stored.differences
        for one in found:
            _log.warning("rate_differs", extra={"currency": one.currency, "day": str(one.day)})
        return Stored(added, tuple(found))

    async def _last(self, through: date | None) -> dict[str, Stated]:
        """Return the rates of the last day that is stored."""
        if through is None:
            return {}
        return await self._database.read(rates.of_day, through, source=self._publisher.source)

    async def _known(self) -> dict[str, Document]:
        known = await self._database.read(rates.documents)
        names = {one.name for one in self._publisher.editions}
        return {name: one for name, one in known.items() if name in names}

    async def _note(self, document: Document) -> None:
        await self._database.write(rates.note, document)


def _disabled(publisher: Publisher) -> SourceDisabled:
    return SourceDisabled(
        f"{publisher.title} is not asked for exchange rates: it is not among the sources in use.",
        source=publisher.source,
        remedy=ask_person(f"Add {publisher.source} to PENSTOCK_QUOTE_SOURCES."),
    )


def _through(known: dict[str, Document]) -> date | None:
    """Return the day up to which all rates are there."""
    return max((one.through for one in known.values() if one.through), default=None)


def _read(kept: Document, response: Response, through: date, now: datetime) -> Document:
    return Document(
        kept.name,
        now,
        through,
        response.headers.get("etag"),
        response.headers.get("last-modified"),
    )


def _and(total: Refreshed, edition: Edition, stored: Stored, through: date | None) -> Refreshed:
    return Refreshed(
        edition.name,
        total.added + stored.added,
        through,
        (*total.differences, *stored.differences),
    )


def _check_jump(beside: Stated | None, one: Stated) -> None:
    """Refuse a rate that its neighbour in time makes impossible. Raises LayoutChanged."""
    if beside is None or abs(beside.day - one.day) > _MONTH:
        return
    low, high = sorted([beside.rate, one.rate])
    if high > low * Decimal(MOST_JUMP):
        raise LayoutChanged(
            f"{one.currency} is {one.rate} on {one.day} and {beside.rate} on {beside.day}."
        )
