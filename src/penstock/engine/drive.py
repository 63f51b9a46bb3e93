"""The one driver of all generators: sends their requests, and takes each answer as it must be.

Retry, `Retry-After`, token refresh and the counting of effort exist here and nowhere else. A wait
that is longer than the run may take ends the run with the instant to come back (sync.md 22).
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from penstock.db.runs import Tally
from penstock.domain import outcome
from penstock.domain.backoff import full_jitter
from penstock.domain.clock import Clock
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import (
    ContractBroken,
    DestinationRefused,
    PenstockError,
    RowsMoved,
    TransportFailure,
)
from penstock.domain.limit import DAY
from penstock.domain.outcome import Halt
from penstock.domain.protocol import Connector, Pause, Pull, Sender, Verdict, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.retry_after import retry_after
from penstock.domain.schedule import SOON
from penstock.domain.update import Balances, Holdings, Page
from penstock.engine.turnstile import Turnstile, Unmetered
from penstock.oauth.dpop import bound, plain
from penstock.oauth.proving import Proving
from penstock.oauth.run import run
from penstock.observe.metrics import Metrics

ATTEMPTS: Final = 5
FEW: Final = 10
"""So few calls a day, and a request is tried `HASTELESS` times only: the next turn is near."""
HASTELESS: Final = 2
LONGEST_OBEYED: Final = timedelta(hours=24)
_A_DAY: Final = " It asks to be left alone for a day or more: we look once a day."

Sleep = Callable[[float], Awaitable[None]]
R = TypeVar("R")


class CursorLost(PenstockError):
    """The bank no longer knows this cursor."""


class Restart(PenstockError):
    """The data moved while it was being paged: this update starts over."""


class Tokens(Protocol):
    """The credentials of the connection that is being read."""

    async def current(self) -> Credentials:
        """Return credentials that are good now, refreshed ahead where they are about to expire."""

    async def renew(self, refused: Credentials) -> Credentials:
        """Return newer credentials than the ones that the bank has just refused."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a run may wait in all, in seconds, and how often one request is tried."""

    wait_at_most: float = 60.0
    attempts: int = ATTEMPTS


@dataclass(slots=True)
class Driver:
    """Sends what the generators of one run ask for."""

    connector: Connector
    send: Sender
    tokens: Tokens
    tally: Tally
    metrics: Metrics
    clock: Clock
    sleep: Sleep
    random: Callable[[], float] = random.random
    limits: Limits = field(default_factory=Limits)
    meter: Turnstile = field(default_factory=Unmetered)
    proving: Proving = field(default_factory=Proving)
    consent_ends_soon: bool = False
    _waited: float = 0.0

    async def run(self, asking: Generator[Request, Response, R]) -> R:
        """Run a generator of requests to its end and return its value. Raises Halt."""
        try:
            request = next(asking)
            while True:
                request = asking.send(await self.ask(request))
        except StopIteration as end:
            value: R = end.value
            return value
        except RowsMoved as moved:
            raise Halt(outcome.transient(moved.message)) from moved
        except ContractBroken as error:
            raise Halt(outcome.contract_broken(error.message)) from error
        finally:
            asking.close()

    async def pull(
        self, pull: Pull, heard: Callable[[Response], None] = lambda _: None
    ) -> AsyncIterator[Page | Balances | Holdings]:
        """Run a stream's generator; yield what it found.

        Each answer is told to `heard`, under the address that it had before anything was signed:
        some carry the credentials in their path. Raises Halt, CursorLost, Restart.
        """
        try:
            step = next(pull)
            while True:
                if isinstance(step, Request):
                    response = await self.ask(step)
                    heard(replace(response, url=step.url))
                    step = pull.send(response)
                    continue
                if isinstance(step, Pause):
                    await self._pause(step.seconds)
                else:
                    yield step
                step = next(pull)
        except StopIteration:
            return
        except RowsMoved as moved:
            raise Restart(moved.message) from moved
        except ContractBroken as error:
            raise Halt(outcome.contract_broken(error.message)) from error
        finally:
            pull.close()

    async def ask(self, request: Request) -> Response:
        """Send one request until it is answered. Raises Halt, CursorLost, Restart."""
        refreshed = False
        failures = 0
        credentials = await self.tokens.current()
        while True:
            signed = self.connector.sign(request, credentials) if request.authorized else request
            response, verdict = await self._once(
                bound(signed, credentials, self.proving) if request.authorized else plain(signed)
            )
            if response is not None and response.status in request.takes:
                return response
            if verdict.kind is VerdictKind.OK and response is not None:
                self.consent_ends_soon |= verdict.consent is ConsentState.EXPIRING
                return response
            if verdict.kind is VerdictKind.UNAUTHORIZED and not refreshed:
                refreshed = True
                credentials = await self.tokens.renew(credentials)
                continue
            self._raise_if_final(verdict)
            failures += 1
            await self._wait(request, verdict, response, failures)
            credentials = await self.tokens.current()  # it may have expired while we waited
            self.tally.retries += 1

    async def _once(
        self, asking: Generator[Request, Response, Response]
    ) -> tuple[Response | None, Verdict]:
        try:
            response = await run(asking, self._send)
        except DestinationRefused as error:
            raise Halt(outcome.contract_broken(error.message)) from error
        except TransportFailure as error:
            await self.meter.failed()
            return None, Verdict(VerdictKind.TRANSIENT, error.message)
        return response, self.connector.classify(response)

    async def _send(self, request: Request) -> Response:
        """Send in turn. What has to be asked again, for a server's nonce, counts too."""
        await self.meter.admit(request)
        self.tally.requests += 1
        response = await self.send(request)
        self.tally.received_bytes += len(response.body)
        await self.meter.heard(request, response)
        return response

    def _raise_if_final(self, verdict: Verdict) -> None:
        message = verdict.message
        match verdict.kind:
            case VerdictKind.UNAUTHORIZED:
                state = ConsentState.LOGIN_REQUIRED
                raise Halt(outcome.consent_needed(message or "The bank refused our token.", state))
            case VerdictKind.CONSENT:
                state = verdict.consent or ConsentState.LOGIN_REQUIRED
                raise Halt(outcome.consent_needed(message or "The consent has ended.", state))
            case VerdictKind.CONTRACT:
                raise Halt(outcome.contract_broken(message or "The bank's answer makes no sense."))
            case VerdictKind.CURSOR_LOST:
                raise CursorLost(message or None)
            case VerdictKind.RESTART:
                raise Restart(message or None)
            case VerdictKind.NOT_READY:
                raise Halt(outcome.not_ready(self.clock() + SOON, message))
            case _:
                return

    async def _pause(self, seconds: float) -> None:
        """Wait for the provider's work, as long as the run may. Raises Halt."""
        if self._waited + seconds > self.limits.wait_at_most:
            raise Halt(outcome.not_ready(self.clock() + SOON))
        self._waited += seconds
        self.tally.waited_ms += round(seconds * 1000)
        await self.sleep(seconds)

    def _attempts(self) -> int:
        """Return how often a request is tried: of few calls a day none is spent on haste."""
        few = any(
            not limit.spaced and limit.window >= DAY and limit.calls <= FEW
            for limit in self.connector.budgets
        )
        return min(self.limits.attempts, HASTELESS) if few else self.limits.attempts

    async def _wait(
        self, request: Request, verdict: Verdict, response: Response | None, failures: int
    ) -> None:
        now = self.clock()
        told = retry_after(response.headers.get("retry-after"), now) if response else None
        if told is None and verdict.wait is not None:
            told = min(verdict.wait, LONGEST_OBEYED.total_seconds())
        seconds = told if told is not None else full_jitter(failures, self.random())
        throttled = verdict.kind is VerdictKind.THROTTLED
        if throttled:
            self.tally.throttled += 1
            self.metrics.throttled(self.connector.name)
        if failures >= self._attempts() or self._waited + seconds > self.limits.wait_at_most:
            until = now + min(timedelta(seconds=seconds), LONGEST_OBEYED)
            message = verdict.message or "The bank did not answer."
            if told is not None:
                await self.meter.put_off(request, told)
                message += _A_DAY if told >= LONGEST_OBEYED.total_seconds() else ""
            if throttled or told is not None:
                raise Halt(outcome.throttled(message, until))
            raise Halt(outcome.transient(message))
        self._waited += seconds
        self.tally.waited_ms += round(seconds * 1000)
        self.metrics.retried(self.connector.name)
        await self.sleep(seconds)
