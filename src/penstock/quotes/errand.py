"""One fetch: every symbol on its way from source to source, until it has a price or an error.

No symbol waits for another: what fails at one source goes on to the next while others are still
being asked. What waits for the same source in the meantime goes into one request.
"""

import asyncio
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from penstock.domain.clock import Clock
from penstock.domain.pricing import Kept
from penstock.domain.quote import Quote, QuoteError, SourceUnavailable, SymbolNotFound
from penstock.domain.request import Response
from penstock.domain.trail import How
from penstock.quotes.asking import Asker, NoAnswer
from penstock.quotes.believing import Believer
from penstock.quotes.freshness import alone, is_of, kept_from, revalidated, validators
from penstock.quotes.plan import Attempt, Job, Lane
from penstock.quotes.quest import Quest
from penstock.quotes.read import check_age, read_quotes
from penstock.quotes.recall import Believed, Recalled
from penstock.quotes.symbol import Symbol, candidates_of

STALE_ANSWER: Final = "stale_answer"
"""A flag: no source answered, this is the last answer that was kept."""

_MOST_NEIGHBOURS: Final = 200


class Errand:
    """Brings each of the `quests`, by what was asked, to an outcome."""

    def __init__(
        self,
        quests: Mapping[str, Quest],
        asker: Asker,
        recalled: Recalled,
        believed: Believed,
        believer: Believer,
        *,
        clock: Clock,
    ) -> None:
        self._quests = quests
        self._asker = asker
        self._recalled = recalled
        self._believed = believed
        self._believer = believer
        self._clock = clock
        self._lanes: dict[tuple[str, str], Lane] = {}

    async def run(self, deadline: float | None) -> None:
        """Do it, in so many seconds; what has no outcome by then took too long."""
        try:
            async with asyncio.timeout(deadline), asyncio.TaskGroup() as self._tasks:
                await self._set_out(self._quests.values())
        except TimeoutError:
            await self._give_up()
        except ExceptionGroup as several:  # a store that fails: who asked knows it by its name
            raise several.exceptions[0] from None
        finally:
            await self._recalled.flush()
            await self._believed.flush()

    async def _set_out(self, quests: Iterable[Quest]) -> None:
        """Send each on its next way; those that have none left are at their end."""
        attempts: list[Attempt] = []
        for quest in quests:
            if quest.ways:
                attempts.append(quest.next_way())
            else:
                await self._end(quest)
        await self._recalled.recall([attempt.kept_at for attempt in attempts])
        await self._believed.recall(attempt.symbol.instrument for attempt in attempts)
        for attempt in attempts:
            quote = self._fresh(attempt)
            if quote is not None:
                self._believer.use(self._quests[attempt.asked], attempt, quote, How.FRESH)
            else:
                self._queue(attempt)

    def _fresh(self, attempt: Attempt) -> Quote | None:
        """Return a kept price that is fresh, and goes with what was believed since."""
        kept = self._recalled.at(attempt.kept_at)
        if kept is None or kept.fresh_until <= self._clock():
            return None
        quote = kept.quotes.get(attempt.symbol.instrument)
        if quote is None or self._believer.is_doubtful(attempt, quote):
            return None
        return _as_asked(quote, attempt)

    def _queue(self, attempt: Attempt) -> None:
        source = attempt.source
        # What goes into one request has all but the symbols of its address in common.
        key = source.id, (source.place(attempt.symbol) or "") if source.ask.batch > 1 else ""
        lane = self._lanes.setdefault(key, Lane(source))
        lane.add(attempt)
        if lane.workers < min(source.politeness.concurrency, len(lane.waiting)):
            lane.workers += 1
            self._tasks.create_task(self._work(lane))

    async def _work(self, lane: Lane) -> None:
        while lane.waiting:
            await self._serve(lane.take())
        lane.workers -= 1

    async def _serve(self, job: Job) -> None:
        """Make one request, and send on those whom its answer does not serve."""
        await self._recalled.recall([job.kept_at])
        kept = self._to_revalidate(job)

        async def known() -> bool:
            await self._recalled.recall_again([attempt.kept_at for attempt in job.attempts])
            return all(self._fresh(attempt) for attempt in job.attempts)

        answer = await self._asker.ask(job.source, job.request(kept), calls=job.calls, known=known)
        again = await self._heard(job, kept, answer)
        for one in again:
            await self._serve(one)
        if again:
            return
        if job.source.politeness.interval:
            # Others wait for their turns at the host: what is known is theirs, too, from now on.
            await self._recalled.flush()
            await self._believed.flush()
        asked = dict.fromkeys([attempt.asked for attempt in job.attempts])
        left = [quest for name in asked if (quest := self._quests[name]).outcome is None]
        if left:
            await self._set_out(left)

    async def _heard(
        self, job: Job, kept: Kept | None, answer: Response | NoAnswer | None
    ) -> tuple[Job, ...]:
        """Take what came; return what has to be asked in its place, if that was no answer yet."""
        if answer is None:
            self._came_elsewhere(job)
        elif isinstance(answer, NoAnswer):
            if isinstance(answer.error, SymbolNotFound) and len(job.symbols) > 1:
                return job.halves()  # Which of them it does not know, it did not say.
            self._failed(job, answer)
        elif answer.status != HTTPStatus.NOT_MODIFIED or kept is None:
            await self._came(job, answer)
        elif is_of(kept, answer):
            await self._still(job, kept, answer)
        else:  # It speaks of another answer than the one that we have: that one is wanted, whole.
            await self._recalled.keep(replace(kept, etag=None, last_modified=None))
            return (job,)
        return ()

    def _came_elsewhere(self, job: Job) -> None:
        """Use what somebody else kept meanwhile."""
        for attempt in job.attempts:
            # It was fresh a moment ago, when the host was not asked because of it.
            quote = self._recalled.quote_of(attempt.kept_at, attempt.symbol.instrument)
            if quote is not None:
                quest = self._quests[attempt.asked]
                self._believer.use(quest, attempt, _as_asked(quote, attempt), How.FRESH)

    def _to_revalidate(self, job: Job) -> Kept | None:
        """Return what is kept at the address, if it has all that is wanted and can be asked about.

        Otherwise the whole answer is wanted, and the source must not be told what we have.
        """
        kept = self._recalled.at(job.kept_at)
        if kept is None or not validators(kept):
            return None
        return kept if all(symbol.instrument in kept.quotes for symbol in job.symbols) else None

    async def _still(self, job: Job, kept: Kept, response: Response) -> None:
        """Use what is kept: the source says that it holds. Prices keep their own instant."""
        now = self._clock()
        quotes = {
            instrument: quote._replace(fetched_at=now) for instrument, quote in kept.quotes.items()
        }
        still = revalidated(job.source, kept, response, now, quotes)
        await self._recalled.keep(still)
        await self._believed.recall(quotes)
        for attempt in job.attempts:
            quest, quote = self._quests[attempt.asked], quotes[attempt.symbol.instrument]
            if attempt.kept_at != still.address:
                await self._recalled.add(alone(still, attempt.kept_at), quote)
            quote = _as_asked(quote, attempt)
            try:
                check_age(job.source, quote)
            except QuoteError as error:
                quest.note(attempt, How.REVALIDATED, quote, error)
                quest.fail(error)
                continue
            if self._believer.is_doubtful(attempt, quote):
                # Others were believed since, who say otherwise: it is judged as if it were new.
                await self._believer.take(quest, attempt, quote, still, How.REVALIDATED)
            else:
                self._believer.use(quest, attempt, quote, How.REVALIDATED)

    async def _came(self, job: Job, response: Response) -> None:
        """Read an answer, and judge its prices."""
        now = self._clock()
        neighbours = self._neighbours(job)
        wanted = {attempt.symbol: attempt.asked for attempt in job.attempts}
        read = read_quotes(job.source, wanted | neighbours, response, now)
        await self._believed.recall(symbol.instrument for symbol in read)
        kept = kept_from(job.source, job.kept_at, response.headers, now)
        for attempt in job.attempts:
            quest, outcome = self._quests[attempt.asked], read[attempt.symbol]
            if isinstance(outcome, Quote):
                await self._believer.take(quest, attempt, _as_asked(outcome, attempt), kept)
            else:
                self._fail(quest, attempt, outcome, How.FETCHED)
        for symbol in neighbours:
            outcome = read[symbol]
            if isinstance(outcome, Quote):
                way = Attempt(outcome.symbol, symbol, job.source, job.url)
                await self._believer.take_neighbour(way, outcome, kept)
        if len(wanted) > 1 and job.url != job.attempts[0].url and validators(kept):
            await self._recalled.keep_batch(kept, [way.kept_at for way in job.attempts])

    def _neighbours(self, job: Job) -> dict[Symbol, str]:
        """Return what else was read from this address before: read again, it stays fresh too."""
        kept = self._recalled.at(job.kept_at)
        if kept is None or job.url != job.attempts[0].url:
            return {}
        asked = {attempt.symbol.instrument for attempt in job.attempts}
        others = [name for name in kept.quotes if name not in asked][:_MOST_NEIGHBOURS]
        return {
            symbol: name
            for name in others
            for symbol in candidates_of(name)
            if job.source.address(symbol) == job.url
        }

    def _failed(self, job: Job, answer: NoAnswer) -> None:
        how = How.FETCHED if answer.sent else How.NOT_ASKED
        for attempt in job.attempts:
            self._fail(self._quests[attempt.asked], attempt, answer.error, how)

    def _fail(self, quest: Quest, attempt: Attempt, error: QuoteError, how: How) -> None:
        own = copy(error)
        own.symbol, own.source = attempt.asked, attempt.source.id
        quest.note(attempt, how, error=own)
        quest.fail(own)

    async def _give_up(self) -> None:
        """Tell those who are still waiting that it took too long."""
        for quest in self._quests.values():
            if quest.outcome is None and quest.tried:
                way = quest.tried[-1]
                quest.ways.clear()
                slow = SourceUnavailable(f"{way.source.title} took too long to answer.")
                self._fail(quest, way, slow, How.FETCHED)
                await self._end(quest)

    async def _end(self, quest: Quest) -> None:
        """Give a quest without ways its outcome: an answer kept from before, or the error."""
        if await self._believer.settle(quest):
            return
        if quest.had_outage:
            await self._believed.recall({way.symbol.instrument for way in quest.tried})
        way = self._last_resort(quest) if quest.had_outage else None
        if way is None:
            quest.outcome = quest.telling()
            return
        quote = self._recalled.quote_of(way.kept_at, way.symbol.instrument)
        if quote is not None:
            stale = _as_asked(quote._replace(flags=(*quote.flags, STALE_ANSWER)), way)
            quest.note(way, How.STALE, stale)
            quest.outcome = stale

    def _last_resort(self, quest: Quest) -> Attempt | None:
        """Return the way whose kept answer is the latest that is not too old."""
        now = self._clock()
        found: tuple[datetime, Attempt] | None = None
        for way in quest.tried:
            quote = self._recalled.quote_of(way.kept_at, way.symbol.instrument)
            if quote is None or not _may_be_shown(quote, way, now):
                continue
            if self._believer.is_doubtful(way, quote):
                continue
            if found is None or quote.as_of > found[0]:
                found = quote.as_of, way
        return found[1] if found else None


def _may_be_shown(quote: Quote, way: Attempt, now: datetime) -> bool:
    days = way.source.sane.max_age_days
    young = days is None or now - quote.as_of <= timedelta(days=days)
    return young and now - quote.fetched_at <= timedelta(
        seconds=way.source.politeness.stale_if_error
    )


def _as_asked(quote: Quote, attempt: Attempt) -> Quote:
    return quote if quote.symbol == attempt.asked else quote._replace(symbol=attempt.asked)
