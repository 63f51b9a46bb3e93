"""The access token for one address: the one that was given, or the stored session's, refreshed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2

from penstock.cli.failure import SIGN_IN_REMEDY, Failed, SignInNeeded
from penstock.cli.lock import locked
from penstock.cli.problem import failed_by_answer, read_object, unreachable_as_failed
from penstock.cli.session import IN_PROCESS, Session, Sessions
from penstock.domain.clock import Clock

_MARGIN: Final = timedelta(seconds=20)


class Access:
    """Whose token goes along with each request. A token is sent to `address` alone."""

    def __init__(
        self,
        address: str,
        sessions: Sessions,
        *,
        http: httpx2.AsyncClient,
        clock: Clock,
        given: str | None = None,
    ) -> None:
        self.address = address
        self._sessions = sessions
        self._http = http
        self._clock = clock
        self._given = given

    def with_token(self, given: str | None) -> "Access":
        """Return the same with another given token; None: with the stored session alone."""
        return Access(self.address, self._sessions, http=self._http, clock=self._clock, given=given)

    async def token(self) -> str:
        """Return a token that is good for a while yet. Raises Failed (4) where nobody signed in."""
        if self._given:
            return self._given
        session = self._stored()
        if session.expires_at is None or session.expires_at - _MARGIN > self._clock():
            return session.access
        return await self.renewed(session.access)

    async def renewed(self, refused: str) -> str:
        """Return a new token in place of one that was `refused`. Raises Failed (4).

        Of several processes one refreshes, and the others find its token in the file.
        """
        if self._given:
            raise SignInNeeded(
                "the token that was given is not, or no longer, good",
                remedy="Set PENSTOCK_TOKEN to a new one, or unset it and run `penstock login`.",
            )
        async with self._alone():
            session = self._stored()
            if session.access != refused:
                return session.access
            if session.refresh is None:
                raise self._over()
            renewed = await self._refresh(session, session.refresh)
            self._sessions.save(self.address, renewed)
            return renewed.access

    async def sign_in(self, username: str, password: str) -> Session:
        """Trade a name and a password for a session, and store it. Raises Failed."""
        form = {"grant_type": "password", "username": username, "password": password}
        session = await self._ask_for_tokens(form, username)
        await self.store(session)
        return session

    async def store(self, session: Session) -> None:
        """Store a session in place of the last one."""
        async with self._alone():
            self._sessions.save(self.address, session)

    async def forget(self) -> None:
        """Delete the stored session."""
        async with self._alone():
            self._sessions.delete(self.address)

    def find_session(self) -> Session | None:
        """Return the stored session, if there is one."""
        return self._sessions.find(self.address)

    def _stored(self) -> Session:
        session = self._sessions.find(self.address)
        if session is None:
            where = "here" if self.address == IN_PROCESS else f"at {self.address}"
            raise SignInNeeded(f"nobody is signed in {where}", remedy=SIGN_IN_REMEDY)
        return session

    async def _refresh(self, session: Session, refresh: str) -> Session:
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        try:
            renewed = await self._ask_for_tokens(form, session.username)
        except SignInNeeded as refused:
            self._sessions.delete(self.address)
            raise self._over() from refused
        return renewed if renewed.refresh else replace(renewed, refresh=refresh)

    async def _ask_for_tokens(self, form: dict[str, str], username: str) -> Session:
        asked_at = self._clock()
        with unreachable_as_failed(self.address):
            response = await self._http.post("/token", data=form)
        if not response.is_success:
            raise _refused(response)
        answer = read_object(response)
        if not isinstance(answer.get("access_token"), str):
            raise failed_by_answer(response)
        return _session(answer, username, asked_at)

    def _over(self) -> Failed:
        return SignInNeeded("the session is over", remedy="Run `penstock login` to sign in again.")

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        self._sessions.prepare()
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, locked(self._sessions.lock))
            yield


def _refused(response: httpx2.Response) -> Failed:
    """Put a refusal of the token endpoint into words; RFC 6749 §5.2 has a form of its own."""
    try:
        refusal = response.json()
    except ValueError:
        return failed_by_answer(response)
    if not isinstance(refusal, dict) or not isinstance(refusal.get("error"), str):
        return failed_by_answer(response)
    message = str(refusal.get("error_description") or refusal["error"])
    if refusal["error"] == "invalid_grant":
        return SignInNeeded(message, remedy="See that the name and password are right.")
    after = response.headers.get("retry-after", "")
    return Failed(message, remedy=f"Try again in {after} s." if after.isdecimal() else "")


def _session(answer: dict[str, Any], username: str, asked_at: datetime) -> Session:
    lifetime = answer.get("expires_in")
    return Session(
        username=username,
        access=str(answer["access_token"]),
        refresh=answer.get("refresh_token"),
        expires_at=asked_at + timedelta(seconds=lifetime) if lifetime else None,
    )
