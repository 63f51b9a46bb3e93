"""What every request to a bank passes: the institution's breaker, then the budgets it spends of.

One meter a run. A short wait for a turn is slept here; a long one ends the run with the instant to
come back (sync.md 22-24). Retries and token refreshes pass as first calls do. A provider that
declares no limit and sends no headers of limits costs no write.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import budgets
from penstock.db.lane import Database
from penstock.db.runs import Tally
from penstock.domain import outcome
from penstock.domain.breaker import BreakerState
from penstock.domain.budget import Ask, Grant, Ledger, Use
from penstock.domain.clock import Clock
from penstock.domain.errors import DestinationRefused, LeaseLost, TransportFailure
from penstock.domain.limit import Limit, Scope
from penstock.domain.outcome import Ending, Halt, Outcome
from penstock.domain.protocol import Connector, Sender
from penstock.domain.rate_headers import Told, read_told
from penstock.domain.remedy import wait
from penstock.domain.request import Request, Response
from penstock.domain.uses import use_told, uses_of
from penstock.engine.health import Health
from penstock.observe.log import get_logger
from penstock.observe.metrics import Metrics

TOKEN: Final = "token"  # noqa: S105 - the word for an endpoint, no secret
RETRY_AFTER: Final = "retry-after"
_TROUBLES: Final = 2
"""So many attempts in a row without a good answer are trouble; one alone is an accident."""
_LOST: Final = 20
"""So many turns may be missed in a row because this process was too late for them."""
_SERVER_ERROR: Final = 500
_FEW: Final = 4
_FEW_OF_UNKNOWN: Final = 20

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Meters:
    """Makes the meter of each run; one for the whole process.

    `rates` are the operator's, by connector: each stands in place of the rate of the whole app
    that the connector declares.
    """

    database: Database
    ledger: Ledger
    health: Health
    metrics: Metrics
    clock: Clock
    sleep: Callable[[float], Awaitable[None]]
    patience: float = 60.0
    rates: Mapping[str, Limit] = field(default_factory=dict)

    def limits_of(self, connector: Connector) -> tuple[Limit, ...]:
        """Return the limits in force for a connector."""
        return limits_in_force(connector, self.rates)

    def of_run(
        self, connector: Connector, connection_id: int, institution: str, run: str, tally: Tally
    ) -> "Meter":
        """Return the meter of a run."""
        return Meter(
            self, connector, self.limits_of(connector), connection_id, institution, run, tally
        )


def limits_in_force(connector: Connector, rates: Mapping[str, Limit]) -> tuple[Limit, ...]:
    """Return what a connector declares, with the operator's rate in place of its own."""
    own = rates.get(connector.name)
    if own is None:
        return connector.budgets
    kept = (
        one
        for one in connector.budgets
        if not (one.spaced and one.scope is Scope.APP and not one.endpoint)
    )
    return (*kept, own)


@dataclass(slots=True)
class Meter:
    """The meter of one run (engine.turnstile.Turnstile)."""

    office: Meters
    connector: Connector
    limits: Sequence[Limit]
    connection_id: int
    institution: str
    run: str
    tally: Tally
    _told: dict[str, str] | None = None
    _unheard: list[tuple[Request, Response]] = field(default_factory=list)
    _troubles: int = 0
    _reported: bool = False
    _probing: bool = False

    async def admit(self, request: Request) -> None:
        """Return when the request may be sent. Raises Halt where that is not soon."""
        name = self.connector.name
        passage = await self.office.health.may_pass(name, self.institution, self.run)
        self._probing = passage.probe
        if not passage.allowed and passage.until is not None:
            self.office.metrics.held_back(name, "breaker")
            raise Halt(_left_alone(passage.until))
        while self._unheard:
            await self._hear_limits(*self._unheard.pop())
        uses = uses_of(self.limits, name, self.connection_id, request)
        uses += await self._uses_told(request)
        if uses:
            await self._take_turn(uses)

    async def admit_refresh(self) -> None:
        """Return when the token endpoint may be asked. Raises Halt where that is not soon."""
        await self.admit(Request("POST", "", endpoint=TOKEN))

    def noting(self, send: Sender) -> Sender:
        """Return a sender for the token endpoint whose answers are noted as all others are.

        Nothing stands between an answer and the storing of its token: what it says of limits is
        noted before the next request.
        """

        async def sent(request: Request) -> Response:
            try:
                response = await send(request)
            except DestinationRefused:
                raise
            except TransportFailure:
                await self.failed()
                raise
            if response.status >= _SERVER_ERROR:
                await self.failed()
            self._unheard.append((replace(request, endpoint=TOKEN), response))
            return response

        return sent

    async def failed(self) -> None:
        """Note an attempt without a good answer. One alone is an accident, unless it was a probe.

        Where the breaker is open after it, the next `admit` ends the run.
        """
        self._troubles += 1
        if self._reported and not self._probing:
            return
        if self._troubles >= _TROUBLES or self._probing:
            self._reported = True
            name = self.connector.name
            after = await self.office.health.trouble(name, self.institution, self.run)
            if after.state(self.office.clock()) is BreakerState.OPEN:
                log.warning("breaker.open", connector=name, institution=self.institution)

    async def heard(self, request: Request, response: Response) -> None:
        """Note what an answer says of the institution's health and of its limits."""
        if response.status >= _SERVER_ERROR:
            await self.failed()
        else:
            self._troubles = 0
            if self._probing:
                self._probing = False
                self._reported = False
                await self._report_success()
        await self._hear_limits(request, response)

    async def put_off(self, request: Request, seconds: float) -> None:
        """Note that the bank asked to be left alone for so long, for whoever looks or asks next."""
        told = Told(RETRY_AFTER, None, 0, timedelta(seconds=seconds))
        if seconds > 0:
            await self._heed(replace(request, account=""), told)

    async def went_well(self) -> None:
        """Note that everything was read: it is the end of a row of runs that met trouble."""
        await self._report_success()

    async def _report_success(self) -> None:
        name = self.connector.name
        await self.office.health.success(name, self.institution, self.run)

    async def _take_turn(self, uses: tuple[Use, ...]) -> None:
        office, waited = self.office, 0.0
        for _ in range(_LOST):
            patience = timedelta(seconds=max(office.patience - waited, 0))
            grant, since = await self._spend(Ask(uses, patience))
            at = since + grant.wait
            seconds = max((at - office.clock()).total_seconds(), 0.0)
            if not grant.granted and waited + seconds > office.patience:
                break
            if seconds > 0:
                waited += seconds
                self.tally.waited_ms += round(seconds * 1000)
                office.metrics.waited_for_turn(self.connector.name, seconds)
                await office.sleep(seconds)
            if grant.granted and _in_time(office.clock() - at, grant.slack):
                return
        else:
            at = office.clock() + timedelta(seconds=1)
        office.metrics.held_back(self.connector.name, "budget")
        message = "What we may ask of the bank is spent for now."
        raise Halt(outcome.throttled(message, at))

    async def _spend(self, ask: Ask) -> tuple[Grant, datetime]:
        try:
            return await self.office.ledger.spend(ask)
        except sa.exc.IntegrityError:
            raise LeaseLost("This connection was deleted meanwhile.") from None

    async def _uses_told(self, request: Request) -> tuple[Use, ...]:
        """Return the undeclared budgets of this request of which the bank said that few are left.

        They are read once a run, and only where the bank said so to anybody.
        """
        name, office = self.connector.name, self.office
        if self._told is None:
            self._told = {}
            if (await office.health.known(name)).has_told:
                known = await office.database.read(
                    budgets.told, self.connection_id, now=office.clock()
                )
                self._told = {key: _family_of(key) for key in known}
        if not self._told:
            return ()
        uses = {}
        for family in set(self._told.values()):
            use = use_told(self.limits, name, self.connection_id, request, family)
            if use.key in self._told:
                uses[use.key] = use
        return tuple(uses.values())

    async def _hear_limits(self, request: Request, response: Response) -> None:
        for told in read_told(response.headers, self.office.clock()):
            if told.left <= (_FEW_OF_UNKNOWN if told.limit is None else told.limit // _FEW):
                await self._heed(request, told)

    async def _heed(self, request: Request, told: Told) -> None:
        name = self.connector.name
        use = use_told(self.limits, name, self.connection_id, request, told.family)
        if use.limit is None:
            self._told = {**(self._told or {}), use.key: told.family}
        try:
            await self.office.ledger.heed(use, told)
        except sa.exc.IntegrityError:
            raise LeaseLost("This connection was deleted meanwhile.") from None
        self.office.health.forget(name)


def _in_time(late: timedelta, slack: timedelta | None) -> bool:
    return slack is None or late <= slack


def _family_of(key: str) -> str:
    return key.partition(":told:")[2].partition("#")[0]


def _left_alone(until: datetime) -> Ending:
    text = f"The bank has trouble of its own. It is tried again after {until:%Y-%m-%d %H:%M} UTC."
    message = "The bank did not answer well several times in a row, so it is left alone for now."
    return Ending(Outcome.THROTTLED, message, wait(text, until), until)
