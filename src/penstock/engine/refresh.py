"""Access tokens that are always good, renewed by one process at a time (sync.md 25, O5).

Who renews is decided in the database: a claim on the version of the credentials that is known to
be bad, kept alive while the bank thinks. Everybody else waits and reads again. The rotated token is
stored before it is used once.

Each refresh is journaled before the bank is asked. One that was asked and never answered tells of
a crash: the old token is tried again, for the bank may not have heard us, or may take it once more.
Where it was lost again and again, the person is asked instead of trying for ever.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import sqlalchemy as sa

from penstock.db import credentials, refreshes
from penstock.db.credentials import SealedCredentials
from penstock.db.lane import Database
from penstock.db.refreshes import RefreshOutcome
from penstock.db.runs import Tally
from penstock.domain import outcome
from penstock.domain.backoff import full_jitter
from penstock.domain.clock import Clock
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import (
    GrantRefused,
    OAuthError,
    OAuthUnavailable,
    TransportFailure,
    VaultError,
)
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.outcome import Ending, Halt
from penstock.domain.protocol import Connector, Sender
from penstock.domain.retry_after import retry_after
from penstock.domain.secret import Secret
from penstock.engine.drive import Sleep
from penstock.engine.revoking import Revoker, plan_of
from penstock.engine.seal import Seals
from penstock.engine.turnstile import Turnstile, Unmetered
from penstock.oauth.proving import Proving
from penstock.oauth.run import run
from penstock.oauth.token import TokenAnswer, refresh
from penstock.observe.metrics import Metrics

AHEAD: Final = timedelta(seconds=60)
"""How long before its end a token counts as ended: it must outlive the request it goes with."""
CLAIM: Final = timedelta(seconds=15)
"""How long a claim holds without a sign of life."""
MOST_LOST: Final = 5
"""How often the answer to a refresh of one token may be lost before the person is asked."""
_POLL: Final = 0.05
_STORINGS: Final = 12
"""How often a new token is tried to be stored again: about a minute in all."""
_STORE_AGAIN: Final = 5.0


@dataclass(slots=True)
class ConnectionTokens:
    """The credentials of one connection (engine.drive.Tokens); `known` were read a moment ago."""

    connection_id: int
    owner_id: int
    connector: Connector
    database: Database
    seals: Seals
    send: Sender
    metrics: Metrics
    tally: Tally
    clock: Clock
    sleep: Sleep
    meter: Turnstile = field(default_factory=Unmetered)
    claim_time: timedelta = CLAIM
    known: SealedCredentials | None = None
    proving: Proving = field(default_factory=Proving)
    _ahead: timedelta = AHEAD
    _opened: Credentials | None = None
    _version: int = 0
    _plan: int = 0
    _name: str = field(default_factory=lambda: uuid4().hex)

    async def current(self) -> Credentials:
        """Return credentials that are good for the next minute. Raises Halt for want of any."""
        opened = self._opened or await (self._open(self.known) if self.known else self._read())
        if opened.expires_at is None or opened.expires_at - self.clock() > self._ahead:
            return opened
        return await self.renew(opened)

    async def renew(self, refused: Credentials) -> Credentials:
        """Return newer credentials than `refused`. Raises Halt where the bank gives none."""
        admitted = False
        while True:
            opened = await self._read()
            if opened.access != refused.access:
                return opened
            plan = plan_of(self.connector, self._plan)
            if opened.refresh is None or not isinstance(plan, OAuthPlan):
                message = "The bank refused our token, and there is none to renew it with."
                raise _login_required(message)
            if not admitted:  # before the claim, which does not wait for a turn
                await self.seals.ready(self.owner_id)  # the bank gives a new token once
                await self.meter.admit_refresh()
                admitted = True
            lost = await self.database.write(self._claim, self.clock())
            if lost is not None and lost > MOST_LOST:
                await self._let_go(RefreshOutcome.FAILED)
                message = f"The bank was asked {lost} times for a new token, and every answer lost."
                raise _login_required(message)
            if lost is not None:
                return await self._refresh(plan, opened.refresh, opened.key)
            await self.sleep(_POLL)

    def _claim(self, connection: sa.Connection, now: datetime) -> int | None:
        """Become the one who renews, and write it down. Return how often that was lost before.

        None where another is at it, or was already.
        """
        claimed = credentials.claim_refresh(
            connection,
            self.connection_id,
            version=self._version,
            refresher=self._name,
            now=now,
            until=now + self.claim_time,
        )
        return (
            refreshes.ask(connection, self.connection_id, self._version, now=now)
            if claimed
            else None
        )

    async def _refresh(self, plan: OAuthPlan, token: Secret, key: Secret | None) -> Credentials:
        """Renew to the end, even where the run is stopped: the bank may have rotated already.

        A new token that is dropped ends the consent, for the old one is dead.
        """
        renewing = asyncio.ensure_future(self._ask_and_store(plan, token, key))
        keeping = asyncio.ensure_future(self._keep_claim())
        try:
            return await asyncio.shield(renewing)
        finally:  # who is stopped here waits for it; an exchange has a deadline of its own
            await asyncio.wait([renewing])
            keeping.cancel()
            if not renewing.cancelled():
                renewing.exception()

    async def _keep_claim(self) -> None:
        """Show that we are alive, as long as the bank thinks."""
        while True:
            await asyncio.sleep(self.claim_time.total_seconds() / 3)
            with contextlib.suppress(Exception):  # the database is away: the claim may run out
                await self.database.write(
                    credentials.keep_claim,
                    self.connection_id,
                    refresher=self._name,
                    until=self.clock() + self.claim_time,
                )

    async def _ask_and_store(
        self, plan: OAuthPlan, token: Secret, key: Secret | None
    ) -> Credentials:
        version = self._version
        asking = refresh(plan, token, key=key, proving=self.proving)
        try:
            answer: TokenAnswer = await run(asking, self.meter.noting(self.send))
        except GrantRefused as error:
            self.metrics.token_refreshed(self.connector.name, "refused")
            await self._let_go(RefreshOutcome.REFUSED)
            newer = await self._read()
            if self._version != version:
                return newer
            raise _login_required(error.message) from error
        except (OAuthError, TransportFailure) as error:
            self.metrics.token_refreshed(self.connector.name, "failed")
            await self._let_go(RefreshOutcome.FAILED)
            raise Halt(self._not_renewed(error)) from error
        self.metrics.token_refreshed(self.connector.name, "ok")
        self.tally.refreshes += 1
        fresh = as_credentials(answer, self.clock(), before=self._opened)
        if fresh.expires_at is not None:  # a token of half a minute must not be renewed each time
            self._ahead = min(AHEAD, (fresh.expires_at - self.clock()) / 4)
        orphan = await self._store_surely(version, fresh)
        if orphan is not None:
            await self._revoker().revoke(
                orphan, fresh, connector=self.connector.name, plan=self._plan
            )
        return await self._read()

    async def _store_surely(self, version: int, fresh: Credentials) -> int | None:
        """Store the new token; where the database or the key is away, keep trying.

        The old one may be dead.
        """
        failures = 0
        while True:
            try:
                return await self.database.write_to_disk(self._store, version, fresh)
            except (sa.exc.DBAPIError, VaultError):
                failures += 1
                if failures > _STORINGS:
                    raise
                await self.sleep(full_jitter(failures, 1.0, most=_STORE_AGAIN))

    def _store(self, connection: sa.Connection, version: int, fresh: Credentials) -> int | None:
        """Store the new token, or leave newer ones.

        Where the person disconnected meanwhile it is queued to be revoked: return its number there.
        """
        sealed = self.seals.seal(
            fresh, self.connection_id, self.owner_id, plan=self._plan, version=version + 1
        )
        stored = credentials.save_refreshed(connection, sealed, version=version)
        refreshes.answered(
            connection, self.connection_id, version, RefreshOutcome.OK, now=self.clock()
        )
        if stored or credentials.find(connection, self.connection_id) is not None:
            return None
        return self._revoker().queue(
            connection,
            fresh,
            owner_id=self.owner_id,
            connector=self.connector.name,
            plan=self._plan,
        )

    def _revoker(self) -> Revoker:
        return Revoker(
            self.database,
            {self.connector.name: self.connector},
            self.seals,
            lambda _name: self.send,
            self.clock,
            self.proving,
        )

    async def _read(self) -> Credentials:
        sealed = await self.database.glance(credentials.find, self.connection_id)
        if sealed is None:
            state = ConsentState.LOGIN_REQUIRED
            raise Halt(outcome.consent_needed("This connection has no credentials.", state))
        return await self._open(sealed)

    async def _open(self, sealed: SealedCredentials) -> Credentials:
        self._opened = await asyncio.to_thread(self.seals.open, sealed, self.owner_id)
        self._version, self._plan = sealed.version, sealed.plan
        return self._opened

    async def _let_go(self, outcome: RefreshOutcome) -> None:
        """Give the claim back without new credentials, and write down why."""
        await self.database.write(self._give_back, outcome)

    def _give_back(self, connection: sa.Connection, outcome: RefreshOutcome) -> None:
        credentials.release_refresh(connection, self.connection_id, refresher=self._name)
        refreshes.answered(connection, self.connection_id, self._version, outcome, now=self.clock())

    def _not_renewed(self, error: OAuthError | TransportFailure) -> Ending:
        """Say how the run ends: the tokens are as good as before, and waits are obeyed (22)."""
        message, now = f"The token was not renewed: {error.message}", self.clock()
        told = error.retry_after if isinstance(error, OAuthUnavailable) else None
        seconds = retry_after(told, now)
        if seconds is not None:
            self.tally.throttled += 1
            self.metrics.throttled(self.connector.name)
            return outcome.throttled(message, now + timedelta(seconds=seconds))
        ending = outcome.transient(message)
        return replace(ending, remedy=error.remedy or ending.remedy)


def as_credentials(
    answer: TokenAnswer,
    now: datetime,
    *,
    before: Credentials | None = None,
    key: Secret | None = None,
) -> Credentials:
    """Return a token answer as credentials; what it leaves out stays as it was (RFC 6749 §6).

    New ones are bound to `key`, if there is one; refreshed ones to what they were.
    """
    expires_at = now + timedelta(seconds=answer.expires_in) if answer.expires_in else None
    return Credentials(
        access=answer.access,
        refresh=answer.refresh or (before.refresh if before else None),
        expires_at=expires_at,
        scope=answer.scope or (before.scope if before else ""),
        key=before.key if before else key,
    )


def _login_required(message: str) -> Halt:
    """Return what ends the run; its end, under the lease, is what tells the connection."""
    return Halt(outcome.consent_needed(message, ConsentState.LOGIN_REQUIRED))
