"""Keeps the prices of whatever somebody holds fresh, and the exchange rates.

What is due stands in the database (db/price_turns.py), written there by whatever lets somebody hold
it. Of all workers one claims it and asks, many instruments at once, so that a source which answers
many in one request is asked once. Its requests take their turns with everybody else's, through the
gate and the budgets that the quote engine has. A price that came is stored by the engine; here is
only said when the next one is due. Whoever is killed while asking is followed by another when the
claim has run out; what a source had answered by then is kept, and not asked for again.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from penstock.db import price_claims, price_turns
from penstock.db.lane import Database
from penstock.db.price_claims import Claim, Done, Term
from penstock.db.price_turns import Turn
from penstock.domain.clock import Clock
from penstock.domain.market_hours import Due
from penstock.domain.price_turn import (
    SUSPICIOUS,
    UNPRICED,
    Known,
    Pace,
    after_failure,
    after_price,
)
from penstock.domain.quote import Quote, QuoteError, SourceUnavailable
from penstock.domain.trail import How, Trail
from penstock.engine.price_count import Explaining
from penstock.observe.log import bind_request_id, get_logger

LEASE: Final = timedelta(seconds=15)
"""So long a claim holds of which nobody hears any more."""
AT_ONCE: Final = 100
PATIENCE: Final = 90.0
"""Seconds that one turn of many instruments may take."""
_SOON: Final = timedelta(seconds=1)

log = get_logger("penstock.prices")


class Rates(Protocol):
    """What keeps the exchange rates (engine/rates.py)."""

    in_use: bool

    async def next_due(self) -> datetime:
        """Return when to look next."""

    async def refresh(self) -> object:
        """Ask for what is missing, and store it. Raises QuoteError."""


@dataclass(slots=True)
class Pricer:
    """Asks for what is due. `database` is the program's own; `every` 0: only when asked to.

    `fresh_for` says how long an answer of a source is fresh: more often it is not asked.
    """

    database: Database
    quotes: Explaining
    rates: Rates
    clock: Clock
    every: timedelta
    fresh_for: Mapping[str, timedelta] = field(default_factory=dict)
    chance: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    patience: float = PATIENCE
    lease: timedelta = LEASE
    _begun: bool = field(default=False, init=False)

    @property
    def scheduled(self) -> bool:
        """Whether anything is asked for by itself."""
        return self.every > timedelta(0)

    async def tick(self) -> int:
        """Ask for what is due, and return how much that was."""
        if not self.scheduled:
            return 0
        if not self._begun:
            await self.database.write(price_turns.reconsider, UNPRICED, now=self.clock())
            self._begun = True
        return await self._once(wanted=False)

    async def tick_wanted(self) -> int:
        """Ask for what somebody waits for, beside what is under way."""
        return await self._once(wanted=True)

    async def tick_rates(self) -> int:
        """Ask for exchange rates when there are new ones; return whether it was done: 1 or 0."""
        now = self.clock()
        if not (self.scheduled and self.rates.in_use) or await self.rates.next_due() > now:
            return 0
        held = await self.database.write(price_claims.claim_rates, self._term(), due_at=now)
        if not held.turns:
            return 0
        async with self._holding(held):
            done = await self._have_rates(held.turns[0])
        await self.database.write(price_claims.finish, held, [done])
        return 1

    async def refresh(self, owner_id: int, *, patience: float | None = None) -> dict[str, Turn]:
        """Ask now for all that a person holds, and return the turns as they are then.

        What another process is asking for at this moment, and what is more than `AT_ONCE`, comes
        soon after: it goes before the schedule.
        """
        now = self.clock()
        wanted = await self.database.write(price_turns.want, owner_id=owner_id, now=now)
        held = await self.database.write(
            price_claims.claim, self._term(), limit=AT_ONCE, wanted=True, among=wanted
        )
        await self._have(held, self.patience if patience is None else patience)
        return await self.database.read(price_turns.some, wanted)

    async def _once(self, *, wanted: bool) -> int:
        now = self.clock()
        if not await self.database.glance(price_claims.waits, now=now, wanted=wanted):
            return 0
        term = self._term()
        with bind_request_id(term.holder):
            held = await self.database.write(price_claims.claim, term, limit=AT_ONCE, wanted=wanted)
            return await self._have(held, self.patience)

    def _term(self) -> Term:
        now = self.clock()
        return Term(f"prices-{secrets.token_hex(8)}", now, now + self.lease)

    async def _have(self, held: Claim, patience: float) -> int:
        """Ask for what was claimed, write down how it went, and return how much it was."""
        if not held.turns:
            return 0
        async with self._holding(held):
            trails = await self._ask(held.instruments, patience)
        done = [self._done(turn, trails[turn.instrument]) for turn in held.turns]
        ours = await self.database.write(price_claims.finish, held, done)
        failed = sum(one.known.last_code is not None for one in done)
        log.info("prices.asked", instruments=len(done), failed=failed, lost=len(done) - ours)
        return len(done)

    @asynccontextmanager
    async def _holding(self, held: Claim) -> AsyncIterator[None]:
        """Hold a claim for as long as the context is open; let go of it where that fails."""
        beat = asyncio.create_task(self._beat(held), name="price-claim")
        try:
            yield
        except BaseException:
            await self._settled(beat)
            await self.database.write(price_claims.release, held)
            raise
        await self._settled(beat)

    @staticmethod
    async def _settled(beat: "asyncio.Task[None]") -> None:
        beat.cancel()
        await asyncio.wait([beat])

    async def _beat(self, held: Claim) -> None:
        while True:
            await self.sleep(self.lease.total_seconds() / 3)
            until = self.clock() + self.lease
            try:
                if not await self.database.write(price_claims.extend, held, until=until):
                    log.warning("prices.claim_lost", instruments=len(held.turns))
                    return
            except Exception:  # the database is away: what is written at the end tells whose it is
                log.exception("prices.heartbeat_missed")

    async def _ask(self, instruments: Sequence[str], patience: float) -> Mapping[str, Trail]:
        """Return how each came to its price. One at which the engine breaks harms no other."""
        try:
            trails = await self.quotes.explain(instruments, deadline=patience)
        except Exception:
            if len(instruments) > 1:
                half = len(instruments) // 2
                first = await self._ask(instruments[:half], patience)
                return {**first, **await self._ask(instruments[half:], patience)}
            log.exception("prices.broke", instrument=instruments[0])
            broken = SourceUnavailable("Asking for its price failed; the log says why.")
            return {instruments[0]: Trail(instruments[0], broken)}
        return {trail.symbol: trail for trail in trails}

    def _done(self, turn: Turn, trail: Trail) -> Done:
        now, chance = self.clock(), self.chance()
        outcome = _news(trail)
        if isinstance(outcome, QuoteError):
            _say(turn, outcome)
            return Done(turn, *after_failure(turn.known, outcome, now=now, chance=chance))
        delay = max(outcome.delay or timedelta(0), timedelta(0))
        fresh_for = self.fresh_for.get(outcome.source, timedelta(0))
        # Also with the schedule off it is written down when the next price is to be had.
        every = max(self.every, fresh_for + delay, _SOON)
        after, due = after_price(
            turn.instrument,
            turn.known,
            outcome.as_of,
            now=now,
            pace=Pace(every, delay, chance),
            kept=bool(trail.steps) and trail.steps[-1].how is How.FRESH,
        )
        return Done(turn, after, due)

    async def _have_rates(self, turn: Turn) -> Done:
        try:
            await self.rates.refresh()
        except QuoteError as error:
            _say(turn, error)
            after, due = after_failure(turn.known, error, now=self.clock(), chance=self.chance())
            return Done(turn, after, due)
        now = self.clock()
        at = max(await self.rates.next_due(), now + _SOON)
        return Done(turn, Known(now, last_ok_at=now), Due(at, at))


def _news(trail: Trail) -> Quote | QuoteError:
    """Return the price, or why there is no new one where only an old answer could be shown."""
    if trail.steps and trail.steps[-1].how is How.STALE:
        errors = [step.error for step in trail.steps if step.error is not None]
        return errors[-1] if errors else SourceUnavailable()
    return trail.outcome


def _say(turn: Turn, error: QuoteError) -> None:
    """Log why there is no price, where that is another reason than the last time."""
    if error.code == turn.known.last_code:
        return
    tell = log.warning if error.code in SUSPICIOUS else log.info
    tell("prices.none", instrument=turn.instrument, code=error.code, reason=error.message)
