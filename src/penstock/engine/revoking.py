"""Ending our access at the bank, as far as it lets us, and until it has (O9).

What is to be revoked is queued, sealed, in the transaction that wipes it from where it opened the
bank. So a bank that is down, or a process that dies, only puts it off.
"""

import asyncio
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import revocations
from penstock.db.lane import Database
from penstock.db.revocations import RevocationRow
from penstock.domain.clock import Clock
from penstock.domain.consent import Credentials
from penstock.domain.errors import (
    GrantRefused,
    OAuthError,
    OAuthUnavailable,
    SealBroken,
    TransportFailure,
    VaultError,
)
from penstock.domain.link_plan import LinkPlan, OAuthPlan, VisitPlan
from penstock.domain.protocol import Connector, SenderFor
from penstock.domain.request import Request, Response
from penstock.domain.retry_after import retry_after
from penstock.engine.seal import Seals
from penstock.oauth.proving import Proving
from penstock.oauth.run import run
from penstock.oauth.token import revoke
from penstock.observe.log import get_logger

HEAD_START: Final = timedelta(minutes=2)
"""How long whoever queued it has it for themselves: longer than an exchange may take."""
LONGEST: Final = timedelta(hours=6)
KEPT: Final = timedelta(days=30)
"""How long it is tried. Tokens that nobody may be told of are not kept for ever."""
REMEMBERED: Final = timedelta(days=90)
_FIRST: Final = timedelta(minutes=1)
_AT_ONCE: Final = 20

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Revoker:
    """Revokes credentials that are gone from here, and tries again where it failed."""

    database: Database
    connectors: Mapping[str, Connector]
    seals: Seals
    send_for: SenderFor
    clock: Clock
    proving: Proving = field(default_factory=Proving)

    def queue(
        self,
        connection: sa.Connection,
        opened: Credentials,
        *,
        owner_id: int,
        connector: str,
        plan: int,
    ) -> int | None:
        """Put credentials where `revoke` finds them, in the transaction that wipes them.

        None where the bank has no way to revoke.
        """
        if self._ending(connector, plan, opened) is None:
            return None
        now = self.clock()
        number = revocations.add(
            connection,
            owner_id=owner_id,
            connector=connector,
            plan=plan,
            expires_at=opened.expires_at,
            now=now,
            next_at=now + HEAD_START,
        )
        sealed = self.seals.seal_revocation(opened, number, owner_id)
        revocations.keep(connection, number, access=sealed[0], refresh=sealed[1], key=sealed[2])
        return number

    async def revoke(
        self, number: int, opened: Credentials, *, connector: str, plan: int, attempts: int = 0
    ) -> bool:
        """Revoke what was queued; say whether the bank confirmed it. It is tried again if not."""
        failure, wait = await self._try(connector, plan, opened)
        if failure is None:
            await self.database.write(revocations.done, number)
            return True
        log.warning("credentials.not_revoked", connector=connector, reason=failure)
        await self._put_off(number, failure, attempts, wait)
        return False

    async def pass_once(self) -> int:
        """Try whatever is due; return how much that was."""
        now = self.clock()
        due = await self.database.read(revocations.next_due)
        if due is None or due > now:
            return 0
        taken = await self.database.write(
            revocations.take, now=now, until=now + HEAD_START, limit=_AT_ONCE
        )
        for row in taken:
            await self._again(row, now)
        await self.database.write(revocations.forget_given_up, before=now - REMEMBERED)
        return len(taken)

    async def _again(self, row: RevocationRow, now: datetime) -> None:
        attempts = row.attempts + 1
        if now - row.created_at > KEPT:
            await self._give_up(row, row.failure or "It was never tried.")
            return
        try:  # in a thread: a key that is far away may take its time
            opened = await asyncio.to_thread(self._open, row)
        except SealBroken as error:
            await self._give_up(row, error.message)
        except VaultError as error:  # it opens once the key is here again
            log.warning("revocation.unopened", reason=error.message)
            await self._put_off(row.id, error.message, attempts)
        else:
            if opened.refresh is None and opened.expires_at and opened.expires_at <= now:
                log.info("credentials.expired_unrevoked", connector=row.connector)
                await self.database.write(revocations.done, row.id)
                return
            await self.revoke(
                row.id, opened, connector=row.connector, plan=row.plan, attempts=attempts
            )

    async def _give_up(self, row: RevocationRow, why: str) -> None:
        log.error("credentials.never_revoked", connector=row.connector, reason=why)
        await self.database.write(revocations.give_up, row.id, failure=why)

    async def _put_off(
        self, number: int, failure: str, attempts: int, wait: timedelta = timedelta()
    ) -> None:
        pause = max(wait, min(_FIRST * 2 ** min(attempts, 16), LONGEST))
        await self.database.write(
            revocations.put_off, number, next_at=self.clock() + pause, failure=failure
        )

    async def _try(
        self, connector: str, plan: int, opened: Credentials
    ) -> tuple[str | None, timedelta]:
        """Ask the bank once. Return why it failed, if it did, and how long the bank says to wait.

        A bank that no longer knows the grant has ended it.
        """
        ending = self._ending(connector, plan, opened)
        if ending is None:
            return f"{connector} is not set up here any more.", LONGEST
        try:
            await run(ending, self.send_for(connector))
        except GrantRefused:
            return None, timedelta()
        except OAuthUnavailable as error:
            seconds = retry_after(error.retry_after, self.clock())
            return error.message, timedelta(seconds=seconds or 0)
        except (OAuthError, TransportFailure) as error:
            return error.message, timedelta()
        return None, timedelta()

    def _ending(
        self, connector: str, number: int, opened: Credentials
    ) -> Generator[Request, Response, None] | None:
        """Return the step that ends it, None where the bank has none."""
        known = self.connectors.get(connector)
        match plan_of(known, number) if known else None:
            case (OAuthPlan(revoke_url=str()) | OAuthPlan(publishes=True)) as plan:
                return revoke(plan, opened, proving=self.proving)
            case OAuthPlan(end=end) | VisitPlan(end=end) if end is not None:
                return end(opened)
            case _:
                return None

    def _open(self, row: RevocationRow) -> Credentials:
        if row.access is None:
            raise SealBroken("The tokens are gone.")
        return self.seals.open_revocation(
            (row.access, row.refresh, row.key), row.expires_at, row.id, row.owner_id
        )


def plan_of(connector: Connector, number: int) -> LinkPlan | None:
    """Return the plan that a connection was linked with; None if it is no longer offered here."""
    plans = connector.link_plans
    return plans[number] if number < len(plans) else None
